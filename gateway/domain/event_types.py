"""The catalogue: which event types HUM is known to send, and what their `data` certainly holds.

One row per type, with a struct: the struct checks a payload in microseconds, and the published JSON Schema is
made from it. A schema requires only what HUM certainly sends. For the documented types, whose names stand in
HUM's documentation but whose fields are not fixed there, that is nothing: known fields must have the right
type, no more. Further fields, null for an optional field, and new values of an enumeration always pass.

Types outside the catalogue are accepted and delivered too; they only need the right form (`check_type`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct, field

from gateway import fixture_files
from gateway.domain.wording import of_json, of_msgspec
from gateway.errors import Detail

MAX_TYPE_LENGTH: Final = 128

# The gateway's own events: delivered only where named in full, never posted from outside.
RESERVED_TYPES: Final = frozenset(
    {
        "webhook.created",
        "webhook.updated",
        "webhook.failing",
        "webhook.disabled",
        "webhook.rotation_unconfirmed",
        "secret.rotated",
        "delivery.failed",
        "connector.failing",
        "caller.resolved",
        "contact.erased",
    }
)

_SEGMENTS: Final = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z][a-z0-9_]*)*\Z")


def is_reserved(event_type: str) -> bool:
    """Whether it is one of the gateway's own."""
    return event_type in RESERVED_TYPES


def is_segments(text: str) -> bool:
    """Whether it is one or more segments of a type, joined by dots."""
    return _SEGMENTS.match(text) is not None


def check_type(text: str) -> None:
    """Raises ValueError with a sentence for a person.

    At least two segments: `call` alone is nearly always a mistaken `call.*`. Allowing it later would be a
    compatible change, forbidding it later would not.
    """
    if len(text) > MAX_TYPE_LENGTH:
        raise ValueError(f"must have at most {MAX_TYPE_LENGTH} characters")
    if "." not in text or not is_segments(text):
        raise ValueError("must be dotted lower case, such as call.completed: segments of a-z, 0-9 and _")


def _known(*values: str) -> Meta:
    return Meta(description=f"One of {', '.join(values)}, or a later value", examples=list(values))


Id = Annotated[str, Meta(min_length=1)]
Phone = Annotated[str, Meta(description="E.164 such as +13175550123, or what the carrier gave if withheld")]
Time = Annotated[str, Meta(description="ISO 8601 in UTC, such as 2026-11-20T21:05:09.123Z")]
Seconds = Annotated[float, Meta(ge=0)]
Direction = Annotated[str, _known("inbound", "outbound")]
CallStatus = Annotated[str, _known("completed", "missed", "voicemail", "busy", "failed", "canceled")]
Role = Annotated[str, _known("agent", "caller", "system")]


class AnyObject(Struct, gc=False):
    """An object whose fields nobody fixes."""


class Turn(Struct, gc=False):
    role: Role
    text: str
    at: Seconds | None = None


class Agent(Struct, gc=False):
    id: str | None = None
    name: str | None = None


class CallContact(Struct, gc=False):
    id: str | None = None
    phone: Phone | None = None


class _CallDetails(Struct, kw_only=True):
    ended_at: Time | None = None
    answered_at: Time | None = None
    duration_seconds: Seconds | None = None
    status: CallStatus | None = None
    summary: str | None = None
    key_points: list[str] | None = None
    next_actions: list[str] | None = None
    transcript: list[Turn] | None = None
    recording_url: str | None = None
    outcome: AnyObject | None = None
    tags: list[str] | None = None
    agent: Agent | None = None
    sentiment: str | None = None
    contact: CallContact | None = None
    revision: int | None = None
    updated_at: Time | None = None


class CallCompleted(_CallDetails, kw_only=True):
    call_id: Id
    direction: Direction
    from_: Phone = field(name="from")
    to: Phone
    started_at: Time


class CallUpdated(_CallDetails, kw_only=True):
    call_id: Id
    direction: Direction | None = None
    from_: Phone | None = field(name="from", default=None)
    to: Phone | None = None
    started_at: Time | None = None


class OutcomeCaptured(Struct, kw_only=True):
    call_id: Id
    outcome: AnyObject | None = None
    captured_at: Time | None = None


class FlowSwitched(Struct, kw_only=True):
    call_id: Id
    from_flow: Agent | None = None
    to_flow: Agent | None = None
    reason: str | None = None
    switched_at: Time | None = None


class VoicemailReceived(Struct, kw_only=True):
    call_id: Id
    voicemail_id: str | None = None
    from_: Phone | None = field(name="from", default=None)
    to: Phone | None = None
    received_at: Time | None = None
    duration_seconds: Seconds | None = None
    transcript: str | None = None
    recording_url: str | None = None


