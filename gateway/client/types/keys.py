"""API keys, and links into the console."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Required, TypedDict

Role = Literal["viewer", "operator", "admin"]


class ApiKey(TypedDict):
    """An API key, without its text."""

    id: str
    platform: bool
    org_id: str | None
    role: str | None
    scopes: list[str]
    hint: str
    name: str
    created_at: str
    expires_at: str | None
    revoked_at: str | None


class NewApiKey(ApiKey):
    """The key and its text, which is shown this once."""

    key: str | None


class KeySettings(TypedDict, total=False):
    """What a key is created with: an organization's role, or `platform` and its scopes."""

    platform: bool
    scopes: Sequence[str] | None
    org_id: str | None
    role: Role | None
    expires_in: int | None
    name: str


class ConsoleLink(TypedDict):
    """A link into the console, which opens once."""

    url: str
    org_id: str
    role: Role
    actor: str
    expires_at: str


class ConsoleLinkSettings(TypedDict, total=False):
    """Who is to enter, with which rights, and for how many seconds the link opens."""

    role: Required[Role]
    actor: Required[str]
    expires_in: int
