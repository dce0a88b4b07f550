"""Turns: between an organization's arrival and its turn nobody else gets two, however much they have."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.dispatch.fairness import Turns
from gateway.dispatch.target import Target


class Line(Protocol):
    def enlist(self, target: Target) -> None: ...
    def next(self) -> Target | None: ...


class FirstCome:
    """The obvious line, and unfair: whoever has many targets gets many turns."""

    def __init__(self) -> None:
        self._line: deque[Target] = deque()

    def enlist(self, target: Target) -> None:
        if not target.enlisted:
            target.enlisted = True
            self._line.append(target)

    def next(self) -> Target | None:
        if not self._line:
            return None
        target = self._line.popleft()
        target.enlisted = False
        return target


Moves = list[tuple[int, int] | None]
"""An arrival at a target (organization, number), or None: a turn is taken."""

MOVES = st.lists(
    st.one_of(st.none(), st.tuples(st.integers(0, 4), st.integers(0, 3))), min_size=1, max_size=200
)


def longest_wait(line: Line, moves: Moves) -> tuple[int, int]:
    """How many turns somebody else got at most while an organization waited for one; and how many turns were
    still owed at the end, after everybody had been served."""
    targets: dict[tuple[int, int], Target] = {}
    owed: Counter[tuple[int, int]] = Counter()
    since: dict[str, Counter[str]] = {}  # waiting organization → turns that others had meanwhile
    worst = 0

    def take_turn() -> bool:
        nonlocal worst
        target = line.next()
        if target is None:
            return False
        org, number = map(int, target.id.split("."))
        assert owed[org, number] > 0, "a turn for somebody who has nothing to send"
        owed[org, number] -= 1
        since.pop(target.org_id)
        for others in since.values():
            others[target.org_id] += 1
            worst = max(worst, others[target.org_id])
        if owed[org, number]:
            line.enlist(target)
        if any(count for (o, _), count in owed.items() if o == org):
            since.setdefault(target.org_id, Counter())
        return True

    for move in moves:
        if move is None:
            take_turn()
            continue
        org, number = move
        target = targets.setdefault(move, Target(f"{org}.{number}", f"org{org}"))
        owed[move] += 1
        since.setdefault(target.org_id, Counter())
        line.enlist(target)
    while take_turn():
        pass
    return worst, owed.total()


@given(moves=MOVES)
@settings(max_examples=400)
def test_no_organization_waits_more_than_one_round(moves: Moves) -> None:
    assert longest_wait(Turns(), moves) in ((0, 0), (1, 0))


def test_control_a_line_of_targets_is_caught() -> None:
    greedy: Moves = [(0, 0), (0, 1), (0, 2), (1, 0)]
    assert longest_wait(FirstCome(), greedy)[0] == 3
    assert longest_wait(Turns(), greedy)[0] == 1


def test_targets_of_an_organization_take_turns_too() -> None:
    turns = Turns()
    targets = [Target(f"0.{number}", "org0") for number in range(3)]
    for target in targets:
        turns.enlist(target)
    order = []
    for _ in range(6):
        turn = turns.next()
        assert turn is not None
        order.append(turn.id)
        turns.enlist(turn)
    assert order == ["0.0", "0.1", "0.2"] * 2


def test_being_enlisted_twice_is_one_turn() -> None:
    turns, target = Turns(), Target("0.0", "org0")
    turns.enlist(target)
    turns.enlist(target)
    assert turns.next() is target
    assert turns.next() is None


def seconds_per_turn(make: Callable[[int], Target], count: int, turns_taken: int = 20_000) -> float:
    best = float("inf")
    for _ in range(5):
        turns = Turns()
        for number in range(count):
            turns.enlist(make(number))
        begin = time.perf_counter()
        for _ in range(turns_taken):
            target = turns.next()
            assert target is not None
            turns.enlist(target)
        best = min(best, time.perf_counter() - begin)
    return best / turns_taken


@pytest.mark.parametrize("orgs", [1, None], ids=["one organization", "each its own"])
def test_a_turn_costs_the_same_however_many_wait(orgs: int | None) -> None:
    def make(number: int) -> Target:
        return Target(f"0.{number}", "org0" if orgs else f"org{number}")

    few, many = seconds_per_turn(make, 20), seconds_per_turn(make, 20_000)
    assert many < 10 * few, f"{few * 1e6:.2f} µs among 20, {many * 1e6:.2f} µs among 20,000"
