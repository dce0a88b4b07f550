"""API keys: an organization's have a role, the platform's have scopes."""

from __future__ import annotations

import secrets
import string
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.checkpoints import reached
from gateway.domain.ids import new_id
from gateway.domain.printable import PRINTABLE
from gateway.errors import InvalidRequest, NotFound
from gateway.store import api_keys
from gateway.store.api_keys import ApiKey
from gateway.store.transaction import Transaction

PREFIX: Final = "hum_live_"
ROLES: Final = ("viewer", "operator", "admin")
SCOPES: Final = ("events:write", "callers:resolve", "manage", "payload:read", "console")
DEFAULT_SCOPES: Final = SCOPES[:3]
_ALPHABET: Final = string.ascii_letters + string.digits
_LONGEST_SECONDS: Final = 10 * 366 * 86_400


Scope = Literal["events:write", "callers:resolve", "manage", "payload:read", "console", "all"]


class KeyCreate(BaseModel):
    """`POST /api/keys`. Either `platform` with scopes, or a role in an organization."""

    model_config = ConfigDict(extra="forbid", strict=True)

    platform: bool = False
    scopes: list[Scope] | None = None
    org_id: str | None = None
    role: Literal["viewer", "operator", "admin"] | None = None
    expires_in: Annotated[int, Field(ge=60, le=_LONGEST_SECONDS)] | None = None
    name: Annotated[str, StringConstraints(max_length=100), PRINTABLE] = ""


def check(request: KeyCreate, org_id: str | None) -> None:
    """Whether the parts fit together. `org_id` is the organization the key would be for."""
    if request.platform:
        if request.role is not None:
            raise InvalidRequest.field("role", "a platform key has scopes, not a role")
        return
    if request.scopes is not None:
        raise InvalidRequest.field("scopes", "only a platform key has scopes")
    if request.role is None:
        raise InvalidRequest.field("role", "is required: viewer, operator or admin")
    if org_id is None:
        raise InvalidRequest.field("org_id", "is required for a key that is not the platform's")


async def create(tx: Transaction, request: KeyCreate, org_id: str | None, now: int) -> tuple[ApiKey, str]:
    """The stored key and its text, which is shown only now."""
    check(request, org_id)
    scopes: tuple[str, ...] = ()
    if request.platform:
        named: tuple[str, ...] = tuple(request.scopes) if request.scopes else DEFAULT_SCOPES
        scopes = SCOPES if "all" in named else tuple(dict.fromkeys(named))
    token = PREFIX + "".join(secrets.choice(_ALPHABET) for _ in range(32))
    key = ApiKey(
        id=new_id("key", now),
        position=await tx.position(),
        org_id=None if request.platform else org_id,
        role=None if request.platform else request.role,
        scopes=scopes,
        hint=f"{token[: len(PREFIX) + 4]}…",
        name=request.name,
        created_at=now,
        expires_at=None if request.expires_in is None else now + request.expires_in * 1000,
        revoked_at=None,
    )
    await api_keys.add(tx, key, token)
    reached("key.before_commit")
    tx.on_commit(lambda: reached("key.after_commit"))
    return key, token


async def revoke(tx: Transaction, key_id: str, org_id: str | None, now: int, *, everywhere: bool) -> None:
    """Ends a key. Every node refuses it within a second or so."""
    if not await api_keys.revoke(tx, key_id, org_id, now, everywhere=everywhere):
        raise NotFound(f"there is no key {key_id}")
