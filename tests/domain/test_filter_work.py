"""What a filter may cost: bounded by the payload's size, and by MAX_STEPS whatever the size."""

from __future__ import annotations

import time
from typing import Any

import pytest

from gateway.domain import filter_nodes
from gateway.domain.event import Event
from gateway.domain.filter import Filter, Reading, compile_filter
from gateway.domain.filter_values import MAX_STEPS, Work, contains, decode

SIZE = 262_144


def payload(size: int) -> bytes:
    """`size` bytes: lists that are equal to their ends, a text that nearly holds what is searched, depth."""
    pairs = "[1]," * (size // 20)
    text = "a" * (size // 4)
    return (
        f'{{"a":[{pairs}1],"b":[{pairs}1],"c":[{pairs}2],"text":"{text}","deep":{"[" * 200}{"]" * 200}}}'
    ).encode()


ADVERSARIAL = [
    "||".join(["contains(data.a,data.c)"] * 20),
    "||".join(["contains(data.a,`[2]`)"] * 20),
    "&&".join(["data.a==data.b"] * 32),
    "||".join(["data.a==data.c"] * 32),
    "&&".join(["data==data"] * 42),
    "||".join([f"contains(data.text,'{'a' * 60}b')"] * 6),
    "&&".join(["data.deep==data.deep"] * 23),
    "data.deep" + "[0]" * 167,
    "(" * 24 + "data.a==data.b" + "&&data.a==data.b)" * 24,
    "!" * 28 + "(data.a==data.c||data.b==data.c)",
]


def steps(text: str, size: int, limit: float) -> int:
    work = Work(limit)
    Filter(text).matches({"data": decode(payload(size))}, work)
    return work.used


def assert_linear(text: str) -> int:
    """Eight times the payload, at most eight times the steps, and never more than each operation over all of
    it. Returns the steps over the whole."""
    few, many = (steps(text, size, float("inf")) for size in (SIZE // 8, SIZE))
    operations = text.count("==") + text.count("contains")
    assert many <= operations * SIZE
    assert many <= 8.1 * few + 100
    return many


@pytest.mark.proof
def test_work_grows_with_the_payload_and_ends_at_a_bound(capsys: pytest.CaptureFixture[str]) -> None:
    assert all(len(text) <= 512 for text in ADVERSARIAL)
    worst = max(assert_linear(text) for text in ADVERSARIAL)
    event = {"data": decode(payload(SIZE))}
    started = time.perf_counter()
    for text in ADVERSARIAL:
        Filter(text).matches(event)
    seconds = time.perf_counter() - started
    each = seconds / len(ADVERSARIAL) * 1000
    with capsys.disabled():
        print(f"\nfilters over 256 KiB: {worst:,} steps asked for, {MAX_STEPS:,} given, {each:.1f} ms each")
    assert worst > 10 * MAX_STEPS, "or the bound would prove nothing"
    assert seconds < 5


def test_the_proof_of_linear_work_finds_a_quadratic_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control."""

    def each_with_each(subject: Any, search: Any, work: Work) -> bool:
        work.spend(len(subject) * len(subject))
        return False

    contains = filter_nodes.FUNCTIONS["contains"]
    broken = filter_nodes.Function(contains.name, contains.takes, each_with_each)
    monkeypatch.setitem(filter_nodes.FUNCTIONS, "contains", broken)
    with pytest.raises(AssertionError):
        assert_linear(ADVERSARIAL[0])


def test_too_much_work_is_no_match_and_the_explanation_says_so() -> None:
    reading = Reading(Event("evt_1", "acme", "call.completed", 0, payload(SIZE)))
    for text in ("data.a == data.b", "!(data.a == data.c)", "contains(data.a, `[2]`)"):
        wanted = compile_filter(text)
        assert not reading.matches(wanted)
        explained = reading.explain(wanted)
        assert not explained.matches
        assert "it takes more than 10,000 steps over this event" in explained.because
    cheap = "length(data.a) > `10000` && contains(data.text, 'aaa') && data.a[0] == `[1]`"
    assert reading.matches(compile_filter(cheap))


def test_what_is_searched_is_paid_for_too() -> None:
    for text, part, expected in ((100, 10, 1), (10_000, 10, 10), (10_000, 10_000, 20)):
        work = Work()
        contains("a" * text, "a" * part, work)
        assert work.used == expected
