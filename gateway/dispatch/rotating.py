"""What this node knows of a receiver while its secret is being rotated, and what that means for an attempt.

The rules are `domain.rotation`'s. What is learned is used at once, and written with the record of the attempt
that taught it, so that other nodes know within a second and the next start knows, too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from gateway.domain.addressee import Addressee
from gateway.domain.exchange import Exchange
from gateway.domain.owed import Owed
from gateway.domain.rotation import Rotation, Which, other
from gateway.store.rotations import Accepted

if TYPE_CHECKING:
    from gateway.dispatch.target import Target

# While a receiver is being deployed its instances take turns; not every turn is worth telling all nodes.
WRITTEN_EVERY_MS: Final = 1000


@dataclass(slots=True)
class Memory:
    """`rotation` as this node knows it; `stored` as the database has it, as far as this node has seen."""

    rotation: Rotation
    stored: Rotation
    written_at: int = 0

    def see(self, stored: Rotation) -> None:
        """The rotation as it was read: what is new there came from another node."""
        if stored.takes != self.stored.takes:
            self.rotation = replace(self.rotation, takes=stored.takes)
        if self.rotation.confirmed_at is None:
            self.rotation = replace(self.rotation, confirmed_at=stored.confirmed_at)
        self.stored = stored

    def accept(self, which: Which, now: int) -> bool:
        """The receiver has accepted it; says whether that is to be written down."""
        before = self.rotation
        self.rotation = after = before.accepted(which, now)
        news = after.takes != self.stored.takes or (
            after.confirmed_at is not None and self.stored.confirmed_at is None
        )
        first = after.confirmed_at != before.confirmed_at
        if not news or (not first and now - self.written_at < WRITTEN_EVERY_MS):
            return False
        self.written_at = now
        return True

    def written(self, accepted: Accepted) -> None:
        self.stored = replace(self.stored, takes=accepted.takes, confirmed_at=self.rotation.confirmed_at)


@dataclass(slots=True)
class Turn:
    """One attempt during a rotation. `tried` led the latest exchange, `swapped_from` the one before it."""

    memory: Memory
    owed: Owed
    tried: Which
    swapped_from: Which | None = None

    @property
    def leading(self) -> str:
        """The id of the secret that leads the next exchange."""
        return self.memory.rotation.secret_id(self.tried)

    def asks_again(self, exchange: Exchange, addressee: Addressee, now: int) -> bool:
        """Whether the other secret is to be tried, and still signs for the addressee as it is now."""
        rotation, retry = self.memory.rotation, self.owed.attempts_made > 0
        if not rotation.asks_again(self.tried, exchange.status_code, now, retry=retry):
            return False
        wanted = rotation.secret_id(other(self.tried))
        return addressee.enabled and any(secret.id == wanted for secret in addressee.live_secrets(now))

    def swap(self) -> None:
        self.tried, self.swapped_from = other(self.tried), self.tried

    def learn(self, exchange: Exchange, now: int) -> Accepted | None:
        """What the final answer says of the receiver, if that is to be written down."""
        if not exchange.succeeded or not self.memory.accept(self.tried, now):
            return None
        known = self.memory.rotation
        return Accepted(
            self.owed.target_id, self.owed.org_id, known.new_secret_id, self.tried, known.confirmed_at
        )


def turn_of(target: Target, addressee: Addressee, owed: Owed, now: int) -> Turn | None:
    """None unless the addressee's secret is being rotated."""
    rotation = addressee.rotating(now)
    if rotation is None:
        target.rotation = None
        return None
    memory = target.rotation
    if memory is None or memory.rotation.new_secret_id != rotation.new_secret_id:
        memory = target.rotation = Memory(rotation, rotation)
    else:
        memory.see(rotation)
    return Turn(memory, owed, memory.rotation.leading(now))


def turn_since(
    target: Target, before: Addressee, after: Addressee | None, owed: Owed, now: int
) -> Turn | None:
    """The turn of an attempt that was sent `before` the rotation began, signed with the old secret alone."""
    turn = None if after is None else turn_of(target, after, owed, now)
    if turn is None or turn.memory.rotation.old_secret_id not in {secret.id for secret in before.secrets}:
        return None
    turn.tried = "old"
    return turn
