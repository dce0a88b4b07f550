"""Ids sort by time, say what they are, and fit everywhere an id has to go."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.ids import first_id, is_id, new_id

NOW = 1_795_208_709_123
times = st.integers(0, 2**48 - 1)
entropy = st.binary(min_size=10, max_size=10)


@given(times, entropy)
def test_the_form(now: int, chance: bytes) -> None:
    made = new_id("evt", now, chance)
    assert re.fullmatch(r"evt_[0-9a-hjkmnp-tv-z]{26}", made)  # no i, l, o, u; no dot; lower case
    assert is_id(made)


@given(times, entropy, times, entropy)
def test_sorting_is_by_time_and_then_by_chance(now: int, chance: bytes, later: int, other: bytes) -> None:
    assert (new_id("evt", now, chance) < new_id("evt", later, other)) == ((now, chance) < (later, other))


@given(times, entropy)
def test_the_first_id_of_a_moment_begins_it(now: int, chance: bytes) -> None:
    assert first_id("dlv", now) <= new_id("dlv", now, chance)
    if now:
        assert new_id("dlv", now - 1, chance) < first_id("dlv", now)


@given(times, entropy)
def test_nothing_of_time_or_chance_is_lost(now: int, chance: bytes) -> None:
    number = 0
    for character in new_id("evt", now, chance)[4:]:
        number = number * 32 + "0123456789abcdefghjkmnpqrstvwxyz".index(character)
    assert number == now << 80 | int.from_bytes(chance, "big")


def test_a_known_one() -> None:
    # 2016-07-30 in the ULID specification: 01ARZ3NDEKTSV4RRFFQ69G5FAV
    chance = int("17a4d630bcfde5be1d5b", 16).to_bytes(10, "big")
    made = new_id("evt", 1_469_922_850_259, chance)
    assert made.startswith("evt_01arz3ndek")
    assert len(made) == 30


def test_ids_of_one_moment_differ() -> None:
    assert len({new_id("evt", NOW) for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize(
    ("text", "sound"),
    [
        ("evt_1", True), ("whk_abc_9", True), ("evt_" + "a" * 60, True),
        ("evt_", False), ("evt", False), ("", False), ("evt_" + "a" * 61, False), ("event_1", False),
        ("ev_1", False), ("evt_1.2", False), ("evt_A", False), ("EVT_1", False), ("evt_1\n", False),
        (" evt_1", False), ("evt_é", False), ("evt_٣", False), ("evt-1", False), ("evt_1/..", False),
    ],
)  # fmt: skip
def test_what_looks_like_an_id(text: str, sound: bool) -> None:
    assert is_id(text) is sound
