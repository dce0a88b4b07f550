"""Misspelt event types are noticed, types of one's own are not."""

from __future__ import annotations

import pytest

from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES
from gateway.domain.near_miss import near_misses


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("call.complete", "call.completed"),
        ("sms.recieved", "sms.received"),
        ("calls.completed", "call.completed"),
        ("conversation.assign", "conversation.assigned"),
        ("cals.*", "call.*"),
        ("webhook.disable", "webhook.disabled"),
    ],
)
def test_a_misspelt_type_is_noticed(written: str, meant: str) -> None:
    [found] = near_misses(["*", written])
    assert found.field == "events[1]"
    assert f"{written} is not in the catalogue; did you mean {meant}?" == found.message


@pytest.mark.parametrize("own", ["invoice.paid", "external.order", "hume.*", "call.annotated", "crm.*"])
def test_a_type_of_ones_own_is_not(own: str) -> None:
    assert near_misses([own]) == []


def test_no_known_type_is_taken_for_a_mistake() -> None:
    assert near_misses(["*", *CATALOGUE, *RESERVED_TYPES]) == []
