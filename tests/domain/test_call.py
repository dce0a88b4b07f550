"""What the events of a call come to, and who the other party is."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import fixture_files
from gateway.domain.call import COMPLETED, FIELDS, OUTCOME, UPDATED, call_id_of, state_of
from gateway.domain.event import Event

AT = 1_795_208_709_123


def event(type_: str, at: int = AT, **data: Any) -> Event:
    return Event(f"evt_{at}", "acme", type_, at, json.dumps({"call_id": "call_1", **data}).encode())


def told(*events: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(state_of("call_1", events).as_json())
    return found


def test_a_completed_call_is_told_in_full() -> None:
    data = fixture_files.event(COMPLETED)["data"]
    state = json.loads(state_of(data["call_id"], [event(COMPLETED, **data)]).as_json())
    assert state.pop("id") == data["call_id"]
    assert (state.pop("revision"), state.pop("updated_at")) == (1, data["updated_at"])
    assert state == {name: data[name] for name in FIELDS}


def test_later_events_add_and_replace() -> None:
    call = told(
        event(COMPLETED, direction="inbound", summary="first", tags=["a"]),
        event(OUTCOME, AT + 1, outcome={"booked": True}, captured_at="2026-11-20T21:05:33.210Z"),
        event(UPDATED, AT + 2, recording_url="https://example.com/r.mp3", summary="second"),
    )
    assert (call["summary"], call["tags"], call["outcome"]) == ("second", ["a"], {"booked": True})
    assert call["recording_url"] == "https://example.com/r.mp3"
    assert "captured_at" not in call


def test_an_event_that_says_null_takes_nothing_back() -> None:
    assert told(event(COMPLETED, summary="kept"), event(UPDATED, summary=None))["summary"] == "kept"


def test_values_stay_the_bytes_that_came() -> None:
    number = "123456789012345678901234567890"
    data = b'{"call_id": "call_1", "duration_seconds": 1.10, "outcome": {"n": %s}}' % number.encode()
    state = state_of("call_1", [Event("evt_1", "acme", COMPLETED, AT, data)]).as_json()
    assert b'"duration_seconds":1.10' in state
    assert b'{"n": %s}' % number.encode() in state


@pytest.mark.parametrize(
    ("given_revisions", "wanted"),
    [
        ([None], [1]),
        ([1, None, 2], [1, 2, 3]),
        ([1, None, 5], [1, 2, 5]),
        ([10, None, 3], [10, 11, 12]),
        (["7", True, 1.5], [1, 2, 3]),
        ([-4, 0], [1, 2]),
        ([1_800_000_000_000_000_000, 10**29], [1, 2]),
    ],
)
def test_each_event_raises_the_revision(given_revisions: list[Any], wanted: list[int]) -> None:
    events = [event(UPDATED, AT + n, revision=value) for n, value in enumerate(given_revisions)]
    assert [told(*events[: n + 1])["revision"] for n in range(len(events))] == wanted


@given(st.lists(st.none() | st.integers(-5, 50), min_size=2, max_size=12))
def test_revisions_only_rise(revisions: list[int | None]) -> None:
    events = [event(UPDATED, AT + n, revision=value) for n, value in enumerate(revisions)]
    made = [told(*events[: n + 1])["revision"] for n in range(len(events))]
    assert all(before < after for before, after in pairwise(made))


def test_without_a_time_of_its_own_the_event_s_is_taken() -> None:
    assert told(event(OUTCOME, outcome={}))["updated_at"] == "2026-11-20T21:05:09.123Z"


@pytest.mark.parametrize(
    ("fields", "other"),
    [
        ({"direction": "inbound", "from": "+13175550142", "to": "+13175550100"}, "+13175550142"),
        ({"direction": "outbound", "from": "+13175550100", "to": "+13175550142"}, "+13175550142"),
        ({"direction": "outbound", "from": "+13175550100"}, None),
        ({"from": "+13175550142", "to": "+13175550100"}, None),
        ({"direction": "sideways", "from": "+13175550142"}, None),
        ({"direction": "inbound", "from": 7}, None),
    ],
)
def test_the_other_party_is_never_the_office(fields: dict[str, Any], other: str | None) -> None:
    assert state_of("call_1", [event(COMPLETED, **fields)]).other_party == other


def test_a_call_of_which_only_the_outcome_is_known_is_not_known() -> None:
    assert not state_of("call_1", [event(OUTCOME)]).known
    assert state_of("call_1", [event(OUTCOME), event(UPDATED)]).known


@pytest.mark.parametrize(
    ("event_type", "data", "call_id"),
    [
        (COMPLETED, b'{"call_id": "call_1"}', "call_1"),
        (OUTCOME, b'{"call_id": "call_1"}', "call_1"),
        ("sms.received", b'{"call_id": "call_1"}', None),
        (COMPLETED, b'{"outcome": {"call_id": "inner"}}', None),
        (COMPLETED, b'{"call_id": 7}', None),
        (COMPLETED, b'{"call_id": ""}', None),
        (COMPLETED, b'{"call_id": "a\\u0000"}', None),
        (COMPLETED, b'{"call_id": "%s"}' % (b"x" * 257), None),
        (COMPLETED, b'{"call_id": null}', None),
        (COMPLETED, b"[" * 100_000, None),
    ],
)
def test_the_call_of_an_event(event_type: str, data: bytes, call_id: str | None) -> None:
    assert call_id_of(event_type, data) == call_id


def test_what_is_left_out_behind_the_first_counts() -> None:
    events = [event(COMPLETED), event(UPDATED, AT + 1), event(UPDATED, AT + 2)]
    assert state_of("call_1", events, left_out=300).revision == 303
