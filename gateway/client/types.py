"""What the API answers and takes, as types. Tests hold them against the OpenAPI document.

New fields and new values may come at any time: a program ignores what it does not know. Times are text such
as `2026-11-20T21:05:09.123Z`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, Required, TypedDict

Role = Literal["viewer", "operator", "admin"]


class AcceptedEvent(TypedDict):
    """An event that is durable, together with every delivery that it makes."""

    id: str
    type: str
    timestamp: str
    accepted_at: str
    deliveries: int
    warnings: NotRequired[list[Mistake]]


class Mistake(TypedDict):
    """One mistake in a request: `field` is where, such as `events[17].data`."""

    field: str
    message: str


class BatchResult(TypedDict, total=False):
    """One result of a batch: the fields of AcceptedEvent, or (`error`) what an event was refused for."""

    id: str
    type: str
    timestamp: str
    accepted_at: str
    deliveries: int
    warnings: list[Mistake]
    error: str
    message: str
    status: int
    details: list[Mistake]


class Event(TypedDict):
    """An event as lists show it: without its data."""

    id: str
    org_id: str
    type: str
    timestamp: str
    accepted_at: str
    external_id: str | None
    ordering_key: str | None
    priority: str
    expires_at: str | None
    verified: bool | None
    schema_valid: bool
    deliveries: int


class EventWithData(Event):
    """One event, with its data: None when it is past its retention or not open to this key (`payload`)."""

    data: dict[str, Any] | None
    payload: Literal["kept", "expired", "hidden"]


class EventSample(TypedDict):
    """What would be posted."""

    type: str
    data: dict[str, Any]


class EventType(TypedDict):
    """A type of the catalogue, or one of the gateway's own (`own`), with the JSON Schema of its data."""

    name: str
    description: str
    own: bool
    schema: dict[str, Any]
    example: EventSample


class LastDelivery(TypedDict):
    """The attempt that ended last."""

    id: str | None
    at: str | None
    status_code: int | None
    error: str | None


class Rotation(TypedDict):
    """A secret that is being changed: until `ends_at` both sign."""

    state: Literal["started", "confirmed", "unconfirmed"]
    started_at: str
    ends_at: str
    leading: Literal["old", "new"]
    confirmed: bool


class Webhook(TypedDict):
    """A registered URL and what it wants to hear. Header values are never shown again."""

    id: str
    org_id: str
    url: str
    events: list[str]
    filter: str | None
    description: str
    headers: dict[str, str]
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Literal["by_user", "gone", "failing"] | None
    has_secret: bool
    failing_since: str | None
    held_until: str | None
    rotation: Rotation | None
    last_delivery: LastDelivery | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: list[int] | None
    max_hold_seconds: int
    ordered: bool
    profile: str
    api_version: str
    created_at: str
    updated_at: str


class NewWebhook(Webhook):
    """The webhook and its secret, which is shown this once; None for one that you brought along."""

    secret: str | None


class CreatedWebhook(NewWebhook):
    """The new webhook, its secret, and what looks like a mistake, such as a misspelt event type."""

    warnings: list[Mistake]


class ChangedWebhook(Webhook):
    """The webhook as it is now, and what looks like a mistake in the change."""

    warnings: list[Mistake]


class ReleasedWebhook(Webhook):
    """The webhook, and until when the hold that was ended would have lasted; None: it was not held."""

    was_held_until: str | None


class WebhookSettings(TypedDict, total=False):
    """What a webhook is created with."""

    url: Required[str]
    events: Required[Sequence[str]]
    filter: str | None
    description: str
    headers: Mapping[str, str]
    enabled: bool
    secret: str | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: Sequence[int] | None
    max_hold_seconds: int
    ordered: bool
    profile: str


class WebhookChanges(TypedDict, total=False):
    """A merge patch: None gives a field its default back, and removes a header."""

    url: str
    events: Sequence[str]
    filter: str | None
    description: str | None
    headers: Mapping[str, str | None] | None
    enabled: bool | None
    timeout_ms: int | None
    rate_limit_per_second: int | None
    retry_schedule: Sequence[int] | None
    max_hold_seconds: int | None
    ordered: bool | None
    profile: str | None
    api_version: str | None


class TestResult(TypedDict):
    """What came of a test delivery."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    error_detail: str
    response_body: str | None
    delivery_id: str


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


class AuditEntry(TypedDict):
    """Who did what, when, from where, to what; chained to the entry before by its hash."""

    id: str
    org_id: str
    number: int
    at: str
    actor: str
    key_id: str | None
    address: str | None
    action: str
    object_type: str
    object_id: str | None
    details: dict[str, Any]
    previous_hash: str
    hash: str


class CallerFields(TypedDict):
    """Which fields agents are told of callers, by the attestation of the number; None for the usual ones."""

    A: list[str] | None
    B: list[str] | None
    C: list[str] | None
    none: list[str] | None


class ChosenFields(TypedDict, total=False):
    """The same, as they are chosen."""

    A: Sequence[str] | None
    B: Sequence[str] | None
    C: Sequence[str] | None
    none: Sequence[str] | None


class LookupsToday(TypedDict):
    """Lookups of numbers for calls on this day (UTC); the budget is 0 without an account to charge."""

    used: int
    budget: int


class Organization(TypedDict):
    """A customer of HUM."""

    id: str
    retention_days: int
    own_numbers: list[str]
    context_template: str | None
    caller_fields: CallerFields
    lookup_budget: int | None
    has_lookup_credentials: bool
    lookups_today: LookupsToday
    audit_head: str | None
    created_at: str
    erased_at: str | None


class LookupCredentials(TypedDict):
    """An organization's own account for lookups of numbers."""

    account_sid: str
    auth_token: str


class OrganizationSettings(TypedDict, total=False):
    """What can be changed of an organization."""

    retention_days: int | None
    own_numbers: Sequence[str] | None
    context_template: str | None
    caller_fields: ChosenFields | None
    lookup_budget: int | None
    lookup_credentials: LookupCredentials | None


class Erasure(TypedDict):
    """What the erasure of a person came to."""

    id: str | None
    kind: str
    status: str
    dry_run: bool
    numbers: int
    found: dict[str, int]
    matched: int
    done: int
    failed: int
    cancelled: int


class ErasureSettings(TypedDict, total=False):
    """Who is to be erased."""

    phone: Required[str]
    reason: str
    dry_run: bool
    force: bool
