"""What the API answers, as types: `web.shapes` makes the values, the OpenAPI document is made from these.

mypy holds shapes and types together; tests hold real answers against the document. The descriptions are read
by customers.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from gateway.domain.delivery import Reason, Status
from gateway.domain.event import PRIORITIES
from gateway.domain.job import JobKind, JobStatus
from gateway.manage.keys import ROLES, SCOPES

_MOMENT = Meta(extra_json_schema={"format": "date-time", "examples": ["2026-11-20T21:05:09.123Z"]})
Time = Annotated[str, _MOMENT]
Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
OrgId = Annotated[str, Meta(description="The organization it belongs to.")]


def _one_of(values: Iterable[str]) -> Meta:
    return Meta(extra_json_schema={"enum": list(values)})


def _either(*names: str) -> Meta:
    # msgspec makes no schema of a union of typed dicts.
    return Meta(extra_json_schema={"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in names]})


def id_form(prefix: str) -> Meta:
    example = f"{prefix}_01k9h3v5q8x2m4n6p7r9s1t3w5"
    return Meta(pattern=f"^{prefix}_[a-z0-9_]{{1,60}}$", extra_json_schema={"examples": [example]})


EventId = Annotated[str, id_form("evt")]
WebhookId = Annotated[str, id_form("whk")]
DeliveryId = Annotated[str, id_form("dlv")]
JobId = Annotated[str, id_form("job")]
AttemptId = Annotated[str, id_form("att")]
KeyId = Annotated[str, id_form("key")]
Header = tuple[str, str]


class AcceptedEvent(TypedDict):
    """An event that is durable, together with every delivery that it makes."""

    id: EventId
    type: str
    timestamp: Annotated[Time, Meta(description="`occurred_at` if it was given, else `accepted_at`.")]
    accepted_at: Annotated[Time, Meta(description="When the gateway took it.")]
    deliveries: Annotated[Count, Meta(description="How many deliveries it makes.")]


class Mistake(TypedDict):
    """One mistake in a request."""

    field: Annotated[str, Meta(description="Where it stands, such as `events[17].data`; empty: the whole.")]
    message: Annotated[str, Meta(description="What is wrong there, for a person.")]


class Problem(TypedDict):
    """The one form of every error."""

    error: Annotated[str, Meta(pattern="^[a-z]+(_[a-z]+)*$", description="The code, for programs.")]
    message: Annotated[str, Meta(description="What went wrong, for a person.")]
    details: Annotated[list[Mistake], Meta(description="Every mistake that was found, each with its field.")]
    request_id: Annotated[
        Annotated[str, id_form("req")],
        Meta(description="Also in the header X-Request-Id; support finds the request by it."),
    ]


class RefusedEvent(TypedDict):
    """One event of a batch that could not be taken."""

    error: Annotated[str, Meta(pattern="^[a-z]+(_[a-z]+)*$", description="The code, for programs.")]
    message: str
    status: Annotated[int, Meta(ge=400, le=599, description="The status it would have had alone.")]
    details: list[Mistake]


class AcceptedBatch(TypedDict):
    """All events of the batch, in its order."""

    data: list[AcceptedEvent]


class MixedBatch(TypedDict):
    """A result or an error for each event of the batch, in its order."""

    data: list[Annotated[dict[str, Any], _either("AcceptedEvent", "RefusedEvent")]]


class Event(TypedDict):
    """An event as lists show it: without its data."""

    id: EventId
    org_id: OrgId
    type: str
    timestamp: Annotated[Time, Meta(description="When it happened, as far as the sender said so.")]
    accepted_at: Annotated[Time, Meta(description="When the gateway took it.")]
    external_id: Annotated[str | None, Meta(description="The sender's own id.")]
    ordering_key: str | None
    priority: Annotated[str, _one_of(PRIORITIES)]
    expires_at: Annotated[Time | None, Meta(description="When its pending deliveries are given up.")]
    verified: Annotated[
        bool | None, Meta(description="For events from outside: whether the sender proved it.")
    ]
    schema_valid: Annotated[
        bool, Meta(description="False: `data` is not as the catalogue says, and was taken with a warning.")
    ]
    deliveries: Annotated[Count, Meta(description="How many deliveries it made.")]


class EventWithData(Event):
    """One event, with its data."""

    data: Annotated[dict[str, Any] | None, Meta(description="Byte for byte what was sent.")]
    payload: Annotated[
        Literal["kept", "expired", "hidden"],
        Meta(
            description="`expired`: the data is past its retention. `hidden`: a platform key sees it only "
            "with the scope `payload:read`."
        ),
    ]


class EventSample(TypedDict):
    """What would be posted."""

    type: str
    data: dict[str, Any]


class EventType(TypedDict):
    """A type of the catalogue, or one of the gateway's own events."""

    name: str
    description: str
    own: Annotated[bool, Meta(description="The gateway's own: sent only where it is named, never posted.")]
    schema: Annotated[dict[str, Any], Meta(description="The JSON Schema (2020-12) of `data`.")]
    example: EventSample


