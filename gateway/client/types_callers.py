"""What the API answers about callers, as types (see `client.types`)."""

from __future__ import annotations

from typing import Literal, Required, TypedDict

Direction = Literal["inbound", "outbound"]
Attestation = Literal["A", "B", "C", "none"]


class CrmLink(TypedDict):
    """Where the caller stands in a CRM."""

    connector_id: str
    contact_id: str
    url: str | None
    matches: int


class Caller(TypedDict):
    """What is known of the caller, from all sources."""

    id: str | None
    phone: str
    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    carrier: str | None
    line_type: str | None
    caller_name: str | None
    tags: list[str]
    crm: list[CrmLink]
    provenance: dict[str, str]
    ages: dict[str, int]


class CallerError(TypedDict):
    """Why the answer is not more."""

    source: str
    error: str


class Resolution(TypedDict):
    """Who is calling, as far as it was known in time."""

    phone: str | None
    status: Literal["found", "not_found", "unknown"]
    source: Literal["fresh", "stale", "partial", "none"]
    elapsed_ms: int
    resolution_id: str
    contact: Caller | None
    context: str
    errors: list[CallerError]
    pending: list[str]
    revision: int


class CallDetails(TypedDict, total=False):
    """Who calls, and what is known of the call."""

    phone: Required[str]
    call_id: str | None
    direction: Direction
    to: str | None
    attestation: Attestation | None
    deadline_ms: int
