"""What filters mean: as JMESPath, exact about numbers, for every payload that is accepted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.domain.event import Event, EventParser
from gateway.domain.filter import Reading, compile_filter
from gateway.domain.filter_values import decode
from gateway.errors import Problem

DATA = b"""{"zero": 0, "one": 1, "half": 0.5, "price": 1.10, "big": 123456789012345678901234567890,
 "huge": 1e999, "yes": true, "no": false, "nothing": null, "text": "abc", "empty": "", "none": [], "bare": {},
 "tags": ["a", "b"], "a-b": {"c": [{"d": "deep"}, [1, 2]]}, "ones": [1], "trues": [true],
 "same": {"x": [1.0, {"y": null}]}, "equal": {"x": [1, {"y": null}]}, "smile": "\\ud83d\\ude00"}"""
EVENT = Event("evt_1", "acme", "call.completed", 1795208709123, DATA)
READING = Reading(EVENT)


def matches(text: str, reading: Reading = READING) -> bool:
    return reading.matches(compile_filter(text))


def of(data: bytes) -> Reading:
    return Reading(Event("evt_1", "acme", "call.completed", 0, data))


# From the specification of JMESPath: the expression, and whether it is true of EVENT.
SPECIFIED = [
    ("type == 'call.completed'", True), ("timestamp == '2026-11-20T21:05:09.123Z'", True),
    ("org_id == 'acme' && api_version == '2026-11-20' && id == 'evt_1'", True),
    # what counts as true
    ("data.zero", True), ("data.text", True), ("data.yes", True), ("data.tags", True), ("data.huge", True),
    ("data.no", False), ("data.nothing", False), ("data.missing", False), ("data.empty", False),
    ("data.none", False), ("data.bare", False), ("!data.zero", False), ("!!data.zero", True),
    ("!data.no", True), ("!data.missing.more", True), ("!data.none", True),
    # fields, indices
    ("data.\"a-b\".c[0].d == 'deep'", True), ('data."\\u0061-b".c', True), ("data . text == 'abc'", True),
    ("data.tags[0] == 'a' && data.tags[1] == 'b'", True),
    ("data.tags[-1] == 'b' && data.tags[-2] == 'a'", True),
    ("data.tags[2] == `null` && data.tags[-3] == `null`", True), ("data.text[0] == `null`", True),
    ("data.tags.text == `null`", True), ("data[0] == `null`", True), ("data.\"a-b\".c[ 1 ][-1] == `2`", True),
    ("(data.\"a-b\").c[0].d == 'deep'", True), ("`{\"a\": \"b\"}`.a == 'b'", True),
    # order is for numbers alone
    ("data.zero < data.one", True), ("data.one >= data.half", True), ("data.text < data.one", False),
    ("!(data.text < data.one)", True), ("(data.text < data.one) == `null`", True),
    ("(data.text < data.empty) == `null`", True), ("(data.yes > data.zero) == `null`", True),
    ("(data.missing <= data.one) == `null`", True), ("(data.tags < data.one) == `null`", True),
    # equality is of values, at any depth; booleans are not numbers
    ("data.one == data.yes", False), ("data.zero == data.no", False), ("data.ones == data.trues", False),
    ("data.ones != data.trues", True), ("contains(data.ones, `true`)", False),
    ("contains(data.ones, `1`)", True),
    ("contains(data.trues, `1`)", False), ("contains(data.trues, data.yes)", True),
    ("data.one == '1'", False),
    ("data.missing == data.nothing", True), ("data.same == data.equal", True), ("data == data", True),
    ("data.same == `{\"x\": [1, {\"y\": null}]}`", True),
    ("data.same == `{\"x\": [1, {\"z\": null}]}`", False),
    ("data.none == data.bare", False), ("data.empty == data.none", False), ("`[1, 2]` == `[2, 1]`", False),
    # and binds closer than or, a comparison closer than both, ! closest
    ("data.yes || data.no && data.no", True), ("(data.yes || data.no) && data.no", False),
    ("data.no == data.no && data.no", False), ("data.no == (data.no && data.no)", True),
    ("!data.no == data.yes", True), ("!(data.no == data.yes)", True), ("!data.yes == data.yes", False),
    ("data.one == data.one == data.yes", True), ("data.one != data.one == data.no", True),
    # && and || give a value, and do not look further than they must
    ("(data.missing || data.text) == 'abc'", True), ("(data.zero && data.tags)[1] == 'b'", True),
    ("(data.none || data.no) == `false`", True), ("(data.none && data.yes) == `[]`", True),
    ("data.yes || length(data.missing)", True), ("!(data.no && length(data.missing))", True),
    # functions
    ("contains(data.text, 'bc')", True), ("contains(data.text, 'x')", False),
    ("contains(data.text, '')", True),
    ("contains(data.tags, 'a')", True), ("contains(data.tags, 'ab')", False),
    ("contains(`[\"x\"]`, data.text)", False),
    ("contains(data.text, data.one)", False), ("!contains(data.text, data.missing)", True),
    ("contains(data.\"a-b\".c, `[1, 2]`)", True), ("contains(data.none, data.missing)", False),
    ("starts_with(data.text, 'ab') && ends_with(data.text, 'bc')", True),
    ("starts_with(data.text, 'b')", False),
    ("length(data.text) == `3` && length(data.tags) == `2` && length(data.bare) == `0`", True),
    ("length(data.smile) == `1`", True), ("length('') < length(data.text)", True),
    # literals
    ("data.text == `\"abc\"`", True), ("'it\\'s' == `\"it's\"`", True),
    ("'a\\\\b' == `\"a\\\\\\\\b\"`", True),
    ("'\\z' == `\"\\\\z\"`", True), ("`\"a\\`b\"` == 'a`b'", True), ("` 1 ` == data.one", True),
    ("''", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), SPECIFIED, ids=[row[0] for row in SPECIFIED])
def test_it_means_what_jmespath_means(text: str, expected: bool) -> None:
    assert matches(text) is expected
    assert READING.explain(compile_filter(text)).matches is expected


@pytest.mark.parametrize(
    "text",
    [
        "data.big == `123456789012345678901234567890`", "data.big != `123456789012345678901234567891`",
        "data.big < `123456789012345678901234567890.1`", "data.price == `1.1`",
        "data.price < `1.10000000000000000001`",
        "data.huge > data.big", "data.huge == `1e999`", "data.huge < `1.0000000000000000001e999`",
        "data.one == `1.0`",
        "data.one == `1e0`", "data.half == `5e-1`", "data.huge > `-1e999`", "`1e-999` > data.zero",
        "`-0.0` == data.zero", "data.big > `9007199254740993`", "`9007199254740993` != `9007199254740992.0`",
    ],
)  # fmt: skip
def test_numbers_are_compared_as_they_are_written(text: str) -> None:
    assert matches(text)


@pytest.mark.parametrize(
    "text", ["length({})", "starts_with({}, 'a')", "ends_with('a', {})", "contains({}, 'a')"]
)
@pytest.mark.parametrize("field", ["data.one", "data.nothing", "data.missing", "data.yes"])
def test_a_function_that_gets_the_wrong_kind_leaves_no_answer(text: str, field: str) -> None:
    """JMESPath raises an error; here nothing matches, not even the opposite, and the explanation says why."""
    call = text.format(field)
    for whole in (call, f"!{call}", f"{call} || data.yes", f"data.yes && !({call} == `1`)"):
        assert not matches(whole)
        explained = READING.explain(compile_filter(whole))
        assert not explained.matches
        assert (
            f"{field} is {'null' if field in ('data.nothing', 'data.missing') else 'a '}" in explained.because
        )
        assert "A filter that has no answer does not match." in explained.because


ODD = [
    b'{"n": 1e999}', b'{"n": -1e99999999999999999999}', b'{"n": 1e99999999999999999999}',
    b'{"n": 1e-99999999999999999999}',
    b'{"n": 0e99999999999999999999}', b'{"n": ' + b"7" * 5000 + b"}", b'{"n": -' + b"7" * 5000 + b".5e-3}",
    b'{"n": [1e999, ' + b"7" * 5000 + b"]}", b'{"n": 1, "n": 2}', b'{"n": "\\u0000\\ud83d\\ude00"}', b"{}",
]  # fmt: skip
PARSER = EventParser(max_event_bytes=262_144, enforce_schemas=True)


def accepted(data: bytes) -> Reading:
    return of(PARSER.single(b'{"type":"a.b","data":%b}' % data).data)


@pytest.mark.parametrize("data", ODD, ids=[data[:30].decode() for data in ODD])
def test_every_accepted_payload_is_read(data: bytes) -> None:
    reading = accepted(data)
    assert matches("type == 'call.completed' && data == data", reading)
    for text in ("data.n > `5`", "data.n == data.n", "contains(data.n, `1`)", "data.n[0] < data.n[1]"):
        wanted = compile_filter(text)
        assert reading.explain(wanted).matches is reading.matches(wanted)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b'{"n": 1e99999999999999999999}', "data.n > `1e999999`"), (b'{"n": -1e99999999999999999999}',
        "data.n < `0`"),
        (b'{"n": 1e-99999999999999999999}', "data.n == `0`"), (b'{"n": 0e99999999999999999999}',
        "data.n == `0`"),
        (b'{"n": ' + b"7" * 5000 + b"}", "data.n > `7e4999` && data.n < `8e4999`"), (b'{"n": 1, "n": 2}',
        "data.n == `2`"),
    ],
)  # fmt: skip
def test_odd_numbers_keep_their_place(data: bytes, text: str) -> None:
    assert matches(text, accepted(data))


def test_the_deepest_accepted_payload_is_read_from_deeper_in_the_stack() -> None:
    def nested(depth: int) -> bytes:
        return b'{"n": ' + b"[" * depth + b"7" + b"]" * depth + b"}"

    def accepts(depth: int) -> bool:
        try:
            PARSER.single(b'{"type":"a.b","data":%b}' % nested(depth))
        except Problem:
            return False
        return True

    def deeper(frames: int, call: Callable[[], bool]) -> bool:
        return deeper(frames - 1, call) if frames else call()

    deepest = max(filter(accepts, range(100, 1100, 10)))
    assert deepest >= 500
    for text in ("data.n" + "[0]" * 100, "data.n == data.n", "!(data.n == `[]`)"):
        assert deeper(100, lambda text=text: matches(text, of(nested(deepest))))  # type: ignore[misc]


def test_data_is_decoded_only_for_a_filter_that_reads_it(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    monkeypatch.setattr("gateway.domain.filter.decode", lambda data: decoded.append(data) or decode(data))
    reading = of(DATA)
    assert reading.matches(None)
    assert matches("type == 'call.completed' && !starts_with(org_id, 'x')", reading)
    assert decoded == []
    assert matches("data.yes", reading)
    assert matches("data.text == 'abc'", reading)
    assert decoded == [DATA]
    assert compile_filter("`true` || data.a[0].b == type").paths == {("data", "a", 0, "b"), ("type",)}


def test_a_filter_sees_what_the_receiver_gets() -> None:
    assert READING.envelope() == decode(EVENT.envelope())


def test_the_same_text_is_compiled_once() -> None:
    assert compile_filter("data.text") is compile_filter("data.text")
