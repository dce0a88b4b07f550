"""What a resolution comes to: all combinations of what three sources can say."""

from __future__ import annotations

import itertools

import pytest
from pydantic import ValidationError

from gateway.domain.contact import Knowledge
from gateway.domain.resolution import CallerResolve, Heard, freshness_of, knowledge_of, status_of

KNOWN = Knowledge("crm", 0)
FOUND = Heard("a", "found", KNOWN)
STALE = Heard("b", "found", KNOWN, stale=True)
REMNANT = Heard("c", "found", KNOWN, stale=True, error="timeout")
MISSING = Heard("d", "not_found")
FAILED = Heard("e", "failed", error="timeout")
SILENT = Heard("f", "silent")


@pytest.mark.parametrize(
    ("heard", "status", "freshness"),
    [
        ([], "unknown", "none"),
        ([FOUND], "found", "fresh"),
        ([STALE], "found", "stale"),
        ([REMNANT], "found", "stale"),
        ([MISSING], "not_found", "fresh"),
        ([FAILED], "unknown", "none"),
        ([FOUND, MISSING], "found", "fresh"),
        ([FOUND, FAILED], "found", "partial"),
        ([FOUND, STALE], "found", "stale"),
        ([STALE, FAILED], "found", "stale"),
        ([MISSING, FAILED], "unknown", "partial"),
        ([MISSING, MISSING], "not_found", "fresh"),
        ([FAILED, FAILED], "unknown", "none"),
        ([REMNANT, MISSING], "found", "stale"),
        ([SILENT], "not_found", "fresh"),
        ([SILENT, MISSING], "not_found", "fresh"),
        ([SILENT, FAILED], "unknown", "none"),
        ([SILENT, FAILED, MISSING], "unknown", "partial"),
        ([SILENT, FOUND], "found", "fresh"),
        ([SILENT, REMNANT], "found", "stale"),
    ],
)
def test_the_table(heard: list[Heard], status: str, freshness: str) -> None:
    for order in itertools.permutations(heard):
        assert (status_of(order), freshness_of(order)) == (status, freshness)


def test_a_failure_never_makes_a_stranger() -> None:
    for heard in itertools.product([FOUND, STALE, REMNANT, MISSING, FAILED, SILENT], repeat=3):
        if FAILED in heard:
            assert status_of(heard) != "not_found"
        assert (status_of(heard) == "not_found") == all(one in (MISSING, SILENT) for one in heard)
        assert (status_of(heard) == "found") == bool(knowledge_of(heard))
        assert freshness_of(heard) != "fresh" or not any(one.error or one.stale for one in heard)


def test_requests_are_checked() -> None:
    assert CallerResolve.model_validate({"phone": ""}).deadline_ms == 900
    for wrong in (
        {}, {"phone": 1}, {"phone": "1", "deadline_ms": 49}, {"phone": "1", "deadline_ms": 10_001},
        {"phone": "1", "direction": "sideways"}, {"phone": "1", "attestation": "D"}, {"phone": "1", "x": 1},
        {"phone": "1", "call_id": ""}, {"phone": "1", "deadline_ms": "900"},
    ):  # fmt: skip
        with pytest.raises(ValidationError):
            CallerResolve.model_validate(wrong)
