"""An event: a fact from HUM, immutable, whose `data` is kept and passed on byte for byte.

Parsing is strict and leaves `data` as the bytes that came: `1.10`, 30-digit integers and key order survive.
The quick path decodes once; only a request that looks wrong is read a second time, to name every mistake.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections import Counter
from typing import Any, Final

import msgspec

from gateway.clock import format_time, parse_time
from gateway.domain import event_types, wording
from gateway.domain.phone import DEFAULT_REGION, Phone, parse
from gateway.domain.retry import DEFAULT_LIFETIME_MS
from gateway.errors import BadRequest, Detail, InvalidRequest, PayloadTooLarge, Problem

API_VERSION: Final = "2026-11-20"
MAX_BATCH: Final = 1000
MAX_DETAILS: Final = 100
LONGEST_EXACT_READING: Final = 5 * 1024 * 1024
ENVELOPE_BYTES: Final = 16 * 1024
PRIORITIES: Final = {"normal": 0, "high": 1}
PRIORITY_NAMES: Final = {number: name for name, number in PRIORITIES.items()}

_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_-]{1,128}\Z")
_ORG_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_PEOPLE_FIELDS: Final = frozenset({"from", "to", "phone", "contact_e164"})
_PEOPLE = re.compile(rb'"(?:from|to|phone|contact_e164)"\s*:\s*"([^"\\]{4,64})"')
_PEOPLE_HIDDEN = re.compile(rb'"(?:from|to|phone|contact_e164)"\s*:\s*(?:\[|"[^"\\]{0,64}\\)')
_E164 = re.compile(r"\+[0-9]{6,15}\Z")
_MOST_READ: Final = 20  # numbers of one event that are written otherwise: to read one takes a while
_MAX_LIFETIME_SECONDS: Final = DEFAULT_LIFETIME_MS // 1000


class EventInput(msgspec.Struct, forbid_unknown_fields=True):
    """One event as a client sends it."""

    type: str
    data: msgspec.Raw
    external_id: str | None = None
    occurred_at: str | None = None
    ordering_key: str | None = None
    priority: str = "normal"
    expires_in: int | None = None
    org_id: str | None = None


class BatchInput(msgspec.Struct, forbid_unknown_fields=True):
    """`POST /api/events/batch`."""

    events: list[msgspec.Raw]
    mode: str = "atomic"


class NewEvent(msgspec.Struct):
    """An event that passed every check and waits for its commit."""

    type: str
    data: bytes
    body_hash: bytes
    occurred_at: int | None = None
    external_id: str | None = None
    ordering_key: str | None = None
    priority: int = 0
    lifetime_ms: int = DEFAULT_LIFETIME_MS
    expires: bool = False
    schema_valid: bool = True
    verified: bool | None = None
    traceparent: str | None = None
    org_id: str | None = None


class Event(msgspec.Struct):
    """What a delivery needs to know of its event; the envelope is built once for all its deliveries."""

    id: str
    org_id: str
    type: str
    timestamp: int
    data: bytes
    traceparent: str | None = None
    verified: bool | None = None
    test: bool = False
    _envelope: bytes | None = None

    def envelope(self) -> bytes:
        """The body that every receiver of the profile `hum` gets, at every attempt the same bytes."""
        if self._envelope is None:
            made = envelope(self.id, self.type, self.timestamp, self.org_id, self.data)
            self._envelope = made[:-1] + b',"test":true}' if self.test else made
        return self._envelope


def envelope(event_id: str, event_type: str, timestamp: int, org_id: str, data: bytes) -> bytes:
    """`{"id", "type", "timestamp", "org_id", "api_version", "data"}` around the bytes of `data`."""
    # None of these values can hold a character that JSON would have to escape.
    return b'{"id":"%b","type":"%b","timestamp":"%b","org_id":"%b","api_version":"%b","data":%b}' % (
        event_id.encode(),
        event_type.encode(),
        format_time(timestamp).encode(),
        org_id.encode(),
        API_VERSION.encode(),
        data,
    )


class EventParser:
    """Turns request bodies into new events. Knows the limits, holds no state."""

    def __init__(self, *, max_event_bytes: int, enforce_schemas: bool) -> None:
        self._max = max_event_bytes
        self._enforce = enforce_schemas
        self._event = msgspec.json.Decoder(EventInput)
        self._batch = msgspec.json.Decoder(BatchInput)

    def single(self, body: bytes) -> NewEvent:
        """The event of `POST /api/events`. Raises BadRequest, InvalidRequest or PayloadTooLarge."""
        _check_utf8(body)
        return self._one(body, "")

    def batch(self, body: bytes) -> tuple[list[NewEvent | Problem], str]:
        """The events of a batch in order, each parsed or the problem it has; and the mode."""
        _check_utf8(body)
        try:
            batch = self._batch.decode(body)
        except msgspec.ValidationError:
            raise _diagnose(body, BatchInput, "") from None
        except msgspec.DecodeError as error:
            raise _not_json(error, body) from None
        except RecursionError:
            raise InvalidRequest.field("", "is nested too deeply") from None
        events = b"".join(map(bytes, batch.events))
        if _may_repeat_a_key(body, events, BatchInput) and _has_duplicates(body):
            raise _diagnose(body, BatchInput, "")
        if batch.mode not in ("atomic", "each"):
            raise InvalidRequest.field("mode", "must be atomic or each")
        if not 1 <= len(batch.events) <= MAX_BATCH:
            raise InvalidRequest.field("events", f"must have 1 to {MAX_BATCH} events")
        return [self._item(bytes(raw), index) for index, raw in enumerate(batch.events)], batch.mode

    def _item(self, raw: bytes, index: int) -> NewEvent | Problem:
        try:
            return self._one(raw, f"events[{index}]")
        except Problem as problem:
            return problem

    def _one(self, raw: bytes, where: str) -> NewEvent:
        if len(raw) > self._max + ENVELOPE_BYTES:  # before anything looks closer at it
            raise self._too_large(len(raw), where)
        try:
            given = self._event.decode(raw)
        except msgspec.ValidationError:
            raise _diagnose(raw, EventInput, where) from None
        except msgspec.DecodeError as error:
            raise _not_json(error, raw) from None
        except RecursionError:
            raise InvalidRequest.field(_join(where, "data"), "is nested too deeply") from None
        data = bytes(given.data)
        # Without the first place where the bytes of `data` stand, there is little to count in. No key goes
        # with them: they begin a value, and no value in the object reaches to where its `data` ends.
        if _may_repeat_a_key(raw.replace(data, b"", 1), b"", EventInput) and _has_duplicates(raw):
            raise _diagnose(raw, EventInput, where)
        if len(data) > self._max:
            raise self._too_large(len(data), where)
        return self._checked(given, data, raw, where)

    def _too_large(self, size: int, where: str) -> PayloadTooLarge:
        field = _join(where, "data")
        return PayloadTooLarge(
            f"{field} has {size} bytes, at most {self._max} are taken",
            details=[Detail(field, f"must be at most {self._max} bytes")],
        )

    def _checked(self, given: EventInput, data: bytes, raw: bytes, where: str) -> NewEvent:
        mistakes = list(_mistakes(given, data))
        occurred_at = None
        if given.occurred_at is not None:
            try:
                occurred_at = parse_time(given.occurred_at)
            except ValueError as error:
                mistakes.append(Detail("occurred_at", _time_message(error)))
        schema_valid = True
        if not mistakes:
            violations = event_types.check(given.type, data)
            schema_valid = not violations
            if self._enforce:
                mistakes += violations
        if mistakes:
            raise _invalid([Detail(_join(where, m.field), m.message) for m in mistakes])
        lifetime = given.expires_in or _MAX_LIFETIME_SECONDS
        return NewEvent(
            type=given.type,
            data=data,
            body_hash=hashlib.sha256(raw.strip()).digest(),
            occurred_at=occurred_at,
            external_id=given.external_id,
            ordering_key=given.ordering_key,
            priority=PRIORITIES[given.priority],
            lifetime_ms=lifetime * 1000,
            expires=given.expires_in is not None,
            schema_valid=schema_valid,
            org_id=given.org_id,
        )


def people(data: bytes, region: str = DEFAULT_REGION) -> set[str]:
    """Numbers (E.164) that `data` names in `from`, `to`, `phone` or `contact_e164`, alone or in a list, at
    any depth. Those that are written otherwise are read as the region writes them, the first few."""
    texts = {text.decode(errors="replace"): None for text in _PEOPLE.findall(data)}
    # Escapes and lists need a proper reading.
    if b"\\u" in data or _PEOPLE_HIDDEN.search(data):
        texts |= dict.fromkeys(_people_parsed(data))
    found = {text for text in texts if _E164.match(text)}
    for text in [text for text in texts if text not in found][:_MOST_READ]:
        number = parse(text, region)
        if isinstance(number, Phone):
            found.add(number.e164)
    return found


def is_org_id(text: str) -> bool:
    return _ORG_ID.match(text) is not None and text not in (".", "..")


def _people_parsed(data: bytes) -> list[str]:
    found: list[str] = []

    def look(pairs: list[tuple[str, Any]]) -> None:
        # Every pair is seen here, also where a later one of the same name would replace it.
        for name, value in pairs:
            if name in _PEOPLE_FIELDS:
                texts = value if isinstance(value, list) else [value]
                found.extend(text for text in texts if isinstance(text, str) and 4 <= len(text) <= 64)

    with contextlib.suppress(ValueError, RecursionError):
        json.loads(data, object_pairs_hook=look, parse_int=str, parse_float=str)
    return found


def _mistakes(given: EventInput, data: bytes) -> list[Detail]:
    found: list[Detail] = []
    if event_types.is_reserved(given.type):
        raise InvalidRequest.field("type", "is one of the gateway's own events", code="reserved_type")
    try:
        event_types.check_type(given.type)
    except ValueError as error:
        found.append(Detail("type", str(error)))
    if not data.startswith(b"{"):
        found.append(Detail("data", "must be an object"))
    if given.external_id is not None and not _EXTERNAL_ID.match(given.external_id):
        found.append(Detail("external_id", "must be 1 to 128 characters of A-Z a-z 0-9 _ -"))
    key = given.ordering_key
    if key is not None and not (1 <= len(key) <= 128 and key.isprintable()):
        found.append(Detail("ordering_key", "must be 1 to 128 printable characters"))
    if given.priority not in PRIORITIES:
        found.append(Detail("priority", "must be normal or high"))
    if given.expires_in is not None and not 1 <= given.expires_in <= _MAX_LIFETIME_SECONDS:
        found.append(Detail("expires_in", f"must be 1 to {_MAX_LIFETIME_SECONDS} seconds"))
    if given.org_id is not None and not is_org_id(given.org_id):
        found.append(Detail("org_id", "must be 1 to 64 characters of A-Z a-z 0-9 _ . -"))
    return found


def _invalid(details: list[Detail]) -> InvalidRequest:
    first = details[0]
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return InvalidRequest(f"{first.field}: {first.message}{more}", details=details)


def _time_message(error: ValueError) -> str:
    message = str(error)
    return (
        message if message.startswith("must") else "must be an ISO 8601 time such as 2026-11-20T21:05:09.123Z"
    )


def _not_json(error: msgspec.DecodeError, raw: bytes) -> BadRequest:
    return BadRequest(f"the body is not valid JSON: {wording.of_json(str(error), raw)}")


def _join(where: str, field: str) -> str:
    return f"{where}.{field}" if where and field else where or field


def _check_utf8(body: bytes) -> None:
    # The decoder leaves the raw parts unread, so the whole body is checked once here.
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"the body is not UTF-8: byte {error.start}") from None


_KEYS: dict[type[msgspec.Struct], list[bytes]] = {
    kind: [f'"{field.encode_name}"'.encode() for field in msgspec.structs.fields(kind)]
    for kind in (EventInput, BatchInput)
}


def _may_repeat_a_key(raw: bytes, inner: bytes, kind: type[msgspec.Struct]) -> bool:
    """Whether a key may stand twice in `raw`, outside of `inner`. The decoder silently takes the last one, so
    a cheap count looks for suspects; an exact second reading decides."""
    if raw.count(b"\\u") != inner.count(b"\\u"):
        return True
    return any((found := raw.count(key)) > 1 and found - inner.count(key) > 1 for key in _KEYS[kind])


def _pairs(raw: bytes) -> list[tuple[str, Any]] | Any:
    """The outermost object as pairs, whatever is inside; raises ValueError or RecursionError."""
    return json.loads(raw, object_pairs_hook=lambda pairs: pairs, parse_int=str, parse_float=str)


def _has_duplicates(raw: bytes) -> bool:
    if len(raw) > LONGEST_EXACT_READING:  # it would hold everybody up for seconds
        raise InvalidRequest.field("", "has a key that is escaped or stands more than once")
    try:
        names = [name for name, _ in _pairs(raw)]
    except RecursionError:
        raise InvalidRequest.field("", "is nested too deeply") from None
    return len(names) != len(set(names))


def _diagnose(raw: bytes, kind: type[msgspec.Struct], where: str) -> Problem:
    """Every mistake of a request that the decoder refused, by name."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    first = raw.lstrip()[:1]
    if first != b"{":
        return InvalidRequest.field(where, "must be an object")
    try:
        names = [name for name, _ in _pairs(raw)]
        values = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (ValueError, RecursionError):
        return InvalidRequest.field(where, "is nested too deeply or not valid JSON")
    details = [
        Detail(_join(where, name), "stands more than once")
        for name, count in Counter(names).items()
        if count > 1
    ]
    details += [Detail(_join(where, name), "is not a field") for name in values if name not in fields]
    for name, field in fields.items():
        if name not in values:
            if field.required:
                details.append(Detail(_join(where, name), "is required"))
            continue
        try:
            msgspec.json.decode(values[name], type=field.type)
        except msgspec.ValidationError as error:
            path, said = wording.of_msgspec(str(error))
            details.append(Detail(_join(where, name) + path, said))
    return _invalid(details[:MAX_DETAILS] or [Detail(where, "is not as described")])
