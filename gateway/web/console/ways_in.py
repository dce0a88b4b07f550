"""The pages of whoever is not inside yet, and the way out: an API key, or a link that opens once.

A link is not used up by being looked at: programs look at links before people do. What enters is the form on
its page, which a script sends at once.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.domain.ids import new_id
from gateway.errors import Forbidden, Problem, Unauthorized
from gateway.web import audit
from gateway.web.body import BodyBudget
from gateway.web.console import sessions
from gateway.web.console.around import START, Surroundings
from gateway.web.console.forms import Form, check_token, read_form

log = logging.getLogger("gateway.console")

LONGEST_KEY: Final = 200
LONGEST_FORM: Final = 4 * 1024
ALL_FORMS: Final = 1024 * 1024
FORM_SECONDS: Final = 5.0

Answering = Callable[[Request], Awaitable[Response]]


class WaysIn:
    """Signing in, entering by a link, signing out."""

    def __init__(self, around: Surroundings) -> None:
        self._around = around
        self._door = around.services.door
        # Nobody needs a key to send these: they take no room from those who have one.
        self._bodies = BodyBudget(ALL_FORMS, FORM_SECONDS)

    def routes(self) -> list[Route]:
        return [
            Route("/sign-in", self._guarded(self._form), methods=["GET"]),
            Route("/sign-in", self._guarded(self._sign_in), methods=["POST"]),
            Route("/enter/{link}", self._guarded(self._link), methods=["GET"]),
            Route("/enter", self._guarded(self._enter), methods=["POST"]),
            Route("/sign-out", self._guarded(self._sign_out), methods=["POST"]),
        ]

    def _guarded(self, answering: Answering) -> Answering:
        async def guarded(request: Request) -> Response:
            request_id = new_id("req", self._around.services.clock.now())
            try:
                return await answering(request)
            except Problem as problem:
                return self._around.problem(problem, request_id)
            except ClientDisconnect:
                return Response(status_code=400)  # which nobody reads
            except Exception:
                log.exception("a way in failed", extra={"request": request_id})
                broken = Problem("something went wrong here; the log has it under this id")
                return self._around.problem(broken, request_id)

        return guarded

    async def _form(self, request: Request) -> Response:
        return self._around.html(
            "sign_in.html", wanted=_local(request.query_params.get("next", "")), problem=None,
            said=request.query_params.get("said", ""),
        )  # fmt: skip

    async def _sign_in(self, request: Request) -> Response:
        form = await self._filled_in(request)
        wanted = _local(form.get("next"))
        try:
            token = await self._door.enter_by_key(form.get("key")[:LONGEST_KEY], audit.address(request.scope))
        except (Unauthorized, Forbidden) as problem:
            log.info("not let in", extra={"error": problem.code, "address": audit.address(request.scope)})
            return self._around.html("sign_in.html", problem.status, wanted=wanted, problem=problem)
        return await self._inside(request, token, wanted)

    async def _link(self, request: Request) -> Response:
        """Who is inside already is asked: entering ends that."""
        token = sessions.token_of(request, self._around.services.public_url())
        inside = await self._door.inside(token) if token else None
        name = None if inside is None else sessions.name_of(inside)
        return self._around.html("enter.html", link=request.path_params["link"], inside=name)

    async def _enter(self, request: Request) -> Response:
        form = await self._filled_in(request)
        token = await self._door.enter_by_link(form.get("link")[:LONGEST_KEY], audit.address(request.scope))
        return await self._inside(request, token, "")

    async def _sign_out(self, request: Request) -> Response:
        form = await self._filled_in(request)
        public_url = self._around.services.public_url()
        token = sessions.token_of(request, public_url)
        if token and await self._door.inside(token) is not None:
            check_token(form, token)
            await self._door.leave(token)
        response = self._around.onward(f"{self._around.root}{START}/sign-in?said=signed_out")
        sessions.drop(response, request, public_url)
        return response

    async def _filled_in(self, request: Request) -> Form:
        return await read_form(request, self._around.services, self._bodies, LONGEST_FORM)

    async def _inside(self, request: Request, token: str, wanted: str) -> Response:
        """The session that the browser had before is over."""
        before = sessions.token_of(request, self._around.services.public_url())
        if before and await self._door.inside(before) is not None:
            await self._door.leave(before)
        response = self._around.onward(f"{self._around.root}{START}{wanted or '/'}")
        sessions.keep(response, request, self._around.services.public_url(), token)
        return response


def _local(wanted: str) -> str:
    """A page of the console to go to afterwards, as what follows `/console`; nothing else is gone to."""
    safe = wanted.startswith("/") and wanted.isascii() and wanted.isprintable() and "\\" not in wanted
    return wanted if safe and not wanted.startswith("//") and len(wanted) <= 2_000 else ""
