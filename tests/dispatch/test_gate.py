"""A gate holds no more than its limit, calls in order of arrival, and forgets nobody who still wants in."""

from __future__ import annotations

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from gateway.dispatch.gate import Gate


def test_it_lets_in_up_to_its_limit_and_remembers_the_rest() -> None:
    gate: Gate[str] = Gate(2)
    assert [gate.enter(name) for name in "abcd"] == [True, True, False, False]
    assert (gate.inside, list(gate.waiting)) == (2, ["c", "d"])


def test_who_leaves_makes_room_for_the_one_who_waits_longest() -> None:
    gate: Gate[str] = Gate(1)
    called: list[str] = []
    for name in "abc":
        gate.enter(name)

    def come(name: str) -> bool:
        called.append(name)
        return gate.enter(name)

    gate.leave(come)
    assert called == ["b"]
    assert (gate.inside, list(gate.waiting)) == (1, ["c"])


def test_those_who_lost_interest_are_passed_over_and_forgotten() -> None:
    gate: Gate[str] = Gate(1)
    for name in "abcd":
        gate.enter(name)
    called: list[str] = []

    def only_d(name: str) -> bool:
        called.append(name)
        return name == "d"

    gate.leave(only_d)
    assert called == ["b", "c", "d"]
    assert not gate.waiting


def test_waiting_twice_is_waiting_once() -> None:
    gate: Gate[str] = Gate(1)
    gate.enter("a")
    assert not gate.enter("b")
    assert not gate.enter("b")
    assert list(gate.waiting) == ["b"]
    gate.leave(gate.enter)
    assert (gate.inside, list(gate.waiting)) == (1, [])


def test_a_full_gate_calls_nobody() -> None:
    gate: Gate[str] = Gate(1)
    gate.enter("a")
    gate.enter("b")
    gate.call(lambda name: (_ for _ in ()).throw(AssertionError(f"{name} was called to a full gate")))


@given(limit=st.integers(1, 4), moves=st.lists(st.tuples(st.booleans(), st.integers(0, 7)), max_size=120))
def test_whatever_happens_the_limit_holds_and_nobody_who_waits_is_left_standing(
    limit: int, moves: list[tuple[bool, int]]
) -> None:
    gate: Gate[int] = Gate(limit)
    inside: deque[int] = deque()
    wishes = dict.fromkeys(range(8), 0)  # how often each still wants in

    def come(visitor: int) -> bool:
        if wishes[visitor] == 0:
            return False
        if gate.enter(visitor):
            wishes[visitor] -= 1
            inside.append(visitor)
        return True

    for arrives, visitor in moves:
        if arrives:
            wishes[visitor] += 1
            come(visitor)
        elif inside:
            inside.popleft()
            gate.leave(come)
        assert gate.inside == len(inside) <= limit
    while inside:
        inside.popleft()
        gate.leave(come)
        for visitor in gate.waiting:  # one wish is one turn: whoever wants more asks again
            assert wishes[visitor] > 0
    assert not gate.waiting
