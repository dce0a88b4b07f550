"""What is asked of a number and for how long it counts: tables, and what is true of all of them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.number_lookup import (
    EMPTY,
    LINE,
    NAME,
    Lifetimes,
    Prices,
    Record,
    Report,
    Told,
    added,
    missing,
    values_of,
    wanted,
)

NOW = 1_795_000_000_000
HOUR, DAY = 3_600_000, 86_400_000
US, DE = "+13175550142", "+4930123456"
LIFETIMES = Lifetimes()


def record(age: int = 0, **errors: str) -> Record:
    """Both packages, told so long ago."""
    at = NOW - age
    line = Told(at, {} if "line" in errors else {"line_type": "mobile"}, errors.get("line"))
    name = Told(at, {} if "name" in errors else {"caller_name": "Ada"}, errors.get("name"))
    return Record({LINE: line, NAME: name})


def test_a_name_is_asked_for_only_where_there_is_one() -> None:
    assert wanted(US) == (LINE, NAME)
    assert wanted(DE) == (LINE,)
    assert missing(EMPTY, US, NOW, LIFETIMES) == (LINE, NAME)


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        (record(0), ()),
        (record(30 * DAY - 1), ()),
        (record(30 * DAY), (LINE, NAME)),
        (record(HOUR - 1, line="package_failed"), ()),
        (record(HOUR, line="package_failed"), (LINE,)),
        (record(HOUR, name="not_covered"), (NAME,)),
        (record(-HOUR), ()),  # the clock was set back
        (Record(invalid_at=NOW - 30 * DAY + 1), ()),
        (Record(invalid_at=NOW - 30 * DAY), (LINE, NAME)),
        (Record({LINE: Told(NOW)}), (NAME,)),
    ],
)
def test_only_what_is_missing_is_asked_for(kept: Record, asked: tuple[str, ...]) -> None:
    assert missing(kept, US, NOW, LIFETIMES) == asked


def test_a_name_may_be_kept_longer_than_a_line() -> None:
    assert missing(record(40 * DAY), US, NOW, Lifetimes(name=90 * DAY)) == (LINE,)


def test_a_job_asks_again_for_what_is_older_than_itself() -> None:
    assert missing(record(5), US, NOW, LIFETIMES, since=NOW) == (LINE, NAME)
    assert missing(record(5), US, NOW, LIFETIMES, since=NOW - 5) == ()
    assert missing(Record(invalid_at=NOW - 5), US, NOW, LIFETIMES, since=NOW) == (LINE, NAME)
    assert missing(Record(invalid_at=NOW), US, NOW, LIFETIMES, since=NOW) == ()


def test_an_answer_is_added_to_what_was_known() -> None:
    before = record(10 * DAY)
    report = Report(True, {LINE: {"line_type": "landline"}}, {})
    after = added(before, (LINE,), report, NOW)
    assert after.packages[LINE] == Told(NOW, {"line_type": "landline"})
    assert after.packages[NAME] == before.packages[NAME]
    failed = added(before, (LINE, NAME), Report(True, {NAME: {}}, {LINE: "not_covered"}), NOW)
    assert failed.packages == {LINE: Told(NOW, {}, "not_covered"), NAME: Told(NOW)}
    assert added(before, (LINE,), Report(False), NOW) == Record(invalid_at=NOW)


def test_the_networks_name_is_a_name() -> None:
    values, times = values_of(record(7).packages.values())
    assert values == {"line_type": "mobile", "caller_name": "Ada", "name": "Ada"}
    assert set(times.values()) == {NOW - 7}


@given(st.integers(0, 100 * DAY), st.booleans(), st.booleans())
def test_a_record_is_of_use_exactly_until_it_expires(age: int, line: bool, name: bool) -> None:
    errors = {key: "package_failed" for key, failed in (("line", line), ("name", name)) if failed}
    kept = record(age, **errors)
    assert bool(LIFETIMES.usable(kept, NOW)) is (LIFETIMES.expires_at(kept) > NOW)


def test_money_is_counted_exactly() -> None:
    prices = Prices(Decimal("0.008"), Decimal("0.01"))
    assert prices.of([LINE] * 1000 + [NAME] * 3) == Decimal("8.03")
    assert prices.of(()) == 0
