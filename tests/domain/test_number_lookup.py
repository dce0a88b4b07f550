"""What is asked of a number and for how long it counts: tables, and what is true of all of them."""

from __future__ import annotations

from decimal import Decimal

import msgspec
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
    failed,
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
    assert missing(record(40 * DAY), US, NOW, Lifetimes(caller_name=90 * DAY)) == (LINE,)


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
    half = added(before, (LINE, NAME), Report(True, {NAME: {}}, {LINE: "not_covered"}), NOW)
    assert half.packages == {
        LINE: Told(NOW - 10 * DAY, {"line_type": "mobile"}, "not_covered", NOW), NAME: Told(NOW),
    }  # fmt: skip
    assert added(before, (LINE,), Report(False), NOW) == Record(invalid_at=NOW)


def test_the_networks_name_is_a_name() -> None:
    values, times = values_of(record(7).packages.values())
    assert values == {"line_type": "mobile", "caller_name": "Ada", "name": "Ada"}
    assert set(times.values()) == {NOW - 7}


CHOSEN = Lifetimes(line_type=20 * DAY, carrier=5 * DAY, caller_name=40 * DAY)


def whole(age: int) -> Record:
    """Every field, told so long ago."""
    line = {"line_type": "mobile", "carrier": "Example Wireless"}
    return Record({LINE: Told(NOW - age, line), NAME: Told(NOW - age, {"caller_name": "Ada"})})


@pytest.mark.parametrize(
    ("age", "asked", "told"),
    [
        (5 * DAY - 1, (), {"line_type", "carrier", "caller_name"}),
        (5 * DAY, (LINE,), {"line_type", "caller_name"}),
        (20 * DAY - 1, (LINE,), {"line_type", "caller_name"}),
        (20 * DAY, (LINE,), {"caller_name"}),
        (40 * DAY - 1, (LINE,), {"caller_name"}),
        (40 * DAY, (LINE, NAME), set()),
    ],
)
def test_each_field_has_its_own_time(age: int, asked: tuple[str, ...], told: set[str]) -> None:
    """A package is asked for when one of its fields is out of date; what is in date is told meanwhile."""
    assert missing(whole(age), US, NOW, CHOSEN) == asked
    values, _ = values_of(CHOSEN.usable(whole(age), NOW).values())
    assert set(values) - {"name"} == told


def test_what_is_in_date_stays_beside_a_failure() -> None:
    kept = added(whole(6 * DAY), (LINE,), Report(True, {}, {LINE: "package_failed"}), NOW)
    usable = CHOSEN.usable(kept, NOW)
    assert usable[LINE] == Told(NOW - 6 * DAY, {"line_type": "mobile"}, "package_failed")
    assert missing(kept, US, NOW + HOUR - 1, CHOSEN) == ()
    assert missing(kept, US, NOW + HOUR, CHOSEN) == (LINE,)
    assert CHOSEN.usable(kept, NOW + HOUR)[LINE].error is None
    assert CHOSEN.usable(kept, NOW + 14 * DAY).keys() == {NAME}
    unreadable = failed(whole(6 * DAY), (LINE,), "invalid_json", NOW)
    assert CHOSEN.usable(unreadable, NOW)[LINE].values == {"line_type": "mobile"}
    assert missing(kept, US, NOW, CHOSEN, since=NOW) == (NAME,)  # the other was asked for just now


def test_what_an_older_version_has_kept_is_read() -> None:
    old = msgspec.msgpack.encode([{LINE: [NOW, {"line_type": "mobile"}, None]}, None])
    assert msgspec.msgpack.decode(old, type=Record).packages[LINE] == Told(NOW, {"line_type": "mobile"})


AGES = st.integers(0, 400 * DAY)
DAYS = st.integers(1, 365).map(lambda days: days * DAY)


@given(AGES, st.booleans(), st.booleans(), DAYS, DAYS, DAYS, st.none() | st.integers(0, 2 * HOUR))
def test_a_record_is_of_use_exactly_until_it_expires(
    age: int, line: bool, name: bool, line_type: int, carrier: int, caller_name: int, failed_ago: int | None
) -> None:
    """And whatever is not asked for anew can be told."""
    times = Lifetimes(line_type, carrier, caller_name)
    errors = {key: "package_failed" for key, fails in (("line", line), ("name", name)) if fails}
    kept = record(age, **errors)
    if failed_ago is not None:
        kept = failed(kept, (LINE,), "invalid_json", NOW - failed_ago)
    usable = times.usable(kept, NOW)
    assert bool(usable) is (times.expires_at(kept) > NOW)
    assert times.in_date(kept, NOW).keys() <= usable.keys()
    assert set(missing(kept, US, NOW, times)) == {LINE, NAME} - times.in_date(kept, NOW).keys()
    for package, told in usable.items():
        assert all(told.at + times.of(field) > NOW for field in told.values), package


def test_money_is_counted_exactly() -> None:
    prices = Prices(Decimal("0.008"), Decimal("0.01"))
    assert prices.of([LINE] * 1000 + [NAME] * 3) == Decimal("8.03")
    assert prices.of(()) == 0
