"""Which secret of a connector leads a direct call, and which it was seen to take.

Bearer, `X-HUM-Signature` and the first entry of `webhook-signature` are made with the same secret. While it
is being rotated that is the one the connector took last (`domain.rotation`). A connector that refuses it with
401 or 403 is asked once more with the other: the contract leaves it no other answer to a secret it does not
know, so a 400 or 500 says nothing about secrets here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from gateway.domain.connector import Connector
from gateway.domain.exchange import Exchange
from gateway.domain.rotation import SAYS_SIGNATURE, Rotation, Which, other
from gateway.store.rotations import Accepted

WRITTEN_EVERY_MS: Final = 1000
_REMEMBERED: Final = 10_000


@dataclass(slots=True)
class Memory:
    """`rotation` as this node knows it; `stored` as the database had it when it was last looked at."""

    rotation: Rotation
    stored: Rotation
    written_at: int = 0

    def see(self, stored: Rotation) -> None:
        """The rotation as it was read: what differs there came from another node, or is this node's own."""
        if stored.takes != self.stored.takes:
            self.rotation = replace(self.rotation, takes=stored.takes)
        if self.rotation.confirmed_at is None:
            self.rotation = replace(self.rotation, confirmed_at=stored.confirmed_at)
        self.stored = stored


@dataclass(slots=True)
class Turn:
    """One call during a rotation. `tried` leads the latest exchange."""

    memory: Memory
    tried: Which

    @property
    def leading(self) -> str:
        """The id of the secret that leads the next exchange."""
        return self.memory.rotation.secret_id(self.tried)

    def asks_again(self, exchange: Exchange, connector: Connector, now: int) -> bool:
        """Whether the answer asks for the other secret, and that one still signs for the connector as it
        is."""
        wanted = self.memory.rotation.secret_id(other(self.tried))
        signs = any(secret.id == wanted for secret in connector.live_secrets(now))
        return exchange.status_code in SAYS_SIGNATURE and signs

    def swap(self) -> None:
        self.tried = other(self.tried)


class Taking:
    """What this node has learned of connectors whose secret is being rotated."""

    def __init__(self) -> None:
        self._memories: dict[str, Memory] = {}

    def turn(self, connector: Connector, now: int) -> Turn | None:
        """The turn of a call that begins now; None unless the connector's secret is being rotated."""
        stored = connector.rotating(now)
        if stored is None:
            self._memories.pop(connector.id, None)
            return None
        memory = self._memories.get(connector.id)
        if memory is None or memory.rotation.new_secret_id != stored.new_secret_id:
            if len(self._memories) >= _REMEMBERED:
                self._memories.clear()
            memory = self._memories[connector.id] = Memory(stored, stored)
        else:
            memory.see(stored)
        return Turn(memory, memory.rotation.leading(now))

    def turn_since(self, before: Connector, after: Connector, now: int) -> Turn | None:
        """The turn of a call that was sent before the rotation began, signed with the old secret alone."""
        turn = self.turn(after, now)
        if turn is None or turn.memory.rotation.old_secret_id not in {secret.id for secret in before.secrets}:
            return None
        turn.tried = "old"
        return turn

    def learn(self, connector: Connector, turn: Turn, now: int) -> Accepted | None:
        """The connector has answered as the contract says: it took the secret that led. What of that is to be
        written down, for other nodes and the next start."""
        memory = turn.memory
        before = memory.rotation
        after = memory.rotation = before.accepted(turn.tried, now)
        first = after.confirmed_at != before.confirmed_at
        if after is before or (not first and now - memory.written_at < WRITTEN_EVERY_MS):
            return None
        memory.written_at = now
        return Accepted(connector.id, connector.org_id, after.new_secret_id, turn.tried, after.confirmed_at)
