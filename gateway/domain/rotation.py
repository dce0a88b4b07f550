"""The rotation of a signing secret: which one leads, when the other is tried, what the receiver takes.

`webhook-signature` carries every live secret. `X-HUM-Signature` can carry one, the leading one: what the
receiver accepted last, at first the old, from half of the grace period on the new. A receiver that refuses it
gets the same attempt once more with the other. These are the rules alone; exchanges are made by
`dispatch.attempt`, what is remembered is kept by `dispatch.rotating` and `store.rotations`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, Literal

Which = Literal["old", "new"]
State = Literal["started", "confirmed", "unconfirmed"]

MAX_GRACE_SECONDS: Final = 604_800
DEFAULT_GRACE_SECONDS: Final = 86_400

# What a receiver answers to a signature that it does not know.
SAYS_SIGNATURE: Final = frozenset({401, 403})
# What others answer, as to much else: it counts only while nothing speaks against it.
MAY_SAY_SIGNATURE: Final = frozenset({400, 422, 500})


@dataclass(frozen=True, slots=True)
class Rotation:
    """A grace period: from `started_at` until `ends_at` (ms) both secrets sign. `takes` is the secret that
    the receiver accepted last since it began, `confirmed_at` when it first accepted the new one, `warned_at`
    when it was said that it has not."""

    old_secret_id: str
    new_secret_id: str
    started_at: int
    ends_at: int
    takes: Which | None = None
    confirmed_at: int | None = None
    warned_at: int | None = None

    def over(self, now: int) -> bool:
        return now >= self.ends_at

    @property
    def half(self) -> int:
        """From then on the new secret leads, so that a receiver that takes both confirms it."""
        return self.started_at + (self.ends_at - self.started_at) // 2

    @property
    def warns_at(self) -> int:
        """A quarter of the period before the end: the new secret has led for as long by then."""
        return self.ends_at - (self.ends_at - self.started_at) // 4

    def leading(self, now: int) -> Which:
        if now >= self.half:
            return "new"
        return self.takes or "old"

    def secret_id(self, which: Which) -> str:
        return self.old_secret_id if which == "old" else self.new_secret_id

    def asks_again(self, tried: Which, status: int | None, now: int, *, retry: bool) -> bool:
        """Whether the answer to `tried` asks for a second exchange, with the other secret.

        A 400, 422 or 500 does not when `tried` is what the receiver is known to take: it means something else
        then. Unless this is a `retry`: the receiver may have changed its secret since, and says so like that.
        """
        if tried == "new" and self.over(now):
            return False  # there is no other
        if status in SAYS_SIGNATURE:
            return True
        return status in MAY_SAY_SIGNATURE and (retry or self.takes != tried)

    def accepted(self, which: Which, now: int) -> Rotation:
        """After a 2xx to a request that `which` led."""
        confirmed_at = now if which == "new" and self.confirmed_at is None else self.confirmed_at
        if which == self.takes and confirmed_at == self.confirmed_at:
            return self
        return replace(self, takes=which, confirmed_at=confirmed_at)

    def to_be_warned_of(self, now: int) -> bool:
        return self.confirmed_at is None and self.warned_at is None and now >= self.warns_at

    def state(self, now: int) -> State:
        if self.confirmed_at is not None:
            return "confirmed"
        return "unconfirmed" if now >= self.half else "started"


def may_be_refusal(status: int | None) -> bool:
    """Whether the answer can be about the signature at all."""
    return status in SAYS_SIGNATURE or status in MAY_SAY_SIGNATURE


def other(which: Which) -> Which:
    return "new" if which == "old" else "old"
