"""Whether an event shows a number to be the organization's own: the one that was called, or that it called
from.

An office's number stands in nearly every event. Erasing it as if it were a person would take the payloads of
all of them.
"""

from __future__ import annotations

from typing import Final

import msgspec

_INBOUND: Final = frozenset({"sms.received", "voicemail.received"})
_OUTBOUND: Final = frozenset({"sms.sent", "sms.delivered", "sms.failed"})


class _Sides(msgspec.Struct):
    direction: str | None = None
    from_: str | None = msgspec.field(name="from", default=None)
    to: str | None = None


_decode: Final = msgspec.json.Decoder(_Sides).decode


def shows_own(event_type: str, data: bytes, phone: str) -> bool:
    """Whether the number (E.164) is the organization's side of what the event tells of."""
    try:
        sides = _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    if sides.direction == "inbound" or (sides.direction is None and event_type in _INBOUND):
        return sides.to == phone
    if sides.direction == "outbound" or (sides.direction is None and event_type in _OUTBOUND):
        return sides.from_ == phone
    return False
