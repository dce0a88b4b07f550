"""Deliveries and their attempts."""

from __future__ import annotations

from typing import Any, Literal, TypedDict


class Target(TypedDict):
    """To whom a delivery is owed."""

    type: Literal["webhook", "connector"]
    id: str


class Delivery(TypedDict):
    """One event owed to one target."""

    id: str
    org_id: str
    event_id: str
    event_type: str
    target: Target
    status: str
    reason: str | None
    attempts_made: int
    next_attempt_at: str | None
    created_at: str
    completed_at: str | None
    expires_at: str
    redelivery_of: str | None
    last_status_code: int | None
    last_error: str | None
    test: bool


class Attempt(TypedDict):
    """One HTTP request and its answer. Headers are pairs of name and value."""

    id: str
    number: int
    started_at: str
    duration_ms: int
    url: str | None
    remote_ip: str | None
    request_headers: list[list[str]]
    status_code: int | None
    response_headers: list[list[str]]
    response_body: str | None
    response_truncated: bool
    error: str | None
    error_detail: str
    held: bool
    swapped_from: Literal["old", "new"] | None


class _Envelope(TypedDict):
    id: str
    type: str
    timestamp: str
    org_id: str
    api_version: str
    data: dict[str, Any]


class Envelope(_Envelope, total=False):
    """The body that a receiver gets; `test` only in a test delivery."""

    test: bool


class SyncedContact(TypedDict):
    """Whose call it is, by the CRM's own id."""

    id: str
    phone: str | None


class SyncedCall(TypedDict):
    """The body of a `call.sync`; the contact is None for a person the CRM does not know."""

    call: dict[str, Any]
    contact: SyncedContact | None


class WaitingFor(TypedDict):
    """What a pending delivery waits for: a word, when that is over if it is known, and a sentence."""

    reason: str
    until: str | None
    message: str


class DeliveryWithAttempts(Delivery):
    """One delivery with what was sent and what came back; a connector gets the call as it stands. The payload
    is None when it is past its retention or not open to this key; `waiting_for` is None for one that does not
    wait."""

    payload: Envelope | SyncedCall | None
    waiting_for: WaitingFor | None
    attempts: list[Attempt]
