"""The cookie of a session, and whose rights the session has."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway.domain.console import SESSION_MS
from gateway.manage.console import Inside
from gateway.web.auth import Principal

_PLAIN: Final = "hum_console"
_SECURE: Final = "__Host-hum_console"  # a browser takes it from this very host over TLS only


def is_secure(request: Request, public_url: str) -> bool:
    return request.url.scheme == "https" or public_url.startswith("https:")


def token_of(request: Request, public_url: str) -> str | None:
    return request.cookies.get(_SECURE if is_secure(request, public_url) else _PLAIN)


def keep(response: Response, request: Request, public_url: str, token: str) -> None:
    """Gives the browser the session's token, which no script can read. Lax: a link to a page that somebody is
    sent leads there."""
    secure = is_secure(request, public_url)
    response.set_cookie(
        _SECURE if secure else _PLAIN, token, max_age=SESSION_MS // 1000, path="/", secure=secure,
        httponly=True, samesite="lax",
    )  # fmt: skip


def drop(response: Response, request: Request, public_url: str) -> None:
    secure = is_secure(request, public_url)
    response.delete_cookie(
        _SECURE if secure else _PLAIN, path="/", secure=secure, httponly=True, samesite="lax"
    )


def name_of(inside: Inside) -> str:
    """Who is inside, for the page's head."""
    entry, key = inside.session.entry, inside.key
    return entry.actor or (key.name if key is not None else "") or entry.key_id


def principal_of(inside: Inside) -> Principal:
    """A link's rights are what it says; a key's are what the key has at this moment."""
    entry, key = inside.session.entry, inside.key
    if entry.org_id is not None:
        return Principal(
            entry.key_id, entry.org_id, entry.role, frozenset(), entry.actor, entry.key, guest=True
        )
    assert key is not None
    return Principal(key.id, key.org_id, key.role, frozenset(key.scopes), key=entry.key)