class LastDelivery(TypedDict):
    """The attempt that ended last."""

    id: DeliveryId | None
    at: Time | None
    status_code: int | None
    error: str | None


class Rotation(TypedDict):
    """A secret that is being changed: until `ends_at` both sign."""

    state: Annotated[
        Literal["started", "confirmed", "unconfirmed"],
        Meta(
            description="`confirmed`: a request that the new secret led got a 2xx. `unconfirmed`: half "
            "of the period is over, and none was."
        ),
    ]
    started_at: Time
    ends_at: Annotated[Time, Meta(description="From then on the old secret signs nothing.")]
    leading: Annotated[
        Literal["old", "new"], Meta(description="Which secret `X-HUM-Signature` is made with first.")
    ]
    confirmed: bool


class Webhook(TypedDict):
    """A registered URL and what it wants to hear."""

    id: WebhookId
    org_id: OrgId
    url: Annotated[str, Meta(description="Viewers see it without path and query, which may be secrets.")]
    events: Annotated[list[str], Meta(description="Types and patterns such as `sms.*`.")]
    filter: str | None
    description: str
    headers: Annotated[
        dict[str, Literal["[secret]"]], Meta(description="Names only: values are never shown again.")
    ]
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Annotated[
        Literal["by_user", "gone", "failing"] | None,
        Meta(description="`gone`: the receiver answered 410. `failing`: it failed for days."),
    ]
    has_secret: bool
    failing_since: Annotated[Time | None, Meta(description="The first failure after the last success.")]
    rotation: Annotated[
        Rotation | None, Meta(description="Null unless the secret is being rotated (rotateSecret).")
    ]
    last_delivery: LastDelivery | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: Annotated[list[int] | None, Meta(description="Null: the operator's schedule.")]
    max_hold_seconds: int
    ordered: bool
    profile: str
    api_version: Annotated[str, Meta(description="The version of the envelope that it gets.")]
    created_at: Time
    updated_at: Time


class NewWebhook(Webhook):
    """The webhook and its secret, which is shown this once."""

    secret: Annotated[
        str | None, Meta(description="Keep it: it is not shown again. Null for one that you brought along.")
    ]


WARNINGS = Meta(
    description="What is most likely a mistake, though it was taken: an event type that is nearly one of the "
    "catalogue."
)


class CreatedWebhook(NewWebhook):
    """The new webhook, its secret, and what looks like a mistake."""

    warnings: Annotated[list[Mistake], WARNINGS]


class ChangedWebhook(Webhook):
    """The webhook as it is now, and what looks like a mistake in the change."""

    warnings: Annotated[list[Mistake], WARNINGS]


class Target(TypedDict):
    """To whom a delivery is owed."""

    type: Literal["webhook", "connector"]
    id: str