class Sms(Struct, kw_only=True):
    message_id: str | None = None
    conversation_id: str | None = None
    direction: Direction | None = None
    from_: Phone | None = field(name="from", default=None)
    to: Phone | None = None
    body: str | None = None
    media: list[AnyObject] | None = None
    received_at: Time | None = None
    sent_at: Time | None = None
    delivered_at: Time | None = None
    failed_at: Time | None = None


class SmsConsent(Struct, kw_only=True):
    phone: Phone | None = None
    number: Phone | None = None
    keyword: str | None = None
    changed_at: Time | None = None


class Conversation(Struct, kw_only=True):
    conversation_id: str | None = None
    contact_e164: Phone | None = None
    number: Phone | None = None
    channel: str | None = None
    assigned_to: Agent | None = None
    started_at: Time | None = None
    assigned_at: Time | None = None
    closed_at: Time | None = None


@dataclass(frozen=True, slots=True)
class EventType:
    """A row of the catalogue. `documented`: its name stands in HUM's documentation; the others are ours."""

    name: str
    description: str
    documented: bool
    struct: type[Struct]


CATALOGUE: Final = {
    row.name: row
    for row in (
        EventType("call.completed", "A call ended and was written up", False, CallCompleted),
        EventType("call.updated", "Something about a finished call changed", False, CallUpdated),
        EventType("outcome.captured", "The outcome fields of a call were filled", False, OutcomeCaptured),
        EventType("flow.switched", "A call moved to another flow", False, FlowSwitched),
        EventType("voicemail.received", "A caller left a message", False, VoicemailReceived),
        EventType("sms.received", "A text message arrived", True, Sms),
        EventType("sms.sent", "A text message was handed to the carrier", True, Sms),
        EventType("sms.delivered", "The carrier confirmed a text message", True, Sms),
        EventType("sms.failed", "A text message could not be delivered", True, Sms),
        EventType("sms.opt_out", "A contact asked for no more messages", True, SmsConsent),
        EventType("sms.opt_in", "A contact allowed messages again", True, SmsConsent),
        EventType("conversation.started", "A new SMS conversation began", True, Conversation),
        EventType("conversation.assigned", "A conversation was given to somebody", True, Conversation),
        EventType("conversation.closed", "A conversation was closed", True, Conversation),
    )
}

_DECODERS: Final = {name: msgspec.json.Decoder(row.struct) for name, row in CATALOGUE.items()}


def check(event_type: str, raw_data: bytes) -> list[Detail]:
    """What is wrong with the `data` of an event, by field (`data.transcript[2].text`).

    Empty when it is fine or the type is not in the catalogue. Never raises, whatever the bytes are.
    """
    decoder = _DECODERS.get(event_type)
    if decoder is None:
        return []
    try:
        decoder.decode(raw_data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _mistakes(CATALOGUE[event_type].struct, raw_data)
    return []


def _mistakes(struct: type[Struct], raw_data: bytes) -> list[Detail]:
    """Every mistake, one per field: the decoder alone stops at the first."""
    try:
        values = msgspec.json.decode(raw_data, type=dict[str, msgspec.Raw])
    except msgspec.ValidationError:
        return [Detail("data", "must be an object")]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return [Detail("data", "is not valid JSON or nested too deeply")]
    found = []
    for known in msgspec.structs.fields(struct):
        name = known.encode_name
        if name not in values:
            if known.required:
                found.append(Detail(f"data.{name}", "is required"))
            continue
        try:
            msgspec.json.decode(values[name], type=known.type)
        except msgspec.ValidationError as error:
            path, said = of_msgspec(str(error))
            found.append(Detail(f"data.{name}{path}", said))
        except msgspec.DecodeError as error:
            raw = bytes(values[name])
            found.append(Detail(f"data.{name}", f"is not valid JSON: {of_json(str(error), raw)}"))
        except (UnicodeDecodeError, RecursionError):
            found.append(Detail(f"data.{name}", "is not valid JSON or nested too deeply"))
    return found or [Detail("data", "is not as described")]


def schema(event_type: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of a type's `data`, complete in itself. Raises KeyError for an unknown type.

    The dict is shared: callers must not change it.
    """
    return schema_of(CATALOGUE[event_type])


@lru_cache
def schema_of(row: EventType) -> dict[str, Any]:
    """The schema of a row, also of one that is not in the catalogue."""
    made = msgspec.json.schema(row.struct)
    # Inlined: inside an OpenAPI document, `#/$defs/…` would point to the document's own root.
    body: dict[str, Any] = _inline(made, made.get("$defs", {}))
    return {**body, "title": row.name, "description": row.description}


def _inline(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inline(item, definitions) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _inline(definitions[node["$ref"].rpartition("/")[2]], definitions)
    return {key: _inline(value, definitions) for key, value in node.items() if key != "$defs"}


def example(event_type: str) -> dict[str, Any]:
    """A realistic `{"type", "data"}` from the fixtures. Raises FileNotFoundError for an unknown type."""
    return fixture_files.event(event_type)
