"""What was filled in, and whether the form may be believed: it must come from a page of this host."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, urlsplit

from starlette.requests import Request

from gateway.domain.console import is_form_token
from gateway.errors import BadRequest, Forbidden, InvalidRequest
from gateway.web.body import BodyBudget
from gateway.web.call import Services

LONGEST: Final = 256 * 1024
MOST_FIELDS: Final = 200
_PORTS: Final = {"https": 443, "http": 80}


class Form:
    """What was filled in: names and texts, as often as they stood there."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        self._pairs = pairs

    def get(self, name: str, default: str = "") -> str:
        """The first text under the name, without blanks around it."""
        return next((value.strip() for key, value in self._pairs if key == name), default)

    def raw(self, name: str) -> str:
        """The first text under the name, as it was filled in but for the line ends of forms."""
        found = next((value for key, value in self._pairs if key == name), "")
        return found.replace("\r\n", "\n")

    def all(self, name: str) -> list[str]:
        return [value for key, value in self._pairs if key == name]

    def lines(self, name: str) -> list[str]:
        """What stands in a field of several lines, blank ones left out."""
        return [line.strip() for line in self.raw(name).split("\n") if line.strip()]

    def has(self, name: str) -> bool:
        """Whether a box is ticked."""
        return any(key == name for key, _ in self._pairs)

    def number(self, name: str) -> int | None:
        """A whole number; None when nothing was filled in. Raises InvalidRequest."""
        text = self.get(name)
        if not text:
            return None
        if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 18):
            raise InvalidRequest.field(name, "must be a whole number")
        return int(text)


async def read_form(
    request: Request, services: Services, bodies: BodyBudget | None = None, longest: int = LONGEST
) -> Form:
    """What was filled in, read within the budget `bodies`: that of all requests, if none is given. Raises
    Forbidden for a form of another site, and BadRequest."""
    bodies = bodies or services.bodies
    refuse_foreign(request, services.public_url())
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise BadRequest("only forms are taken here", code="invalid_form")
    body = await bodies.read(request.scope, request.receive, longest)
    try:
        return Form(
            parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise BadRequest("the form cannot be read", code="invalid_form") from None
    finally:
        bodies.done(body)


def check_token(form: Form, session_token: str) -> None:
    """Raises Forbidden unless the form stood on a page of the session."""
    if not is_form_token(form.get("token"), session_token):
        raise Forbidden("this form is not of your session: load the page again", code="invalid_form")


def refuse_foreign(request: Request, public_url: str) -> None:
    """Raises Forbidden unless the form stood on a page of this host. A browser says so; what is no browser
    has no session that others could misuse."""
    site = request.headers.get("sec-fetch-site", "same-origin")
    origin = request.headers.get("origin")
    own = site in ("same-origin", "none") and (
        origin is None or _is_own(origin, request.headers.get("host", ""), public_url)
    )
    if not own:
        raise Forbidden("this form was sent from another site", code="invalid_form")


def _is_own(origin: str, host: str, public_url: str) -> bool:
    """Whether it is the host that was asked for, or the public one."""
    try:
        named, public = urlsplit(origin), urlsplit(public_url)
        own = {_host(named.scheme, host)}
        if named.scheme == public.scheme:
            own.add(_host(public.scheme, public.netloc))
        return bool(named.hostname) and _host(named.scheme, named.netloc) in own
    except ValueError:  # an address that is none
        return False


def _host(scheme: str, netloc: str) -> tuple[str, int | None]:
    """Name and port, however they are written."""
    parts = urlsplit(f"//{netloc}")
    return (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)
