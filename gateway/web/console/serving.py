"""A request's way through the console: who is inside, what was filled in, the page's handler, the answer.

What changes something is a POST with a form of ours: from a page of the same origin, with the token that only
the session's own pages know.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Mount, Route, Router
from starlette.types import Receive, Scope, Send

from gateway.domain.event import is_org_id
from gateway.domain.ids import new_id
from gateway.errors import NotFound, Problem
from gateway.manage.console import Inside
from gateway.web.api import OPERATIONS
from gateway.web.auth import ALL_ORGS
from gateway.web.call import Services
from gateway.web.console import sessions
from gateway.web.console.around import HEADERS, START, Surroundings
from gateway.web.console.asking import Asking
from gateway.web.console.files import all_files
from gateway.web.console.forms import Form, check_token, read_form
from gateway.web.console.page import Download, Onward, Page, Shown, Visit
from gateway.web.console.pages import PAGES
from gateway.web.console.ways_in import WaysIn

log = logging.getLogger("gateway.console")

_FIRST_PAGE_SLASHES: Final = 3  # /console/o/acme
_FOR_GOOD: Final = "public, max-age=31536000, immutable"


def routes(services: Services) -> list[Route | Mount]:
    """Everything at and below `/console`."""
    around = Surroundings(services, Asking(OPERATIONS, services))
    ways_in = WaysIn(around)
    by_path: dict[str, list[Page]] = {}
    for page in PAGES:
        by_path.setdefault(page.path, []).append(page)
    inner: list[Route] = [Route("/static/{name}", _file), *ways_in.routes()]
    inner += [Route(path or "/", endpoint=_Pages(group, around)) for path, group in by_path.items()]
    router = Router(inner, redirect_slashes=False, default=_Nothing(around))
    return [Route(START, endpoint=_Pages(by_path[""], around)), Mount(START, app=router)]


async def _file(request: Request) -> Response:
    found = all_files().get(request.path_params["name"])
    if found is None:
        raise HTTPException(404)
    kept = _FOR_GOOD if request.query_params.get("v") == found.mark else "no-cache"
    headers = HEADERS | {"Cache-Control": kept, "Content-Type": found.media_type}
    return Response(found.body, headers=headers)


class _Pages:
    """The ASGI application of one address; which page it is, the method says."""

    def __init__(self, pages: Sequence[Page], around: Surroundings) -> None:
        self._around = around
        self._pages: dict[str, Page] = {page.method: page for page in pages}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._answer(Request(scope, receive))
        except ClientDisconnect:
            return
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        services, around = self._around.services, self._around
        request_id = new_id("req", services.clock.now())
        page = self._pages.get("GET" if request.method == "HEAD" else request.method)
        visit: Visit | None = None
        try:
            if page is None and request.method in ("GET", "HEAD"):  # of a form: the page before it
                return around.onward(around.root + _before(request.url.path))
            if page is None:
                raise NotFound("there is no such page")
            token = sessions.token_of(request, services.public_url())
            inside = None if not token else await services.door.inside(token)
            if token is None or inside is None:
                return self._to_sign_in(request, token)
            visit = self._visit(request, inside, token, request_id)
            if request.method == "POST":
                visit.form = await read_form(request, services)
                check_token(visit.form, token)
            found = await page.handler(visit)
            if isinstance(found, Download) and request.method == "HEAD":  # which wants none of it
                found = replace(found, pieces=b"")
            return self._shown(found, visit)
        except Problem as problem:
            if problem.status >= 500:
                log.warning("%s", problem.message, extra={"request": request_id, "error": problem.code})
            return around.problem(problem, request_id, visit)
        except ClientDisconnect:
            raise
        except Exception:
            log.exception("page failed", extra={"request": request_id})
            broken = Problem("something went wrong here; the log has it under this id")
            return around.problem(broken, request_id, visit)

    def _visit(self, request: Request, inside: Inside, token: str, request_id: str) -> Visit:
        """Raises NotFound for an organization that whoever is inside has nothing to do with."""
        principal = sessions.principal_of(inside)
        org_id = request.path_params.get("org")
        if org_id is not None:
            named = is_org_id(org_id) or (principal.platform and org_id == ALL_ORGS)
            if not named or principal.org_id not in (None, org_id):
                raise NotFound("there is no such organization here")
        path = {name: value for name, value in request.path_params.items() if name != "org"}
        return Visit(
            principal, sessions.name_of(inside), org_id, path, request.query_params, Form([]),
            self._around.services.clock.now(), self._around.root, token, request_id,
            request.scope.get("client"), self._around.asking,
        )  # fmt: skip

    def _shown(self, found: Shown | Onward | Download, visit: Visit) -> Response:
        if isinstance(found, Download):
            return self._around.file(found)
        if isinstance(found, Onward):
            to = found.to
            if found.said is not None:
                to += f"{'&' if '?' in to else '?'}said={found.said}"
            return self._around.onward(to)
        return self._around.page(found, visit)

    def _to_sign_in(self, request: Request, token: str | None) -> Response:
        wanted = request.url.path.removeprefix(START)
        kept = [(name, value) for name, value in request.query_params.multi_items() if name != "q"]
        if kept:  # without what was searched for, which may be a number
            wanted += f"?{urlencode(kept)}"
        response = self._around.onward(self._around.sign_in(wanted, over=token is not None))
        if token is not None:
            sessions.drop(response, request, self._around.services.public_url())
        return response


def _before(path: str) -> str:
    """The address above; that of an organization's first page ends with a slash."""
    above = path.rpartition("/")[0]
    return above + "/" if above.count("/") == _FIRST_PAGE_SLASHES else above


class _Nothing:
    """Where there is no page."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = new_id("req", self._around.services.clock.now())
        response = self._around.problem(NotFound("there is no such page"), request_id)
        await response(scope, receive, send)
