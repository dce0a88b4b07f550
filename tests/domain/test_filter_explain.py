"""Why a filter matches or not, for the person who wrote it."""

from __future__ import annotations

import json
from dataclasses import asdict
from decimal import Decimal
from typing import Any

import pytest

from gateway.domain.filter import compile_filter
from gateway.domain.filter_values import shown
from tests.domain.test_filter import READING

EXPLAINED = [
    ("data.text == 'abc'", 'data.text is "abc"'),
    ("data.text == 'x'", 'data.text is "abc", not "x"'),
    ("data.text == `\"x\"`", 'data.text is "abc", not "x"'),
    ("data.missing == 'x'", 'data.missing is null or missing, not "x"'),
    ("data.text != 'x'", "data.text is \"abc\", so data.text != 'x' is true"),
    ("data.one > data.price", "data.one is 1 and data.price is 1.10, so data.one > data.price is false"),
    ("data.text > `3`", 'data.text is "abc", and > compares numbers only'),
    ("data.one < data.missing", "data.missing is null or missing, and < compares numbers only"),
    ("contains(data.tags, 'x')", "data.tags is [\"a\", \"b\"], so contains(data.tags, 'x') is false"),
    ("!data.no", "data.no does not hold"),
    ("data.zero", "data.zero is 0, which counts as true"),
    ("data.yes && data.one == `2`", "data.one == `2` does not hold"),
    ("data.yes && data.one", "all parts hold"),
    ("data.no || data.none", "no part holds"),
    ("length(data.one) > `2`", "data.one is a number; length takes a string, a list or an object there. "
                               "A filter that has no answer does not match."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "because"), EXPLAINED, ids=[row[0] for row in EXPLAINED])
def test_an_explanation_is_a_sentence(text: str, because: str) -> None:
    assert READING.explain(compile_filter(text)).because == because


def test_an_explanation_goes_through_the_pieces() -> None:
    wanted = compile_filter("(data.no || !data.empty) && data.one > `5` && length(data.tags) == `2`")
    told = [(s.depth, s.column, s.expression, s.holds, s.value) for s in READING.explain(wanted).steps]
    assert told == [
        (0, 1, wanted.text, False, "false"),
        (1, 2, "data.no || !data.empty", True, "true"),
        (2, 2, "data.no", False, "false"),
        (2, 13, "!data.empty", True, "true"),
        (3, 14, "data.empty", False, '""'),
        (1, 29, "data.one > `5`", False, "false"),
        (1, 47, "length(data.tags) == `2`", None, None),
    ]
    assert READING.explain(wanted).steps[-1].because == "not looked at: what stands before it has decided"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("x" * 500, '"' + "x" * 77 + '…"'), ("é \n", '"é \\n"'), ([[[["x"]]]], "[[[…]]]"), ([], "[]"),
        ({}, "{}"),
        ({"a": {"b": {"c": 1}}}, '{"a": {"b": {…}}}'), (list(range(10**5)), "[0, 1, 2, 3, …]"),
        (10**200, None),
        (Decimal("1.10"), "1.10"), (Decimal("1e999"), "1E+999"), (True, "true"), (None, "null"),
        (dict.fromkeys(map(str, range(1000)), "x" * 1000), None), (Decimal("Infinity"), None),
    ],
)  # fmt: skip
def test_what_is_shown_is_short(value: Any, told: str | None) -> None:
    assert 0 < len(shown(value)) <= 80
    assert told is None or shown(value) == told


def test_json_of_an_explanation() -> None:
    explained = asdict(READING.explain(compile_filter("!data.no")))
    assert list(explained) == ["matches", "because", "steps"]
    assert list(explained["steps"][0]) == ["expression", "column", "depth", "holds", "value", "because"]
    json.dumps(explained).encode()
