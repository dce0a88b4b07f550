"""Deliveries and their attempts."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from gateway.domain.delivery import Reason, Status
from gateway.domain.waiting import Why
from gateway.web.answers.fields import (
    AttemptId,
    Count,
    Cursor,
    DeliveryId,
    EventId,
    Header,
    Milliseconds,
    OrgId,
    SearchedUntil,
    Time,
    either,
    one_of,
)


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
    status: Annotated[str, one_of(Status)]
    reason: Annotated[
        Annotated[str, one_of(Reason)] | None,
        Meta(description="Why it failed; why a call was not told to a connector."),
    ]
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
            "`protocol`, `target_denied`, `target_unreachable`, `http_status`; of connectors also "
            "`contact_lookup` and `invalid_answer`; or a later value."
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


class SyncedContact(TypedDict):
    """Whose call it is, by the CRM's own id."""

    id: str
    phone: str | None


class SyncedCall(TypedDict):
    """The body of a `call.sync`."""

    call: Annotated[dict[str, Any], Meta(description="The call as far as it is known.")]
    contact: Annotated[SyncedContact | None, Meta(description="Null for a person the CRM does not know.")]


class WaitingFor(TypedDict):
    """What a pending delivery waits for."""

    reason: Annotated[
        str,
        one_of(Why),
        Meta(
            description="`disabled`: its target is. `hold`: its receiver has asked for a pause. `time`: its "
            "next attempt has a time. `order`: an earlier one of its ordering key is not over. `no_answer`: "
            "nobody answers there. `rate`: the target's `rate_limit_per_second`. `turn`: others of the "
            "target go first. Or a later value."
        ),
    ]
    until: Annotated[Time | None, Meta(description="When that is over, where it is known.")]
    message: Annotated[str, Meta(description="The same for a person.")]


class DeliveryWithAttempts(Delivery):
    """One delivery with what was sent and what came back."""

    payload: Annotated[
        Any,
        either("Envelope", "SyncedCall", null=True),
        Meta(
            description="The body as it is sent; a connector gets the call as it stands at this moment. Null "
            "when it is past its retention, and for a platform key without the scope `payload:read`."
        ),
    ]
    waiting_for: Annotated[
        WaitingFor | None,
        Meta(
            description="Set while it is `pending`; also while it is `in_flight` and waits in the memory of "
            "the node that is asked."
        ),
    ]
    attempts: list[Attempt]


class DeliveryList(TypedDict):
    """A page of deliveries. With filters it may be short, or empty, and still not the last."""

    data: list[Delivery]
    next_cursor: Cursor
    searched_until: SearchedUntil
