"""The bodies of the four endpoints, as HUM sends and expects them.

Requests are read leniently, since HUM may add fields at any time; answers are written strictly. Times are
RFC 3339 in UTC, durations seconds, phones E.164.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Direction = Literal["inbound", "outbound"]
Match = Literal["exact", "suffix"]


class LookupRequest(msgspec.Struct, frozen=True):
    """`POST /contacts/lookup`, event `contact.lookup`."""

    phone: str
    org_id: str = ""
    call_id: str | None = None
    direction: str | None = None


class CreateRequest(msgspec.Struct, frozen=True):
    """`POST /contacts`, event `contact.create`."""

    phone: str
    name: str | None = None
    email: str | None = None
    source: str = "hum"
    call_id: str | None = None


class ContactRef(msgspec.Struct, frozen=True):
    """The contact that a call belongs to: its id in this CRM."""

    id: str
    phone: str | None = None


class Turn(msgspec.Struct, frozen=True):
    """One utterance of a transcript; `at` in seconds from the start of the call."""

    role: str
    text: str
    at: float | None = None


class Agent(msgspec.Struct, frozen=True):
    id: str | None = None
    name: str | None = None


class Call(msgspec.Struct, frozen=True, rename={"from_": "from"}):
    """A call as far as it is known. Only `id` is certain: what HUM does not know yet is not there."""

    id: Annotated[str, msgspec.Meta(min_length=1)]
    direction: str | None = None
    from_: str | None = None
    to: str | None = None
    started_at: str | None = None
    answered_at: str | None = None
    ended_at: str | None = None
    duration_seconds: float | None = None
    status: str | None = None
    summary: str | None = None
    key_points: list[str] = []
    next_actions: list[str] = []
    transcript: list[Turn] = []
    recording_url: str | None = None
    outcome: dict[str, Any] = {}
    tags: list[str] = []
    agent: Agent | None = None
    sentiment: str | None = None
    revision: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    updated_at: str | None = None


class SyncRequest(msgspec.Struct, frozen=True):
    """`POST /calls`, event `call.sync`."""

    call: Call
    contact: ContactRef | None = None


class PingRequest(msgspec.Struct, frozen=True):
    """`POST /ping`, event `ping`."""

    org_id: str | None = None
    connector_id: str | None = None
    timestamp: str | None = None


class Contact(msgspec.Struct, frozen=True, omit_defaults=True):
    """A contact of the CRM. All but `id` may be missing; `url` is https and is where a person opens it."""

    id: str
    name: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    email: str | None = None
    phone: str | None = None
    company: str | None = None
    title: str | None = None
    url: str | None = None
    notes: str | None = None
    fields: dict[str, Any] = {}


class Found(msgspec.Struct, frozen=True):
    """The answer to a lookup that knows the number; `matches` counts the contacts that share it."""

    contact: Contact
    matches: int
    match: Match
    found: Literal[True] = True


class NotFound(msgspec.Struct, frozen=True):
    found: Literal[False] = False


class Created(msgspec.Struct, frozen=True):
    """201 with `created`; 409 without, when the contact existed."""

    contact: Contact
    created: bool


class Logged(msgspec.Struct, frozen=True, omit_defaults=True):
    """The activity that the call became, or why it became none."""

    activity_id: str | None
    skipped: str | None = None


class Alive(msgspec.Struct, frozen=True, omit_defaults=True):
    ok: Literal[True]
    name: str | None = None
    version: str | None = None