class Delivery(TypedDict):
    """One event owed to one target."""

    id: DeliveryId
    org_id: OrgId
    event_id: EventId
    event_type: str
    target: Target
    status: Annotated[str, _one_of(Status)]
    reason: Annotated[Annotated[str, _one_of(Reason)] | None, Meta(description="Why it failed.")]
    attempts_made: Count
    next_attempt_at: Annotated[Time | None, Meta(description="Null also while its target can take nothing.")]
    created_at: Time
    completed_at: Time | None
    expires_at: Annotated[Time, Meta(description="When it is given up if it is still pending.")]
    redelivery_of: Annotated[
        str | None,
        Meta(
            description="The delivery that it repeats, or the job that made it; sent as `X-HUM-Redelivery`."
        ),
    ]
    last_status_code: int | None
    last_error: Annotated[str | None, Meta(description="As in an attempt.")]
    test: Annotated[bool, Meta(description="Whether it was a test that a person asked for.")]


class Attempt(TypedDict):
    """One HTTP request and its answer."""

    id: AttemptId
    number: Annotated[int, Meta(ge=1)]
    started_at: Time
    duration_ms: Milliseconds
    url: Annotated[str | None, Meta(description="Viewers see it shortened.")]
    remote_ip: str | None
    request_headers: Annotated[
        list[Header], Meta(description="Viewers see signatures shortened; your own values are `[secret]`.")
    ]
    status_code: int | None
    response_headers: list[Header]
    response_body: Annotated[
        str | None,
        Meta(description="The first 16 KiB. A platform key sees it only with the scope `payload:read`."),
    ]
    response_truncated: bool
    error: Annotated[
        str | None,
        Meta(
            description="Null for a 2xx. `connect_refused`, `connect_timeout`, `tls`, `timeout`, `reset`, "
            "`protocol`, `target_denied`, `target_unreachable`, `http_status`, or a later value."
        ),
    ]
    error_detail: Annotated[str, Meta(description="The error in a sentence.")]
    held: Annotated[
        bool, Meta(description="The receiver asked for a pause; it used no step of the schedule.")
    ]
    swapped_from: Annotated[
        Literal["old", "new"] | None,
        Meta(
            description="During a rotation: the secret with which it was tried first. The receiver refused "
            "it; all the rest is of the second try, with the other."
        ),
    ]


class Envelope(TypedDict):
    """The body of the requests."""

    id: Annotated[EventId, Meta(description="The event's id, as in `webhook-id`.")]
    type: str
    timestamp: Annotated[Time, Meta(description="When it happened, as far as the sender said so.")]
    org_id: str
    api_version: Annotated[str, Meta(description="The version of this envelope.")]
    data: Annotated[dict[str, Any], Meta(description="What happened, byte for byte as HUM sent it.")]
    test: NotRequired[Annotated[bool, Meta(description="`true` in a test delivery, and only there.")]]


class DeliveryWithAttempts(Delivery):
    """One delivery with what was sent and what came back."""

    payload: Annotated[
        Envelope | None,
        Meta(
            description="The body as it is sent. Null when it is past its retention, and for a platform key "
            "without the scope `payload:read`."
        ),
    ]
    attempts: list[Attempt]


class Job(TypedDict):
    """Long work, and how far it has come."""

    id: JobId
    org_id: OrgId
    kind: Annotated[str, _one_of([*JobKind, "erasure"])]
    object_id: Annotated[str | None, Meta(description="What it works on: a webhook.")]
    status: Annotated[str, _one_of(JobStatus)]
    cancel_requested: Annotated[bool, Meta(description="Somebody cancelled it; soon it is `cancelled`.")]
    matched: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="How much there was to do when it began. Null while it is being counted."),
    ]
    done: Annotated[Count, Meta(description="For how many events it made a delivery.")]
    failed: Annotated[Count, Meta(description="For how many it could not: their payload is gone.")]
    error: Annotated[
        str | None,
        Meta(description="Why it failed: `webhook_deleted`, `webhook_disabled`, `internal_error`."),
    ]
    actor: Annotated[str, Meta(description="Who ordered it: `X-HUM-Actor`, or the key's id.")]
    created_at: Time
    updated_at: Time
    finished_at: Time | None


class DryRun(TypedDict):
    """What would be done."""

    matched: Annotated[Count, Meta(description="How many events match at this moment.")]


Scope = Annotated[str, _one_of(SCOPES)]


