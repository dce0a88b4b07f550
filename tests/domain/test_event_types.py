"""The catalogue: types, samples, schemas, and what a schema lets pass."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.event_types import (
    CATALOGUE,
    RESERVED_TYPES,
    check,
    check_type,
    example,
    is_reserved,
    schema,
)
from gateway.fixture_files import event_bytes

DOCUMENTED = [
    "sms.received", "sms.sent", "sms.delivered", "sms.failed", "sms.opt_out", "sms.opt_in",
    "conversation.started", "conversation.assigned", "conversation.closed",
]  # fmt: skip
OURS = ["call.completed", "call.updated", "outcome.captured", "flow.switched", "voicemail.received"]
CALL: dict[str, Any] = {
    "call_id": "c1", "direction": "inbound", "from": "+13175550142", "to": "+13175550100",
    "started_at": "2026-11-20T21:01:12.040Z",
}  # fmt: skip


def wrong(data: Any, event_type: str = "call.completed") -> dict[str, str]:
    return {detail.field: detail.message for detail in check(event_type, json.dumps(data).encode())}


def test_the_catalogue_is_the_contracts() -> None:
    assert {row.name for row in CATALOGUE.values() if row.documented} == set(DOCUMENTED)
    assert {row.name for row in CATALOGUE.values() if not row.documented} == set(OURS)
    assert not RESERVED_TYPES & set(CATALOGUE) and len(RESERVED_TYPES) == 10


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_each_type_has_a_sample_that_its_schema_accepts(name: str) -> None:
    sample = example(name)
    check_type(name)
    assert sample["type"] == name and set(sample) == {"type", "data"}
    assert check(name, json.dumps(sample["data"]).encode()) == []
    validator = jsonschema_rs.Draft202012Validator(schema(name))
    assert validator.is_valid(sample["data"])
    assert not validator.is_valid([])
    assert "$ref" not in json.dumps(schema(name))


@pytest.mark.parametrize("name", sorted(CATALOGUE))
def test_samples_name_only_numbers_that_nobody_has(name: str) -> None:
    numbers = re.findall(r"\+\d{8,15}", event_bytes(name).decode())
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", number) for number in numbers)


def test_a_sample_is_a_fresh_copy() -> None:
    example("call.completed")["data"].clear()
    assert example("call.completed")["data"]["call_id"]


def test_the_least_that_hum_sends_is_enough() -> None:
    assert wrong(CALL) == {}
    assert all(wrong({}, name) == {} for name in DOCUMENTED)
    for name in OURS[1:]:
        assert wrong({"call_id": "c1"}, name) == {}
        assert wrong({}, name) == {"data.call_id": "is required"}


def test_future_fields_values_and_nulls_pass() -> None:
    later = {
        "direction": "sideways", "status": "teleported", "summary": None, "outcome": {"any": [1]},
        "revision": 10**30, "transcript": [{"role": "robot", "text": "", "at": None, "mood": 1}],
    }  # fmt: skip
    raw = json.dumps({**CALL, **later})[:-1] + ', "new_field": [{"deep": 1e400}]}'
    assert check("call.completed", raw.encode()) == []


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"3", b"{", b'{"a":', b"\xff", b"[" * 100_000, b'{"a":' * 5000, b"null"]
)
def test_what_is_no_object_is_one_mistake_and_never_an_exception(raw: bytes) -> None:
    assert [detail.field for detail in check("call.completed", raw)] == ["data"]


def test_types_outside_the_catalogue_are_not_checked() -> None:
    assert check("external.crm.deal_won", b"[]") == []


_fields = st.sampled_from([*CALL, "transcript", "agent"])
_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_fields, inner, max_size=4),
    max_leaves=8,
)


@given(st.binary(max_size=40) | _json.map(msgspec.json.encode))
def test_check_never_raises(raw: bytes) -> None:
    for name in ("call.completed", "sms.received"):
        assert all(detail.field.startswith("data") and detail.message for detail in check(name, raw))


_call_fields = st.sampled_from([*CALL, "summary", "tags", "agent", "revision", "duration_seconds"])
_call_values = (
    st.none() | st.text(max_size=4) | st.integers(-5, 5) | st.lists(st.text(max_size=2), max_size=2)
    | st.dictionaries(st.sampled_from(["id", "name"]), st.text(max_size=2) | st.integers(), max_size=2)
)  # fmt: skip


@given(st.dictionaries(_call_fields, _call_values))
def test_the_published_schema_and_the_check_agree(data: dict[str, Any]) -> None:
    accepted = not check("call.completed", json.dumps(data).encode())
    assert jsonschema_rs.is_valid(schema("call.completed"), data) is accepted


@pytest.mark.parametrize("good", ["call.completed", "a.b", "external.crm.deal_won2", "a." + "b" * 126])
def test_good_types(good: str) -> None:
    check_type(good)


@pytest.mark.parametrize(
    "bad",
    ["", "call", "Call.completed", "call.", ".call", "call..x", "call completed", "call.x\n", "call.*",
     "1.a", "a.1", "a.é", "a-b.c", "a." + "b" * 127, "a/../b"],
)  # fmt: skip
def test_bad_types_are_refused(bad: str) -> None:
    with pytest.raises(ValueError, match="must"):
        check_type(bad)
    assert not is_reserved(bad)
