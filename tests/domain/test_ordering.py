"""Who may go and who must wait, as a table."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gateway.domain.ordering import behind, is_behind, key_of, parted, target_of


@dataclass
class Delivery:
    id: str
    ordering_key: str | None = None
    redelivery_of: str | None = None


FIRST = {"a": "dlv_1", "b": "dlv_5"}


@pytest.mark.parametrize(
    ("delivery", "goes"),
    [
        (Delivery("dlv_1", "a"), True),
        (Delivery("dlv_2", "a"), False),
        (Delivery("dlv_3"), True),
        (Delivery("dlv_4", "a", redelivery_of="dlv_0"), True),
        (Delivery("dlv_5", "b"), True),
        (Delivery("dlv_6", "b"), False),
        (Delivery("dlv_7", "c"), True),
    ],
    ids=["first", "behind it", "no key", "redelivery", "first of another", "behind that", "nobody before it"],
)
def test_only_the_first_of_a_key_goes(delivery: Delivery, goes: bool) -> None:
    assert parted([delivery], FIRST) == (([delivery], []) if goes else ([], [delivery]))


def test_the_order_given_is_kept() -> None:
    rows = [Delivery("dlv_5", "b"), Delivery("dlv_2", "a"), Delivery("dlv_1", "a"), Delivery("dlv_9")]
    may_go, must_wait = parted(rows, FIRST)
    assert [row.id for row in may_go] == ["dlv_5", "dlv_1", "dlv_9"]
    assert [row.id for row in must_wait] == ["dlv_2"]


def test_a_redelivery_stands_in_no_line() -> None:
    assert key_of(Delivery("dlv_1", "a")) == "a"
    assert key_of(Delivery("dlv_1", "a", "dlv_0")) is None


def test_queues_name_their_target() -> None:
    assert target_of(behind("whk_1")) == target_of("whk_1") == "whk_1"
    assert is_behind(behind("whk_1")) and not is_behind("whk_1")
