"""What the dispatcher knows of a target that one node at a time serves: whether it is this node, how often
the target may be called, and which ordering keys may have a next delivery.

Whose it is, the database says (`store.lanes`); `dispatch.lanes` asks it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.domain.addressee import Addressee
from gateway.domain.rate import Bucket


@dataclass(slots=True, eq=False)
class Lane:
    """`elsewhere`: another node had it when it was asked for last. `freed` holds the keys of which a delivery
    has left this node's memory; `behind` says that something waits behind others of its key, and `after` up
    to which key that has been looked through. `aside`: a job has put something aside for it."""

    ordered: bool = False
    bucket: Bucket | None = None
    owned: bool = False
    elsewhere: bool = False
    freed: dict[str, None] = field(default_factory=dict)
    behind: bool = False
    after: str = ""
    aside: bool = False

    @property
    def sought(self) -> bool:
        """Whether this node should try to become its owner."""
        return not self.owned and not self.elsewhere

    def apply(self, addressee: Addressee, monotonic: float) -> None:
        """Follows its settings."""
        self.ordered = addressee.ordered
        rate = addressee.rate_limit_per_second
        if rate is None:
            self.bucket = None
        elif self.bucket is None:
            self.bucket = Bucket(rate, monotonic)
        elif self.bucket.rate != rate:
            self.bucket.change(rate, monotonic)

    def own(self, monotonic: float) -> None:
        """This node serves it from now on. How often the owner before has called is not known: one token."""
        self.owned, self.elsewhere, self.aside, self.after = True, False, False, ""
        self.behind = self.ordered
        if self.bucket is not None:
            self.bucket = Bucket(self.bucket.rate, monotonic)

    def lose(self) -> None:
        self.owned = self.elsewhere = False
        self.freed.clear()

    def over(self, key: str | None) -> bool:
        """A delivery with that key, or without one, has left memory. True when the database may have more to
        say: who is next, or whose the lane is."""
        if self.ordered and key is not None:
            self.freed[key] = None
            return True
        return self.sought

    def may_start(self, monotonic: float) -> bool:
        return self.bucket is None or self.bucket.has_one(monotonic)

    def start(self, monotonic: float) -> None:
        """An attempt starts."""
        if self.bucket is not None:
            self.bucket.take(monotonic)

    def pause(self, monotonic: float) -> float:
        """Seconds until the next attempt may start; 0 when it may now."""
        if self.bucket is None or self.bucket.has_one(monotonic):
            return 0.0
        return self.bucket.seconds_until_one(monotonic)


def followed(lane: Lane | None, addressee: Addressee, monotonic: float) -> tuple[Lane | None, bool]:
    """The lane as its settings want it, if they do; and whether what is in memory was taken up
    under rules that are not strict enough any more."""
    if not addressee.one_voice:
        return None, False
    stricter = lane is None or (addressee.ordered and not lane.ordered)
    lane = lane or Lane()
    lane.apply(addressee, monotonic)
    return lane, stricter
