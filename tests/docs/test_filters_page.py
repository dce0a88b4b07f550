"""`docs/filters.md`: every example takes one event and leaves another; the explanation is a real one."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from typing import Any

import pytest

from gateway.domain.event import Event
from gateway.domain.event_types import example
from gateway.domain.filter import Filter, Reading, compile_filter
from gateway.domain.filter_nodes import FUNCTIONS
from gateway.domain.filter_syntax import FIELDS, MAX_NESTING
from gateway.domain.filter_tokens import MAX_LENGTH
from gateway.domain.filter_values import MAX_STEPS
from gateway.errors import InvalidRequest
from tests.docs.pages import DOCS

PAGE = (DOCS / "filters.md").read_text("utf-8")
EXAMPLES = re.findall(r"```jmespath\n(.+?)\n```", PAGE, re.DOTALL)


def reading(event_type: str, **changes: Any) -> Reading:
    data = {**example(event_type)["data"], **changes}
    return Reading(Event("evt_1", "acme", event_type, 0, json.dumps(data).encode()))


CALL, SMS = "call.completed", "sms.received"

# For each example, in the order of the page: an event it takes, and one it leaves.
CASES: list[tuple[Reading, Reading]] = [
    (reading(CALL), reading(CALL, duration_seconds=12.5)),
    (reading(CALL, status="missed"), reading(CALL)),
    (reading(CALL, status="busy"), reading(CALL)),
    (reading(CALL), reading(CALL, tags=["appointment", "spam"])),
    (reading(CALL, sentiment=None), reading(CALL)),
    (reading(CALL), reading(CALL, next_actions=None)),
    (reading(CALL), reading(CALL, revision=2)),
    (reading(CALL), reading(CALL, agent={"name": "Otto"})),
    (reading(SMS), reading(SMS, **{"from": "+12125550163"})),
    (reading(SMS), reading(SMS, body="Thank you!")),
]


@pytest.mark.parametrize(("text", "case"), list(zip(EXAMPLES, CASES, strict=True)), ids=EXAMPLES)
def test_an_example_takes_one_event_and_leaves_another(text: str, case: tuple[Reading, Reading]) -> None:
    wanted, unwanted = case
    assert wanted.matches(compile_filter(text))
    assert not unwanted.matches(compile_filter(text))
    assert "no answer" not in unwanted.explain(compile_filter(text)).because


def test_the_explanation_is_what_the_gateway_says() -> None:
    (printed,) = re.findall(r"```json\n(\{\n  \"matches\".+?)\n```", PAGE, re.DOTALL)
    short = reading(CALL, duration_seconds=12.5)
    assert json.loads(printed) == asdict(short.explain(Filter(EXAMPLES[0])))
    hidden = short.explain(Filter(EXAMPLES[0]), payload=False)
    assert hidden.steps[-1].because.startswith("data.duration_seconds is some number")
    assert "`data.duration_seconds is some number`" in PAGE


def test_the_page_names_what_there_is() -> None:
    assert all(f"`{name}`" in PAGE for name in FIELDS)
    assert all(f"`{name}(" in PAGE for name in FUNCTIONS)
    assert f"at most {MAX_LENGTH} characters and is nested at most {MAX_NESTING} deep" in PAGE
    assert f"take {MAX_STEPS:,} steps" in PAGE


def test_the_quoted_mistake_is_what_the_gateway_says() -> None:
    with pytest.raises(InvalidRequest) as caught:
        compile_filter("data.duration_seconds >= 60")
    assert caught.value.details[0].message in PAGE


def test_what_the_page_says_of_missing_fields_holds() -> None:
    without = reading(CALL, tags=None)
    assert not without.matches(Filter("!contains(data.tags, 'spam')"))
    assert without.matches(Filter("!contains(data.tags || `[]`, 'spam')"))
