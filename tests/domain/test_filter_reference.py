"""Filters beside the reference implementation of JMESPath: the same value for the same expression.

The reference is corrected where it leaves the specification: it orders strings, and fails with Python's own
TypeError on contains('text', number).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from jmespath import compile as jmespath_compile
from jmespath import exceptions, functions, visitor

from gateway.domain import filter_nodes
from gateway.domain.filter import Filter, compile_filter
from gateway.domain.filter_syntax import FIELDS, parse
from gateway.domain.filter_values import Work, decode
from gateway.errors import InvalidRequest


class _Functions(functions.Functions):  # type: ignore[misc]
    @functions.signature({"types": ["array", "string"]}, {"types": []})  # type: ignore[untyped-decorator]
    def _func_contains(self, subject: Any, search: Any) -> bool:
        return search in subject if isinstance(search, str) or not isinstance(subject, str) else False


class _Reference(visitor.TreeInterpreter):  # type: ignore[misc]
    def visit_comparator(self, node: Any, value: Any) -> Any:
        if node["value"] not in ("eq", "ne"):
            sides = [self.visit(child, value) for child in node["children"]]
            if not all(isinstance(side, int | float) and not isinstance(side, bool) for side in sides):
                return None
        return super().visit_comparator(node, value)


def reference(text: str, event: Any) -> Any:
    options = visitor.Options(custom_functions=_Functions())
    return _Reference(options).visit(jmespath_compile(text).parsed, event)


# No 0 and 1: inside of lists the reference takes them for false and true.
NUMBERS = st.sampled_from([-3, 2, 3, 2.0, 2.5, -0.5, 10**20])
TEXTS = st.sampled_from(["", "a", "ab", "b-c", "é"])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c-d"]), inner, max_size=3)
    ),
    max_leaves=12,
)
DATA = st.fixed_dictionaries({"a": VALUES, "b": VALUES}, optional={"c-d": VALUES})
EVENTS = st.fixed_dictionaries({"data": DATA | VALUES}, optional=dict.fromkeys(FIELDS[:3], VALUES))
STEPS = st.sampled_from([".a", ".b", '."c-d"', "[0]", "[-1]", "[2]", " . a"])
Pair = tuple[str, str]  # as a filter, and as the reference reads the same


def _both(text: str) -> Pair:
    return text, text


ROOTS = (*FIELDS, "data.a", "data.b", "data.a", "data.b", 'data."c-d"')
PATHS = st.builds(
    lambda field, steps: _both(field + "".join(steps)), st.sampled_from(ROOTS), st.lists(STEPS, max_size=3)
)
NUMBER_LITERALS = NUMBERS.map(lambda value: _both(f"`{json.dumps(value)}`"))
TEXT_LITERALS = TEXTS.map(lambda value: _both(f"'{value}'"))
LITERALS = VALUES.map(lambda value: _both(f"`{json.dumps(value)}`")) | TEXT_LITERALS


def _joined(parts: list[Pair], signs: list[str]) -> Pair:
    def side(index: int) -> str:
        words = [parts[0][index]]
        for sign, part in zip(signs, parts[1:], strict=False):
            words += [sign, part[index]]
        return " ".join(words)

    return side(0), side(1)


def _not(inner: Pair) -> Pair:
    # The reference takes `!a.b` for `(!a).b`, which is always null.
    return f"!{inner[0]}", f"!({inner[1]})"


def _call(name: str, *arguments: Pair) -> Pair:
    return f"{name}({', '.join(a[0] for a in arguments)})", f"{name}({', '.join(a[1] for a in arguments)})"


def _larger(inner: st.SearchStrategy[Pair]) -> st.SearchStrategy[Pair]:
    grouped = inner.map(lambda pair: (f"({pair[0]})", f"({pair[1]})"))
    term = PATHS | grouped | (PATHS | grouped).map(_not)
    compared = st.sampled_from(["<", "<=", ">", ">="]).map(lambda sign: [sign])
    ordered = st.builds(
        _joined, st.lists(PATHS | NUMBER_LITERALS | grouped, min_size=2, max_size=2), compared
    )
    flat = st.builds(_joined, st.lists(term | LITERALS | ordered, min_size=1, max_size=4),
                     st.lists(st.sampled_from(["&&", "||", "==", "!="]), min_size=3, max_size=3))  # fmt: skip
    calls = st.one_of(
        st.builds(lambda a: _call("length", a), PATHS | TEXT_LITERALS),
        st.builds(lambda a, b: _call("contains", a, b), PATHS | TEXT_LITERALS, term | LITERALS),
        st.builds(lambda name, a, b: _call(name, a, b), st.sampled_from(["starts_with", "ends_with"]),
                  PATHS | TEXT_LITERALS, PATHS | TEXT_LITERALS),
    )  # fmt: skip
    return flat | calls | ordered


EQUALITIES = st.builds(
    lambda left, right, sign: _joined([left, right], [sign]),
    PATHS,
    PATHS | LITERALS,
    st.sampled_from(["==", "!="]),
)
EXPRESSIONS = EQUALITIES | st.recursive(PATHS, _larger, max_leaves=8)


def _as_reference(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=float)


def compiled_or_skipped(text: str) -> Filter:
    """The filter; an expression that is refused because it can never have an answer is left out."""
    assume(len(text) <= 512)
    try:
        return compile_filter(text)
    except InvalidRequest as problem:
        assume(not re.search("compares numbers only|takes a string", problem.message))
        raise


def agrees(pair: Pair, event: Any) -> str:
    """Compares values, and what is decided with them; what the reference made of the expression."""
    text, as_reference = pair
    compiled = compiled_or_skipped(text)
    exact = decode(json.dumps(event).encode())
    try:
        expected = reference(as_reference, event)
    except exceptions.JMESPathTypeError:
        assert not compiled.matches(exact)
        return "an error"
    value = parse(text).value(exact, Work())
    assert _as_reference(value) == _as_reference(expected)
    wanted = expected not in (None, False, "", [], {}) or (expected == 0 and expected is not False)
    assert compiled.matches(exact) is wanted
    for payload in (True, False):
        assert compiled.explain(exact, payload=payload).matches is wanted
    return str(wanted)


@pytest.mark.proof
def test_it_agrees_with_the_reference_implementation(capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=2000, deadline=None, database=None)
    @given(EXPRESSIONS, EVENTS)
    def compared(pair: Pair, event: Any) -> None:
        seen[agrees(pair, event)] += 1

    compared()
    with capsys.disabled():
        print(f"\nfilters agree with the reference over {seen.total()} expressions: {dict(seen)}")
    assert min(seen["True"], seen["False"], seen["an error"]) >= 30


@pytest.mark.parametrize(
    "broken",
    [lambda left, right, work: False, lambda left, right, work: bool(left) == bool(right)],
    ids=["never", "truth"],
)
def test_the_comparison_finds_a_wrong_equality(
    broken: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(filter_nodes, "equal", broken)

    @settings(max_examples=1500, deadline=None, derandomize=True, phases=[Phase.generate])
    @given(EXPRESSIONS, EVENTS)
    def compared(pair: Pair, event: Any) -> None:
        agrees(pair, event)

    with pytest.raises((AssertionError, BaseExceptionGroup)):
        compared()


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS, EVENTS)
def test_without_the_payload_no_value_of_it_is_told(pair: Pair, event: Any) -> None:
    wanted = compiled_or_skipped(pair[0])
    told = json.dumps(event).replace('"a"', '"canary"').replace('"ab"', '"canary"').replace("2.5", "777.5")
    marked = decode(told.replace('"canary":', '"a":').encode())  # the names of fields stay
    explained = wanted.explain(marked, payload=False)
    words = " ".join([explained.because, *(f"{s.because} {s.value}" for s in explained.steps)])
    assert "canary" not in words
    assert "777.5" not in words
