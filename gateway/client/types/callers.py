"""What the API answers about callers, as types (see `client.types`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from gateway.client.types.organizations import ChosenFields

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
    """What is known of the call, beside the number."""

    call_id: str | None
    direction: Direction
    to: str | None
    attestation: Attestation | None
    deadline_ms: int


class CallerPreview(TypedDict):
    """What an agent would be told of a caller, without having asked anybody."""

    phone: str | None
    status: Literal["found", "not_found", "unknown"]
    source: Literal["fresh", "stale", "partial", "none"]
    contact: Caller | None
    context: str
    shown: list[str]
    withheld: list[str]
    errors: list[CallerError]


class PreviewContact(TypedDict, total=False):
    """A caller as somebody imagines one."""

    name: str | None
    first_name: str | None
    last_name: str | None
    email: str | None
    company: str | None
    title: str | None
    notes: str | None
    fields: Mapping[str, str | float | bool | None] | None
    tags: Sequence[str] | None
    carrier: str | None
    line_type: str | None
    caller_name: str | None


class PreviewDetails(TypedDict, total=False):
    """Of whom, in what call, and what is to be tried in place of the organization's template and fields."""

    phone: str | None
    contact: PreviewContact | None
    direction: Direction
    attestation: Attestation | None
    context_template: str | None
    caller_fields: ChosenFields | None


class DialDeadline(TypedDict):
    """How many callers would be known at one deadline."""

    deadline_ms: int
    known: int
    share: float | None


class DialConnector(TypedDict):
    """The same for what one connector said alone."""

    connector_id: str
    name: str
    callers: int
    known: int
    deadlines: list[DialDeadline]


class CallerDial(TypedDict):
    """How many callers would be known at which deadline."""

    window: str
    since: str
    until: str
    callers: int
    known: int
    deadlines: list[DialDeadline]
    connectors: list[DialConnector]
