"""Whose word counts: every combination of sources, ages and failures, against a reading of the rule apart.

A caller has an address book (with a whole name, a part of one, another field, nothing, or out of reach),
up to three CRMs by priority (fresh, stale, an older answer beside a failure, not found, failed), and a
look-up of the number.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, Final

import pytest

from gateway.domain import contact
from gateway.domain.contact import CrmContact, Knowledge, merge, of_crm
from gateway.domain.overrides import Override, knowledge_of
from gateway.domain.resolution import Heard, freshness_of, status_of
from gateway.domain.resolution import knowledge_of as knowledge_in

FIELDS: Final = ("name", "first_name", "last_name", "company", "carrier")
AT: Final = 1_000_000


@dataclass(frozen=True)
class Said:
    """What a source says: its values with their times, how it came, and of what kind it is."""

    kind: str
    outcome: str
    values: dict[str, tuple[str, int]]
    stale: bool = False
    error: bool = False

    def heard(self, source: str, rank: int) -> Heard:
        knowledge = None
        if self.outcome == "found":
            texts = {name: text for name, (text, _) in self.values.items()}
            if self.kind == "override":
                knowledge = knowledge_of({n: Override(t, at, "jo") for n, (t, at) in self.values.items()})
            elif self.kind == "crm":
                at = next((at for _, at in self.values.values()), AT)
                knowledge = of_crm(CrmContact("1", **texts), source, fetched_at=at, rank=rank)
            else:
                knowledge = Knowledge("lookup", AT - 7, rank, texts)
        error = "timeout" if self.error else None
        return Heard(source, self.outcome, knowledge, self.stale, error)  # type: ignore[arg-type]


def said(
    kind: str, outcome: str, at: int = AT, stale: bool = False, error: bool = False, **values: str
) -> Said:
    return Said(kind, outcome, {name: (text, at) for name, text in values.items()}, stale, error)


BOOK: Final = (
    said("override", "silent"),
    said("override", "found", AT - 1, name="Book Name"),
    said("override", "found", AT - 2, last_name="Bookson"),
    said("override", "found", AT - 3, company="Book Ltd"),
    said("override", "failed", error=True),
)
CRM: Final = (
    None,
    said("crm", "found", AT - 10, first_name="First", last_name="Crmson", company="Crm Ltd"),
    said("crm", "found", AT - 900_000, stale=True, name="Stale Crmson"),
    said("crm", "found", AT - 999_000, stale=True, error=True, company="Remnant Ltd"),
    said("crm", "not_found"),
    said("crm", "failed", error=True),
)
LOOKUP: Final = (
    None,
    said("lookup", "found", carrier="Example Mobile", name="LOOKUP"),
    said("lookup", "failed", error=True),
)


def combinations() -> Any:
    """What is said, in the order of precedence: the book, CRMs by priority, the look-up."""
    for book, *crms, lookup in itertools.product(BOOK, CRM, CRM, CRM, LOOKUP):
        yield [one for one in (book, *crms, lookup) if one is not None]


def expected(everybody: list[Said]) -> tuple[str, dict[str, tuple[str, str, int]]]:
    """Status, and of each field text, kind and time: as the rule reads, source by source."""
    found = [one for one in everybody if one.outcome == "found"]
    if found:
        status = "found"
    elif all(one.outcome in ("not_found", "silent") for one in everybody):
        status = "not_found"
    else:
        status = "unknown"
    values: dict[str, tuple[str, str, int]] = {}
    for name in ("company", "carrier"):
        for one in found:
            if name in one.values:
                text, at = one.values[name]
                values[name] = (text, one.kind, AT - 7 if one.kind == "lookup" else at)
                break
    named = [one for one in found if {"name", "first_name", "last_name"} & one.values.keys()]
    if named:
        values |= names(named)
    return status, values


def names(named: list[Said]) -> dict[str, tuple[str, str, int]]:
    first = named[0]
    at = AT - 7 if first.kind == "lookup" else max(at for _, at in first.values.values())
    own = {
        n: (first.values[n][0], first.kind, at)
        for n in ("name", "first_name", "last_name")
        if n in first.values
    }
    if "name" in own:
        return own
    if first.kind == "override" and len(named) > 1 and "first_name" in named[1].values:
        text, other_at = named[1].values["first_name"]
        own["first_name"] = (text, named[1].kind, other_at)
    parts = [own[n][0] for n in ("first_name", "last_name") if n in own]
    return {"name": (" ".join(parts), first.kind, at), **own}


def disagreements() -> list[tuple[list[Said], Any, Any]]:
    found = []
    for everybody in combinations():
        heard = [one.heard(f"s{rank}", rank) for rank, one in enumerate(everybody)]
        status, values = expected(everybody)
        caller = merge(knowledge_in(reversed(heard)))
        got = {n: (caller.values[n], caller.provenance[n], caller.fetched[n]) for n in caller.values}
        if (status_of(heard), got) != (status, values):
            found.append((everybody, (status_of(heard), got), (status, values)))
    return found


@pytest.mark.proof
def test_whose_word_counts_in_every_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: another order of precedence is caught."""
    count = sum(1 for _ in combinations())
    wrong = disagreements()
    assert not wrong, wrong[0]
    monkeypatch.setattr(contact, "PRECEDENCE", ("crm", "override", "lookup"))
    caught = len(disagreements())
    print(
        f"precedence: {count} combinations of sources, ages and failures; another order is caught in {caught}"
    )
    assert caught > 100


def test_a_failure_is_always_told_and_never_takes_a_word_away() -> None:
    for everybody in combinations():
        heard = [one.heard(f"s{rank}", rank) for rank, one in enumerate(everybody)]
        failed = any(one.outcome == "failed" for one in everybody)
        assert not (failed and status_of(heard) == "not_found")
        assert not (failed and freshness_of(heard) == "fresh")
        with_one_more = [
            *heard,
            replace(heard[0], source="x", outcome="failed", knowledge=None, error="reset"),
        ]
        assert merge(knowledge_in(with_one_more)) == merge(knowledge_in(heard))
        assert (status_of(with_one_more) == "found") == (status_of(heard) == "found")
