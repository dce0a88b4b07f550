"""Which secret leads, when the other is tried, what is remembered: a table, and receivers of every kind."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.rotation import (
    MAY_SAY_SIGNATURE,
    SAYS_SIGNATURE,
    Rotation,
    Which,
    other,
)

DAY = 86_400_000
START = 1_795_208_709_123
HALF, LATE, END = START + DAY // 2, START + DAY * 3 // 4, START + DAY
ROTATION = Rotation("sec_old", "sec_new", START, END)
BOTH: tuple[Which, Which] = ("old", "new")

TOOK_NONE = ROTATION
TOOK_OLD = replace(ROTATION, takes="old")
TOOK_NEW = replace(ROTATION, takes="new", confirmed_at=START + 1)


@pytest.mark.parametrize(
    ("rotation", "now", "leading", "state"),
    [
        (TOOK_NONE, START, "old", "started"),
        (TOOK_NONE, HALF - 1, "old", "started"),
        (TOOK_NONE, HALF, "new", "unconfirmed"),
        (TOOK_OLD, START + 1, "old", "started"),
        (TOOK_OLD, HALF, "new", "unconfirmed"),
        (TOOK_NEW, START + 1, "new", "confirmed"),
        (TOOK_NEW, HALF, "new", "confirmed"),
        (replace(TOOK_NEW, takes="old"), HALF - 1, "old", "confirmed"),  # the receiver was put back
        (replace(TOOK_NEW, takes="old"), HALF, "new", "confirmed"),
    ],
)
def test_which_leads(rotation: Rotation, now: int, leading: Which, state: str) -> None:
    assert (rotation.leading(now), rotation.state(now)) == (leading, state)
    assert rotation.secret_id(rotation.leading(now)) == f"sec_{leading}"
    assert not rotation.over(now)


@pytest.mark.parametrize(
    ("rotation", "tried", "now", "retry", "certain", "possible"),
    [
        # What takes part: 401 and 403 (certain), 400, 422 and 500 (possible).
        (TOOK_NONE, "old", START, False, True, True),
        (TOOK_NONE, "new", HALF, False, True, True),
        (TOOK_OLD, "old", START, False, True, False),  # it has taken this one: the 500 means something else
        (TOOK_OLD, "old", START, True, True, True),  # unless it comes again: it may have the new one since
        (TOOK_OLD, "new", HALF, False, True, True),  # it has never taken this one
        (TOOK_NEW, "new", START, False, True, False),
        (TOOK_NEW, "old", START, False, True, True),  # one that was on its way meanwhile
        (TOOK_NEW, "new", END - 1, False, True, False),
        (TOOK_NEW, "new", END, False, False, False),  # there is no other any more
        (TOOK_NONE, "new", END, True, False, False),
        (TOOK_NONE, "old", END, False, True, True),  # begun before the end; the new one is there for ever
    ],
)
def test_what_asks_for_a_second_exchange(
    rotation: Rotation, tried: Which, now: int, retry: bool, certain: bool, possible: bool
) -> None:
    def asks(status: int | None) -> bool:
        return rotation.asks_again(tried, status, now, retry=retry)

    assert {asks(status) for status in SAYS_SIGNATURE} == {certain}
    assert {asks(status) for status in MAY_SAY_SIGNATURE} == {possible}
    others = set(range(100, 600)) - SAYS_SIGNATURE - MAY_SAY_SIGNATURE
    assert not any(asks(status) for status in (None, *others))


def test_the_statuses_are_the_contracts() -> None:
    assert {401, 403} == SAYS_SIGNATURE
    assert {400, 422, 500} == MAY_SAY_SIGNATURE


def test_what_the_receiver_accepts_is_remembered_and_the_first_new_one_confirms() -> None:
    old = ROTATION.accepted("old", START + 1)
    assert (old.takes, old.confirmed_at) == ("old", None)
    assert old.accepted("old", START + 2) is old, "no news"
    new = old.accepted("new", START + 3)
    assert (new.takes, new.confirmed_at) == ("new", START + 3)
    back = new.accepted("old", START + 4)
    assert (back.takes, back.confirmed_at) == ("old", START + 3)
    assert back.accepted("new", START + 5).confirmed_at == START + 3


@pytest.mark.parametrize(
    ("rotation", "now", "warned"),
    [
        (TOOK_NONE, LATE - 1, False),
        (TOOK_NONE, LATE, True),
        (TOOK_OLD, LATE, True),
        (TOOK_NONE, END + DAY, True),  # nobody looked before: better late than never
        (TOOK_NEW, LATE, False),
        (replace(TOOK_NONE, warned_at=LATE), LATE + 1, False),  # once
    ],
)
def test_when_it_is_warned(rotation: Rotation, now: int, warned: bool) -> None:
    assert rotation.to_be_warned_of(now) is warned


@given(st.integers(0, 604_800))
def test_half_and_warning_lie_inside_the_period_in_this_order(seconds: int) -> None:
    rotation = Rotation("a", "b", START, START + seconds * 1000)
    assert START <= rotation.half <= rotation.warns_at <= rotation.ends_at
    assert rotation.over(START) is (seconds == 0)


@dataclass
class Receiver:
    """Checks X-HUM-Signature against what it knows."""

    knows: set[Which]
    refuses_with: int
    signed_with: list[tuple[int, Which]] = field(default_factory=list)

    def answers(self, which: Which, now: int) -> int:
        self.signed_with.append((now, which))
        return 200 if which in self.knows else self.refuses_with


def attempt(
    rotation: Rotation, receiver: Receiver, now: int, *, retry: bool = False
) -> tuple[bool, Rotation]:
    """What `dispatch` does with the rules: at most two exchanges; whether it arrived, what is known then."""
    if rotation.over(now):
        return receiver.answers("new", now) == 200, rotation
    tried = rotation.leading(now)
    status = receiver.answers(tried, now)
    if status != 200 and rotation.asks_again(tried, status, now, retry=retry):
        tried = other(tried)
        status = receiver.answers(tried, now)
    return status == 200, rotation.accepted(tried, now) if status == 200 else rotation


knowing = st.sampled_from([{"old"}, {"new"}, {"old", "new"}])
refusing = st.sampled_from(sorted(SAYS_SIGNATURE | MAY_SAY_SIGNATURE))
moments = st.lists(st.integers(START, END - 1), max_size=30).map(sorted)


@given(knowing, refusing, moments, st.lists(st.booleans(), min_size=30, max_size=30))
def test_no_attempt_fails_whatever_the_receiver_knows(
    knows: set[Which], status: int, times: list[int], forgetful: list[bool]
) -> None:
    """Also where a node has not heard yet what another has learned."""
    receiver, rotation = Receiver(knows, status), ROTATION
    for now, forgets in zip(times, forgetful, strict=False):
        known = ROTATION if forgets else rotation
        arrived, after = attempt(known, receiver, now)
        assert arrived, (knows, status, now, known)
        rotation = after
    if rotation.takes is not None:
        assert rotation.takes in knows
    if any(now >= HALF for now in times) and "new" in knows:
        assert rotation.confirmed_at is not None


@given(refusing, moments, st.data())
def test_a_receiver_that_changes_over_fails_at_most_one_attempt_of_a_delivery(
    status: int, times: list[int], data: st.DataObject
) -> None:
    """From the old to both or to the new, at any moment; a refusal with 401 or 403 costs none at all."""
    changes = data.draw(st.integers(0, len(times)))
    then = data.draw(st.sampled_from([{"new"}, {"old", "new"}]))
    receiver, rotation = Receiver({"old"}, status), ROTATION
    for number, now in enumerate(times):
        if number == changes:
            receiver.knows = then
        arrived, rotation = attempt(rotation, receiver, now)
        if not arrived:
            assert status in MAY_SAY_SIGNATURE
            arrived, rotation = attempt(rotation, receiver, now, retry=True)
        assert arrived


@given(knowing, refusing, st.lists(st.integers(START, END + DAY), max_size=30).map(sorted))
def test_nothing_is_signed_with_the_old_one_after_the_period(
    knows: set[Which], status: int, times: list[int]
) -> None:
    receiver, rotation = Receiver(knows, status), ROTATION
    for now in times:
        _, rotation = attempt(rotation, receiver, now)
    assert not [at for at, which in receiver.signed_with if which == "old" and at >= END]


@given(st.sampled_from([*range(100, 200), *range(300, 600)]), moments)
def test_ordinary_failures_are_not_doubled_once_a_secret_was_accepted(status: int, times: list[int]) -> None:
    for rotation, lasts in ((TOOK_OLD, HALF), (TOOK_NEW, END)):
        for now in (now for now in times if now < lasts):
            receiver = Receiver(set(), status)
            attempt(rotation, receiver, now)
            assert len(receiver.signed_with) == (2 if status in SAYS_SIGNATURE else 1)
