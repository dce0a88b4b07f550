"""A delivery as the dispatcher holds it in memory: what it takes to make the next attempt."""

from __future__ import annotations

import msgspec

from gateway.domain.delivery import home_queue
from gateway.domain.event import Event
from gateway.domain.outcome import Progress


class Owed(msgspec.Struct, eq=False):
    """One event owed to one target. `queue` is the lease under which this node holds it; `event` is None
    until its payload has been read (deliveries that were claimed, not handed over)."""

    id: str
    org_id: str
    target_id: str
    event: Event | None
    queue: str
    attempts_made: int
    steps_used: int
    expires_at: int
    priority: int
    created_at: int
    event_id: str = ""
    event_type: str = ""
    redelivery_of: str | None = None
    ordering_key: str | None = None  # only of those that were claimed
    troubles: int = 0  # how often this gateway itself failed to work on it since it came into memory

    def __post_init__(self) -> None:
        if self.event is not None:
            self.event_id = self.event.id
            self.event_type = self.event.type

    @property
    def home(self) -> str:
        """The queue in which it waits while its target can take nothing."""
        return home_queue(self.target_id, self.priority)

    @property
    def progress(self) -> Progress:
        return Progress(self.attempts_made, self.steps_used, self.expires_at)
