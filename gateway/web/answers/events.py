"""Events, their types, and what a client hears that has sent some."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, TypedDict

from msgspec import Meta

from gateway.domain.event import PRIORITIES
from gateway.web.answers.fields import Count, Cursor, EventId, OrgId, SearchedUntil, Time, either, one_of
from gateway.web.answers.problems import Mistake


class AcceptedEvent(TypedDict):
    """An event that is durable, together with every delivery that it makes."""

    id: EventId
    type: str
    timestamp: Annotated[Time, Meta(description="`occurred_at` if it was given, else `accepted_at`.")]
    accepted_at: Annotated[Time, Meta(description="When the gateway took it.")]
    deliveries: Annotated[Count, Meta(description="How many deliveries it makes.")]
    warnings: NotRequired[
        Annotated[
            list[Mistake],
            Meta(
                description="What looks like a mistake in an event that was taken: a type that is nearly one "
                "of the catalogue, an `occurred_at` more than a day in the future. Else it is not there."
            ),
        ]
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

    data: list[Annotated[dict[str, Any], either("AcceptedEvent", "RefusedEvent")]]


class Event(TypedDict):
    """An event as lists show it: without its data."""

    id: EventId
    org_id: OrgId
    type: str
    timestamp: Annotated[Time, Meta(description="When it happened, as far as the sender said so.")]
    accepted_at: Annotated[Time, Meta(description="When the gateway took it.")]
    external_id: Annotated[str | None, Meta(description="The sender's own id.")]
    ordering_key: str | None
    priority: Annotated[str, one_of(PRIORITIES)]
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


class EventList(TypedDict):
    """A page of events. With filters it may be short, or empty, and still not the last."""

    data: list[Event]
    next_cursor: Cursor
    searched_until: SearchedUntil


class EventTypeList(TypedDict):
    """The whole catalogue."""

    data: list[EventType]
    next_cursor: Cursor
