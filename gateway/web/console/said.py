"""What a page says after something was done; an address carries only the name of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAID: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "over": "You were signed out: the session is over, or its key does not count any more.",
    "redelivered": "It is sent once more: this is the new delivery.",
    "delivery_cancelled": "The delivery is cancelled.",
    "event_accepted": "The event is accepted, and durable with every delivery that it makes.",
    "key_revoked": "The key is revoked: it is refused everywhere within a second or so.",
}
