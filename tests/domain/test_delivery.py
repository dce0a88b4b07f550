"""The table of a delivery's states: complete, and final states are final."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.delivery import FINAL, TRANSITIONS, Status, Step, after, is_leased, shown_status

OPEN = set(Status) - FINAL


def reachable(start: Status, *, without: frozenset[Step] = frozenset()) -> set[Status]:
    found = {start}
    while True:
        more = {to for (status, step), to in TRANSITIONS.items() if status in found and step not in without}
        if more <= found:
            return found
        found |= more


def test_every_state_and_step_has_its_place() -> None:
    assert {step for _, step in TRANSITIONS} == set(Step)
    assert {status for status, _ in TRANSITIONS} == OPEN
    assert reachable(Status.PENDING) == set(Status)


def test_no_step_leaves_a_final_state() -> None:
    for status in FINAL:
        assert reachable(status) == {status}
        for step in Step:
            with pytest.raises(KeyError):
                after(status, step)


@pytest.mark.parametrize("status", sorted(OPEN))
def test_every_open_state_can_come_to_every_end(status: Status) -> None:
    assert reachable(status) >= FINAL
    assert FINAL & {after(status, step) for step in (Step.EXPIRE, Step.CANCEL)} == {
        Status.FAILED,
        Status.CANCELLED,
    }


def test_nothing_is_sent_without_a_claim() -> None:
    assert reachable(Status.PENDING, without=frozenset({Step.CLAIM})).isdisjoint(
        {Status.IN_FLIGHT, Status.DELIVERED}
    )
    with pytest.raises(KeyError):
        after(Status.PENDING, Step.SUCCEED)


@pytest.mark.parametrize(
    ("step", "status"),
    [
        (Step.SUCCEED, Status.DELIVERED), (Step.RETRY, Status.PENDING), (Step.HOLD, Status.PENDING),
        (Step.GIVE_BACK, Status.PENDING), (Step.EXHAUST, Status.FAILED), (Step.EXPIRE, Status.FAILED),
        (Step.CANCEL, Status.CANCELLED),
    ],
)  # fmt: skip
def test_what_becomes_of_an_attempt(step: Step, status: Status) -> None:
    assert after(Status.IN_FLIGHT, step) is status


@given(st.lists(st.sampled_from(list(Step)), max_size=40))
def test_no_walk_comes_back_from_an_end(steps: list[Step]) -> None:
    status = Status.PENDING
    ended = False
    for step in steps:
        try:
            status = after(status, step)
        except KeyError:
            continue
        assert not ended
        ended = status in FINAL


@pytest.mark.parametrize(
    ("stored", "queue", "shown"),
    [
        ("pending", "due", "pending"), ("pending", "lse_1", "in_flight"), ("pending", "whk_1", "pending"),
        ("delivered", None, "delivered"), ("failed", None, "failed"), ("cancelled", "lse_1", "cancelled"),
        ("pending", "lsexwhk", "pending"), ("pending", None, "pending"),
    ],
)  # fmt: skip
def test_what_the_api_shows(stored: str, queue: str | None, shown: str) -> None:
    assert shown_status(stored, queue) == shown
    assert is_leased(queue) == (queue == "lse_1")
