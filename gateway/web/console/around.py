"""What every answer of the console is made with: its headers, its addresses, pages and problems."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urlsplit

from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse

from gateway.domain.console import form_token
from gateway.errors import Problem
from gateway.web.call import Services
from gateway.web.console.asking import Asking
from gateway.web.console.drawing import draw
from gateway.web.console.page import Download, Shown, Visit
from gateway.web.console.said import SAID

START: Final = "/console"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
)
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The services behind the console, and the way its answers are made."""

    services: Services
    asking: Asking

    @property
    def root(self) -> str:
        """What stands before every address: the path of the public URL."""
        return urlsplit(self.services.public_url()).path.rstrip("/")

    def html(self, template: str, status: int = 200, **values: object) -> Response:
        """A page of somebody who is not inside."""
        said = values.pop("said", None)
        return HTMLResponse(
            draw(template, root=self.root, said=SAID.get(str(said)), **values), status, HEADERS
        )

    def page(self, found: Shown, visit: Visit) -> Response:
        """A page of somebody who is."""
        values = {
            "visit": visit,
            "root": self.root,
            "now": visit.now,
            "form_token": form_token(visit.token),
            "said": SAID.get(visit.query.get("said", "")),
        }
        return HTMLResponse(draw(found.template, **values, **found.values), found.status, HEADERS)

    def file(self, found: Download) -> Response:
        """A file to be saved, never shown: it may hold what others have written."""
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{found.name}"'}
        if isinstance(found.pieces, bytes):
            return Response(found.pieces, headers=headers, media_type=found.kind)
        return StreamingResponse(found.pieces, headers=headers, media_type=found.kind)

    def problem(self, problem: Problem, request_id: str, visit: Visit | None = None) -> Response:
        """A problem as a page, with what there is to say of each field."""
        values = {"problem": problem, "request_id": request_id}
        if visit is None:
            response = self.html("outside_problem.html", problem.status, **values)
        else:
            response = self.page(Shown("problem.html", values, problem.status), visit)
        if problem.retry_after is not None:
            response.headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after)))
        return response

    def onward(self, to: str) -> Response:
        return RedirectResponse(to, 303, HEADERS)

    def sign_in(self, wanted: str = "", *, over: bool = False) -> str:
        """The address of the way in, which leads on to the page that was wanted."""
        named = {"next": wanted} if wanted not in ("", "/") else {}
        if over:
            named["said"] = "over"
        return f"{self.root}{START}/sign-in" + (f"?{urlencode(named)}" if named else "")
