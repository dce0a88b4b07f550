"""A call as CRMs are told of it: what the events of one call come to, and who the other party is.

`call.completed`, `call.updated` and `outcome.captured` each tell a part. The state at an event is everything
up to it, field by field, the later word standing; values stay the bytes that came. Each event raises the
revision, so that a CRM can tell which of two states is the newer one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from gateway.clock import format_time
from gateway.domain.event import Event

COMPLETED: Final = "call.completed"
UPDATED: Final = "call.updated"
OUTCOME: Final = "outcome.captured"
TYPES: Final = frozenset({COMPLETED, UPDATED, OUTCOME})
LONGEST_ID: Final = 256
HIGHEST_REVISION: Final = 2**53 - 1_000_000  # what every reader of JSON can count on from there

# What goes to a CRM under `call`, in the order in which it is written (wire contract, section 3).
FIELDS: Final = (
    "direction", "from", "to", "started_at", "ended_at", "answered_at", "duration_seconds", "status",
    "summary", "key_points", "next_actions", "transcript", "recording_url", "outcome", "tags", "agent",
    "sentiment",
)  # fmt: skip

Raw = Mapping[str, msgspec.Raw]

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw])
_text = msgspec.json.Decoder(str)
_number = msgspec.json.Decoder(int)


def call_id_of(event_type: str, data: bytes) -> str | None:
    """The id of the call that an event tells of; None when it tells of none, or not by a usable id."""
    if event_type not in TYPES or b'"call_id"' not in data:
        return None
    try:
        found = _text.decode(_fields.decode(data).get("call_id", msgspec.Raw(b"null")))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return found if 0 < len(found) <= LONGEST_ID and "\0" not in found else None


@dataclass(frozen=True, slots=True)
class Call:
    """The state of a call. `known` is False while only its outcome was heard of: there is nothing to log
    yet."""

    id: str
    fields: Raw
    revision: int
    updated_at: str
    known: bool

    @property
    def other_party(self) -> str | None:
        """The number of the person outside, as it came; never the office's own. None while the direction is
        not known."""
        direction = _string(self.fields, "direction")
        if direction == "inbound":
            return _string(self.fields, "from")
        return _string(self.fields, "to") if direction == "outbound" else None

    def as_json(self) -> bytes:
        """The object under `call`."""
        told = {name: self.fields[name] for name in FIELDS if name in self.fields}
        return msgspec.json.encode(
            {"id": self.id, **told, "revision": self.revision, "updated_at": self.updated_at}
        )


def state_of(call_id: str, events: Sequence[Event], left_out: int = 0) -> Call:
    """What these events of one call come to, given in the order of their acceptance; of more than anybody
    needs, `left_out` are missing behind the first. A null takes nothing back that was said before."""
    fields: dict[str, msgspec.Raw] = {}
    revision, updated_at, known = 0, "", False
    for number, event in enumerate(events):
        revision += left_out if number == 1 else 0
        said = _fields.decode(event.data)
        fields.update({name: value for name, value in said.items() if bytes(value) != b"null"})
        given = _integer(said, "revision")
        usable = given is not None and revision < given <= HIGHEST_REVISION
        revision = given if usable and given is not None else revision + 1
        updated_at = _string(said, "updated_at") or format_time(event.timestamp)
        known = known or event.type != OUTCOME
    return Call(call_id, fields, revision, updated_at, known)


def _string(fields: Raw, name: str) -> str | None:
    try:
        return _text.decode(fields[name])
    except (KeyError, msgspec.DecodeError):
        return None


def _integer(fields: Raw, name: str) -> int | None:
    try:
        return _number.decode(fields[name])
    except (KeyError, msgspec.DecodeError):
        return None
