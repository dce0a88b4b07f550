"""API keys, and links into the console."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from gateway.manage.keys import ROLES, SCOPES
from gateway.web.answers.fields import Cursor, KeyId, Time, one_of

Scope = Annotated[str, one_of(SCOPES)]


class ApiKey(TypedDict):
    """An API key, without its text."""

    id: KeyId
    platform: bool
    org_id: Annotated[str | None, Meta(description="Null for a platform key.")]
    role: Annotated[str, one_of(ROLES)] | None
    scopes: Annotated[list[Scope], Meta(description="Of a platform key.")]
    hint: Annotated[str, Meta(description="How its text begins.")]
    name: str
    created_at: Time
    expires_at: Time | None
    revoked_at: Time | None


class NewApiKey(ApiKey):
    """The key and its text, which is shown this once."""

    key: Annotated[
        str | None,
        Meta(description="Keep it: it is not shown again. Null when a repeat comes too late for it."),
    ]


class KeyList(TypedDict):
    """A page of keys."""

    data: list[ApiKey]
    next_cursor: Cursor


class ConsoleLink(TypedDict):
    """A link into the console, which opens once."""

    url: Annotated[str, Meta(description="For the browser of whoever is to enter, and for nobody else.")]
    org_id: str
    role: Annotated[str, one_of(ROLES)]
    actor: Annotated[str, Meta(description="Who it is for; what they do is theirs in the audit log.")]
    expires_at: Annotated[Time, Meta(description="Until then it opens.")]
