"""What a provider of telephone data is asked about a number, and how long its word is of use.

    package                    fields                 for            of use
    line_type_intelligence     line_type, carrier     every number   30 days, by setting 1 to 365, each
    caller_name                caller_name            +1             30 days, by setting 1 to 90
    either, when it failed                                           1 hour: then it is asked for anew
    the number is none                                               30 days

Every package costs money each time it is asked for, so only those are of which a field is out of date. What
is not out of date is told meanwhile, and stays when asking fails. The clock is an argument.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final, Literal

import msgspec

Package = Literal["line_type_intelligence", "caller_name"]
LookupField = Literal["line_type", "carrier", "caller_name"]

LINE: Final[Package] = "line_type_intelligence"
NAME: Final[Package] = "caller_name"
PACKAGES: Final[tuple[Package, ...]] = (LINE, NAME)

FIELDS: Final[Mapping[Package, tuple[LookupField, ...]]] = {
    LINE: ("line_type", "carrier"),
    NAME: ("caller_name",),
}

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 24 * HOUR_MS
LINE_DAYS: Final = 30
NAME_DAYS: Final = 30
MOST_NAME_DAYS: Final = 90
INVALID_DAYS: Final = 30
FAILED_MS: Final = HOUR_MS

DEFAULT_BUDGET: Final = 1_000
"""Lookups of an organization in a day (UTC), where it has set nothing else."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """An account with the provider."""

    account_sid: str
    auth_token: str = field(repr=False)


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What came of one package when it was asked for at `at` (ms): values by field, none when the provider
    has none; or the word for its failure. A failure at `failed_at` (ms) is of a later question: what was told
    at the one before stays beside it."""

    at: int
    values: dict[str, str] = {}
    error: str | None = None
    failed_at: int | None = None

    @property
    def asked_at(self) -> int:
        """When (ms) it was last asked for."""
        return self.at if self.failed_at is None else self.failed_at


class Record(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of a number: package by package, and since when (ms) it is known to be none."""

    packages: dict[Package, Told] = {}
    invalid_at: int | None = None


EMPTY: Final = Record()


@dataclass(frozen=True, slots=True)
class Report:
    """An answer of the provider: whether the number exists; of each package that was asked for, its values
    (none: it has none), or the word for its failure."""

    valid: bool
    values: Mapping[Package, Mapping[str, str]] = field(default_factory=dict)
    errors: Mapping[Package, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long what was told is of use, in milliseconds: field by field, and that the number is none."""

    line_type: int = LINE_DAYS * DAY_MS
    carrier: int = LINE_DAYS * DAY_MS
    caller_name: int = NAME_DAYS * DAY_MS
    invalid: int = INVALID_DAYS * DAY_MS

    def of(self, name: str) -> int:
        """Of the field with this name."""
        found: int = getattr(self, name)
        return found

    def until(self, package: Package, told: Told) -> int:
        """Until when (ms) it is not to be asked for anew: as soon as one of its fields is out of date it
        is."""
        if told.error is not None:
            return told.asked_at + FAILED_MS
        return told.at + min(map(self.of, FIELDS[package]))

    def in_date(self, record: Record, now: int) -> dict[Package, Told]:
        """Which packages are not to be asked for anew at `now` (ms)."""
        return {name: told for name, told in record.packages.items() if now < self.until(name, told)}

    def usable(self, record: Record, now: int) -> dict[Package, Told]:
        """What of the record can be told at `now` (ms): of each package the fields that are not out of
        date, and its failure for as long as that counts."""
        found = {}
        for package, told in record.packages.items():
            values = {name: text for name, text in told.values.items() if now < told.at + self.of(name)}
            counts = now < self.until(package, told)
            if values or counts:
                found[package] = Told(told.at, values, told.error if counts else None)
        return found

    def invalid_until(self, record: Record) -> int:
        return 0 if record.invalid_at is None else record.invalid_at + self.invalid

    def expires_at(self, record: Record) -> int:
        """When nothing of the record is of use any more."""
        told = record.packages.items()
        fields = (one.at + self.of(name) for _, one in told for name in one.values)
        return max(
            self.invalid_until(record), *(self.until(package, one) for package, one in told), *fields, 0
        )


@dataclass(frozen=True, slots=True)
class Prices:
    """What each package costs, in US dollars: estimates, for the provider's own list and contract decide."""

    line: Decimal
    name: Decimal

    def of(self, packages: Iterable[Package]) -> Decimal:
        return sum((self.line if package == LINE else self.name for package in packages), Decimal(0))


def wanted(phone: str) -> tuple[Package, ...]:
    """The packages there are for a number (E.164)."""
    return PACKAGES if phone.startswith("+1") else (LINE,)


def daily_budget(chosen: int | None, *, has_account: bool) -> int:
    """How many lookups an organization may have in a day: what it has chosen, and none without an account to
    charge."""
    if not has_account:
        return 0
    return DEFAULT_BUDGET if chosen is None else chosen


def missing(
    record: Record, phone: str, now: int, lifetimes: Lifetimes, since: int | None = None
) -> tuple[Package, ...]:
    """Which packages are to be asked for; with `since` (ms) also those that were not asked for since then."""
    if now < lifetimes.invalid_until(record) and (since is None or (record.invalid_at or 0) >= since):
        return ()
    known = lifetimes.in_date(record, now)
    if since is not None:
        known = {name: told for name, told in known.items() if told.asked_at >= since}
    return tuple(package for package in wanted(phone) if package not in known)


def added(record: Record, asked: Collection[Package], report: Report, at: int) -> Record:
    """The record with an answer to a question of `at` (ms)."""
    if not report.valid:
        return Record(invalid_at=at)
    packages = dict(record.packages)
    for package in asked:
        error = report.errors.get(package)
        if error is None:
            packages[package] = Told(at, dict(report.values.get(package, {})))
        else:
            packages[package] = _failure(packages.get(package), error, at)
    return Record(packages)


def failed(record: Record, asked: Collection[Package], error: str, at: int) -> Record:
    """The record when nothing could be learned from an answer to a question of `at` (ms)."""
    before = record.packages
    return Record(before | {package: _failure(before.get(package), error, at) for package in asked})


def _failure(before: Told | None, error: str, at: int) -> Told:
    if before is None or not before.values:
        return Told(at, error=error)
    return Told(before.at, before.values, error, at)


def values_of(told: Iterable[Told]) -> tuple[dict[str, str], dict[str, int]]:
    """The values in what was told, and since when (ms) each is known. The name that the network gives is the
    caller's, where nobody has a better one."""
    values: dict[str, str] = {}
    times: dict[str, int] = {}
    for one in told:
        found = dict(one.values)
        if "caller_name" in found:
            found["name"] = found["caller_name"]
        values |= found
        times |= dict.fromkeys(found, one.at)
    return values, times
