"""Named places on the way of an event, where a test can watch the process or end it.

In production `reached` does nothing. A test that wants to know what survives a crash between two steps sets
`observer`, and ends the process when its place is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

PLACES: Final = (
    "accept.before_insert",
    "accept.after_events",
    "accept.before_commit",
    "accept.after_commit",
    "attempt.before_send",
    "attempt.after_send",
    "attempt.between_exchanges",
    "attempt.before_record",
    "record.before_update",
    "record.after_update",
    "attempt.after_record",
    "claim.before_commit",
    "claim.after_commit",
    "key.before_commit",
    "key.after_commit",
    "webhook.before_commit",
    "webhook.after_commit",
    "job.before_commit",
    "job.after_commit",
    "lookup.before_keep",
    "rotation.before_commit",
    "rotation.after_commit",
    "migrate.before_commit",
    "rewrap.before_commit",
    "stop.before_return",
)

observer: Callable[[str], None] | None = None


def reached(place: str) -> None:
    """Tells whoever watches that the process has come to `place`."""
    if observer is not None:
        observer(place)
