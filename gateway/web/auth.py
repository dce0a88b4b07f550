"""Who asks, and what they may do.

An organization's key has a role in it. A platform key acts for the organization that the header names, within
its scopes. The Unix socket beside a SQLite database is the operator: whoever may open it owns the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from starlette.datastructures import Headers

from gateway.clock import Clock
from gateway.domain.audit import MAX_ACTOR
from gateway.domain.event import is_org_id
from gateway.errors import BadRequest, Forbidden, InvalidRequest, Unauthorized
from gateway.manage.keys import ROLES, SCOPES
from gateway.store.api_keys import hash_key
from gateway.store.directory import Directory

ALL_ORGS: Final = "*"
PLATFORM_ONLY: Final = "platform"
_RANK: Final[Mapping[str, int]] = {role: rank for rank, role in enumerate((*ROLES, PLATFORM_ONLY))}


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller. `org_id` and `role` of an organization's key; `scopes` of a platform key; `key` is the hash
    of the API key that it all hangs on (None: no key is behind it). `guest`: somebody without a key of their
    own, who is inside the console by a link."""

    key_id: str
    org_id: str | None
    role: str | None
    scopes: frozenset[str]
    actor: str | None = None
    key: bytes | None = field(default=None, repr=False)
    guest: bool = False

    @property
    def platform(self) -> bool:
        return self.org_id is None

    def require(self, role: str, scope: str) -> None:
        """Raises Forbidden unless the role is at least `role`, or the scopes hold `scope`."""
        if self.platform:
            if scope not in self.scopes:
                raise Forbidden(f"this needs a key with the scope {scope}")
        elif role == PLATFORM_ONLY:
            raise Forbidden("only a platform key may do this")
        elif _RANK[self.role or ""] < _RANK[role]:
            raise Forbidden(f"this needs the role {role}; the key has {self.role}")

    @property
    def reads_payloads(self) -> bool:
        return not self.platform or "payload:read" in self.scopes

    @property
    def sees_secrets_of_urls(self) -> bool:
        """Viewers see webhook URLs and signatures shortened."""
        return self.platform or self.role != "viewer"


OPERATOR: Final = Principal("key_local", None, None, frozenset(SCOPES), "operator")


async def authenticate(
    headers: Headers, directory: Directory, clock: Clock, patience: float | None = None
) -> Principal:
    """The caller behind `Authorization: Bearer hum_live_…`. `patience`: see `Directory.key`. Raises
    Unauthorized."""
    digest = key_hash(headers)
    if digest is None:
        raise Unauthorized("send the API key as Authorization: Bearer hum_live_…", code="api_key_required")
    key = await directory.key(digest, patience)
    if key is None or not key.valid(clock.now()):
        raise Unauthorized("the API key is unknown, revoked or expired")
    actor = _actor(headers) if key.org_id is None else None
    return Principal(key.id, key.org_id, key.role, frozenset(key.scopes), actor, digest)


def key_hash(headers: Headers) -> bytes | None:
    """Of the API key that the request carries, if it does."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return hash_key(token.strip()) if scheme.lower() == "bearer" and token.strip() else None


def _actor(headers: Headers) -> str | None:
    """For whom a platform key acts, for the audit log. Raises InvalidRequest."""
    given = headers.get("x-hum-actor")
    if not given:
        return None
    try:
        actor = given.encode("latin-1").decode()  # headers are bytes; names are written in UTF-8
    except UnicodeError:
        actor = "\0"
    if len(actor) > MAX_ACTOR or not actor.isprintable():
        raise InvalidRequest.field("X-HUM-Actor", f"must be 1 to {MAX_ACTOR} printable characters")
    return actor


def refuse_foreign(principal: Principal, headers: Headers) -> None:
    """Raises Forbidden when an organization's key comes with another organization's header."""
    named = headers.get("x-hum-org")
    if not principal.platform and named is not None and named != principal.org_id:
        raise Forbidden("this key belongs to another organization", code="wrong_organization")


def names_all(principal: Principal, headers: Headers) -> bool:
    """Whether a platform key names no organization, but all of them."""
    return principal.platform and headers.get("x-hum-org") == ALL_ORGS


def organization_of(principal: Principal, headers: Headers, *, reading: bool) -> str:
    """The organization the request concerns; `*` (only for reading, by a platform key) is all of them."""
    named = headers.get("x-hum-org")
    if principal.org_id is not None:
        refuse_foreign(principal, headers)
        return principal.org_id
    if named is None or named == "":
        raise BadRequest(
            "a platform key must name the organization in X-HUM-Org", code="organization_required"
        )
    if named == ALL_ORGS:
        if reading:
            return ALL_ORGS
        raise BadRequest("X-HUM-Org: * is for reading only", code="organization_required")
    if not is_org_id(named):
        raise BadRequest(
            "X-HUM-Org must be 1 to 64 characters of A-Z a-z 0-9 _ . -", code="invalid_organization"
        )
    return named