class ApiKey(TypedDict):
    """An API key, without its text."""

    id: KeyId
    platform: bool
    org_id: Annotated[str | None, Meta(description="Null for a platform key.")]
    role: Annotated[str, _one_of(ROLES)] | None
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


Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class AuditEntry(TypedDict):
    """Who did what, when, from where, to what."""

    id: Annotated[str, id_form("aud")]
    org_id: Annotated[str, Meta(description="The organization; `*`: it is the platform's.")]
    number: Annotated[int, Meta(ge=1, description="In the chain of its organization.")]
    at: Time
    actor: Annotated[
        str, Meta(description="The key; behind a platform key the person that `X-HUM-Actor` named.")
    ]
    key_id: Annotated[str | None, Meta(description="The key; `key_local`: on the gateway's own machine.")]
    address: Annotated[str | None, Meta(description="The client's. Null: on the gateway's own machine.")]
    action: Annotated[str, Meta(description="The operation's id, such as `createWebhook`.")]
    object_type: str
    object_id: str | None
    details: Annotated[
        dict[str, Any], Meta(description="Such as the names of the fields that were given; never values.")
    ]
    previous_hash: Annotated[Hash, Meta(description="Of the entry before; the first has zeros.")]
    hash: Annotated[
        Hash,
        Meta(
            description="SHA-256 over `previous_hash` (32 bytes) and the entry without its hashes as JSON: "
            "names sorted, no spaces, ASCII."
        ),
    ]


class Organization(TypedDict):
    """A customer of HUM, and how long its things are kept."""

    id: OrgId
    retention_days: Annotated[int, Meta(description="How long payloads and attempts are kept.")]
    audit_head: Annotated[
        Hash | None, Meta(description="The hash of the newest entry of its audit log; null: there is none.")
    ]
    created_at: Time
    erased_at: Annotated[Time | None, Meta(description="When it was erased.")]


class Erasure(TypedDict):
    """What the erasure of a person came to."""

    id: Annotated[str | None, Meta(description="Null for a dry run.")]
    kind: Literal["erasure"]
    status: Literal["running", "done"]
    dry_run: bool
    matched: Annotated[Count, Meta(description="Events that name the person.")]
    done: Annotated[Count, Meta(description="Events whose payload is gone.")]
    failed: Count
    cancelled: Annotated[Count, Meta(description="Pending deliveries that were cancelled.")]


Cursor = Annotated[
    str | None,
    Meta(
        description="For the next page; null at the end. An ascending list keeps one at its end, to follow."
    ),
]


SearchedUntil = Annotated[
    Time | None,
    Meta(
        description="Set when the page ends because enough was looked at: everything up to this time was. "
        "`next_cursor` goes on from there."
    ),
]


class EventList(TypedDict):
    """A page of events. With filters it may be short, or empty, and still not the last."""

    data: list[Event]
    next_cursor: Cursor
    searched_until: SearchedUntil


class EventTypeList(TypedDict):
    """The whole catalogue."""

    data: list[EventType]
    next_cursor: Cursor


class WebhookList(TypedDict):
    """A page of webhooks."""

    data: list[Webhook]
    next_cursor: Cursor


class DeliveryList(TypedDict):
    """A page of deliveries. With filters it may be short, or empty, and still not the last."""

    data: list[Delivery]
    next_cursor: Cursor
    searched_until: SearchedUntil


class JobList(TypedDict):
    """A page of jobs."""

    data: list[Job]
    next_cursor: Cursor


class KeyList(TypedDict):
    """A page of keys."""

    data: list[ApiKey]
    next_cursor: Cursor


class AuditList(TypedDict):
    """A page of the audit log."""

    data: list[AuditEntry]
    next_cursor: Cursor


class OrganizationList(TypedDict):
    """A page of organizations."""

    data: list[Organization]
    next_cursor: Cursor


class Health(TypedDict):
    """The process answers."""

    status: Literal["ok"]


class Ready(TypedDict):
    """The node takes requests."""

    status: Literal["ready"]


class NotReady(TypedDict):
    """The node takes no requests at present."""

    status: Literal["not_ready"]
    reason: str
