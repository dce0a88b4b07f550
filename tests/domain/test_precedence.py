"""Whose word counts: every combination of sources, ages and failures, against a reading of the rule apart.

A caller has an address book (with a whole name, a part of one, another field, nothing, or out of reach),
up to three CRMs by priority (fresh, stale, an older answer beside a failure, not found, failed), and a
look-up of the number (with a name, without one, failed, or failed in part: then something is known of the
number, although nobody knows the caller).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any, Final

import pytest

from gateway.domain import contact
from gateway.domain.contact import CrmContact, Knowledge, merge, of_crm
from gateway.domain.errand import Errand
from gateway.domain.number_lookup import LINE, NAME, Lifetimes, Record, Told
from gateway.domain.overrides import Override, knowledge_of
from gateway.domain.resolution import Heard, freshness_of, status_of
from gateway.domain.resolution import knowledge_of as knowledge_in
from gateway.enrich.numbers import NumberAsk

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
        if self.outcome == "found" or self.values:
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
    said("lookup", "found", AT - 7, carrier="Example Mobile", name="LOOKUP"),
    said("lookup", "found", AT - 7, error=True, name="LOOKUP"),
    said("lookup", "not_found", AT - 7, carrier="Example Mobile"),
    said("lookup", "not_found"),
    said("lookup", "failed", AT - 7, error=True, carrier="Example Mobile"),
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
        for one in everybody:  # also of somebody whom nobody knows
            if name in one.values:
                text, at = one.values[name]
                values[name] = (text, one.kind, at)
                break
    named = [one for one in found if {"name", "first_name", "last_name"} & one.values.keys()]
    if named:
        values |= names(named)
    return status, values


def names(named: list[Said]) -> dict[str, tuple[str, str, int]]:
    first = named[0]
    at = max(at for _, at in first.values.values())
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
    monkeypatch.setattr(contact, "PRECEDENCE", ("override", "lookup", "crm"))
    sooner = len(disagreements())
    monkeypatch.undo()
    monkeypatch.setattr("tests.domain.test_precedence.knowledge_in", only_of_the_known)
    forgotten = len(disagreements())
    print(
        f"precedence: {count} combinations of sources, ages and failures; another order is caught in"
        f" {caught}, a look-up before CRMs in {sooner}, forgetting what is known of the number in {forgotten}"
    )
    assert min(caught, sooner, forgotten) > 100


def only_of_the_known(heard: Any) -> list[Knowledge]:
    """The mutant: what is known of a number counts only when somebody knows the caller."""
    return [one.knowledge for one in heard if one.knowledge is not None and one.outcome == "found"]


DAY: Final = 86_400_000
NOW: Final = 400 * DAY

# What is kept of a package: nothing, an answer so old (with a value or without), or a failure so old.
KEPT: Final = (
    None, ("value", 0), ("value", 29 * DAY), ("value", 30 * DAY), ("value", 89 * DAY), ("none", DAY),
    ("none", 31 * DAY), ("60601", DAY // 48), ("60600", DAY // 48), ("60600", DAY),
)  # fmt: skip
WORDS: Final = {"60601": "not_approved", "60600": "package_failed"}
INVALID_SINCE: Final = (None, DAY, 31 * DAY)


def kept_record(line: Any, name: Any, invalid: int | None) -> Record:
    packages: dict[Any, Told] = {}
    for package, kept, values in (
        (LINE, line, {"line_type": "mobile", "carrier": "Example Mobile"}),
        (NAME, name, {"caller_name": "LOOKUP"}),
    ):
        if kept is not None:
            what, age = kept
            told = values if what == "value" else {}
            packages[package] = Told(NOW - age, told, WORDS.get(what))
    return Record(packages, None if invalid is None else NOW - invalid)


def worth(line: Any, name: Any, invalid: int | None, error: str | None) -> tuple[str, dict[str, int]]:
    """What the source says, and since when which value is known: as the table in the documentation reads."""
    if error is None and invalid is not None and invalid < 30 * DAY:
        return "failed", {}
    values: dict[str, int] = {}
    if line is not None and line[0] == "value" and line[1] < 30 * DAY:
        values |= dict.fromkeys(("line_type", "carrier"), NOW - line[1])
    if name is not None and name[0] == "value" and name[1] < 30 * DAY:
        return "found", values | dict.fromkeys(("caller_name", "name"), NOW - name[1])
    unsure = name is not None and name[0] == "60600" and name[1] < DAY // 24
    return "failed" if error is not None or unsure else "not_found", values


def differing() -> list[Any]:
    found = []
    lookups: Any = SimpleNamespace(lifetimes=lambda org: Lifetimes(), clock=SimpleNamespace(now=lambda: NOW))
    for line, name, invalid, error in itertools.product(
        KEPT, KEPT, INVALID_SINCE, (None, "timeout", "budget")
    ):
        ask = NumberAsk(lookups, None, "+13175550142", Errand(NOW), kept_record(line, name, invalid))  # type: ignore[arg-type]
        heard = ask._heard(error)
        times = {} if heard.knowledge is None else dict(heard.knowledge.times)
        if (heard.outcome, times) != worth(line, name, invalid, error):
            found.append(((line, name, invalid, error), heard))
    return found


@pytest.mark.proof
def test_what_a_kept_lookup_is_worth_at_any_age(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control: answers that never grow old, and failures that do not."""
    wrong = differing()
    assert not wrong, wrong[0]
    count = len(KEPT) ** 2 * len(INVALID_SINCE) * 3
    monkeypatch.setattr(Lifetimes, "usable", lambda self, record, now: record.packages)
    caught = len(differing())
    print(f"precedence: {count} kept look-ups of any age; answers that never grow old are caught in {caught}")
    assert caught > 50


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
