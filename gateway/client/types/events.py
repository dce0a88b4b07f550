"""Events, and what the catalogue says of their types."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict


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
