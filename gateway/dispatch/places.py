"""How many requests are on the wire at once, and for whom.

Places are few and meant for receivers that answer. A request on the wire for longer than `SLOW_AFTER` leaves
its quick place to somebody else and is counted among the slow, of which there are more: a hundred receivers
that hang hold up the others for half a second, not for their whole time limit.

- One host, one organization, and receivers of which nobody knows whether they answer each have a share. The
  untried of one organization have less than the organization: its others must find places beside them.
- While the slow are many, a target that has slow requests gets no further place beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from weakref import WeakValueDictionary

from gateway.dispatch.gate import Gate
from gateway.dispatch.target import Target

MOST_IN_FLIGHT: Final = 1024
MOST_UNTRIED: Final = 640
MOST_PER_HOST: Final = 256
MOST_PER_ORGANIZATION: Final = 384
MOST_UNTRIED_PER_ORGANIZATION: Final = 256
MOST_SLOW: Final = 2048
MOST_SLOW_PER_ORGANIZATION: Final = 1024
SLOW_AFTER: Final = 0.5


class _Shares:
    """The gates of one host or organization; forgotten with the last target that uses them."""

    __slots__ = ("__weakref__", "all", "slow", "untried")

    def __init__(self, most: int) -> None:
        self.all: Gate[Target] = Gate(most)
        self.untried: Gate[Target] = Gate(MOST_UNTRIED_PER_ORGANIZATION)
        self.slow: Gate[Target] = Gate(MOST_SLOW_PER_ORGANIZATION)


@dataclass(frozen=True, slots=True)
class Membership:
    """What a target shares with others."""

    host: _Shares
    org: _Shares


@dataclass(slots=True, eq=False)
class Place:
    """One request's place: the gates it has passed, and since when (monotonic seconds)."""

    target: Target
    membership: Membership
    gates: tuple[Gate[Target], ...]
    since: float
    slow: bool = False


class Places:
    """Gives places and takes them back. `wake(target)` is called when there may be one for a target that was
    refused; it says whether the target comes."""

    def __init__(self, wake: Callable[[Target], bool]) -> None:
        self._wake = wake
        self._hosts: WeakValueDictionary[str, _Shares] = WeakValueDictionary()
        self._orgs: WeakValueDictionary[str, _Shares] = WeakValueDictionary()
        self._total: Gate[Target] = Gate(MOST_IN_FLIGHT)
        self._untried: Gate[Target] = Gate(MOST_UNTRIED)
        self._slow: Gate[Target] = Gate(MOST_SLOW)
        self._quick: dict[Place, None] = {}  # oldest first

    def join(self, host: str, org_id: str) -> Membership:
        """What a target at this host, of this organization, is counted with."""
        return Membership(
            _share(self._hosts, host, MOST_PER_HOST), _share(self._orgs, org_id, MOST_PER_ORGANIZATION)
        )

    @property
    def full(self) -> bool:
        """Whether nobody would get one."""
        return self._total.inside >= self._total.limit

    def enter(self, target: Target, now: float) -> Place | None:
        """A place, or None: then the target is remembered where there was no room, and woken."""
        if target.slow and self._slow.inside * 2 > self._slow.limit:
            return None  # it comes again when one of its own is over
        membership = target.membership
        assert membership is not None
        gates = self._gates(target, membership)
        for number, gate in enumerate(gates):
            if gate.enter(target):
                continue
            for entered in gates[:number]:
                entered.leave(self._wake)
            for passed_by in gates[number + 1 :]:  # where it may have been called, and does not come now
                passed_by.call(self._wake)
            return None
        place = Place(target, membership, gates, now)
        self._quick[place] = None
        return place

    def leave(self, place: Place) -> None:
        """The request is over."""
        if place.slow:
            place.target.slow -= 1
        self._quick.pop(place, None)
        for gate in place.gates:
            gate.leave(self._wake)

    def part_the_slow(self, now: float) -> None:
        """Counts those that have been on the wire for long among the slow, as long as there is room."""
        for place in tuple(self._quick):
            if now - place.since < SLOW_AFTER:
                return
            membership = place.membership
            slow = (self._slow, membership.org.slow)
            if any(gate.inside >= gate.limit for gate in slow):
                continue
            for gate in slow:
                gate.inside += 1
            del self._quick[place]
            quick, place.gates = place.gates, (membership.host.all, *slow)
            place.slow = True
            place.target.slow += 1
            for gate in quick:
                if gate is not membership.host.all:
                    gate.leave(self._wake)

    def call_everybody(self) -> None:
        """Whoever waits at a gate with room, though it was called and did not come."""
        shares = (*self._hosts.values(), *self._orgs.values())
        for gate in (self._total, self._untried, *(gate for s in shares for gate in (s.all, s.untried))):
            gate.call(self._wake)

    def _gates(self, target: Target, membership: Membership) -> tuple[Gate[Target], ...]:
        host, org = membership.host, membership.org
        if target.untried:
            return host.all, org.untried, org.all, self._untried, self._total
        return host.all, org.all, self._total


def _share(shares: WeakValueDictionary[str, _Shares], name: str, most: int) -> _Shares:
    found = shares.get(name)
    if found is None:
        found = shares[name] = _Shares(most)
    return found
