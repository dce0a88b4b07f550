"""Where a thing is looked at in the console, from its id alone."""

from __future__ import annotations

from typing import Final

_PLACES: Final = {
    "evt": "events",
    "dlv": "deliveries",
    "whk": "webhooks",
    "cnr": "connectors",
    "ctc": "contacts",
    "job": "jobs",
}


def place_of(thing_id: str | None) -> tuple[str, str] | None:
    """The parts of its address below its organization's; None for what has no page of its own."""
    place = _PLACES.get((thing_id or "").partition("_")[0])
    return None if place is None or thing_id is None else (place, thing_id)
