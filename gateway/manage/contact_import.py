"""Bringing files of contacts in: line by line a merge patch, many lines in one transaction.

Bringing the same file in again changes nothing, so one that broke off is simply brought in again. Two lines
of one file never become one contact: people who share a number would get each other's notes. While lines are
read, and between two transactions, others have their turn.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.clock import Clock, Slices
from gateway.domain.contact_files import MOST_REPORTED, ContactFile
from gateway.domain.contact_lines import Entry, Refused
from gateway.domain.contact_requests import MOST_FIELDS
from gateway.domain.overrides import custom_count, patched
from gateway.store import contact_writing, organizations
from gateway.store.contact_writing import Standing
from gateway.store.organizations import Organization
from gateway.store.store import Store

LINES_AT_ONCE: Final = 200
CHARACTERS_AT_ONCE: Final = 128 * 1024
"""What is sealed in one go, without a rest; a line that is longer goes alone."""


@dataclass(slots=True)
class Report:
    """What became of the lines. Of the refused ones, `errors` describes the first MOST_REPORTED."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: int = 0
    errors: list[Refused] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict, repr=False)
    """The line of each contact that was taken, by id."""

    @property
    def lines(self) -> int:
        return self.created + self.updated + self.unchanged + self.refused

    def refuse(self, line: Refused) -> None:
        self.refused += 1
        if len(self.errors) < MOST_REPORTED:
            self.errors.append(line)


async def bring_in(
    store: Store, clock: Clock, org: Organization, file: ContactFile, by: str, *, dry_run: bool
) -> Report:
    """Writes what the lines say, or only counts. Raises what reading the file raises; what was written until
    then stays."""
    slices = Slices(clock)
    for _ in file.look_through():
        await slices.rest()
    report = Report()
    async for entries in _portions(file, report, slices):
        phones = list(dict.fromkeys(entry.phone for entry in entries))
        if dry_run:
            async with store.reading(org.id) as conn:
                standing = await contact_writing.standing(conn, org.cipher, org.id, phones)
            _apply(report, standing, entries, by, clock.now())
        else:
            async with store.transaction() as tx:
                await organizations.lock_living(tx.conn, org.id)
                standing = await contact_writing.standing(tx.conn, org.cipher, org.id, phones)
                _apply(report, standing, entries, by, now := clock.now())
                await contact_writing.write(tx, org.cipher, org.id, standing.values(), now)
        slices.begin()
    return report


async def _portions(file: ContactFile, report: Report, slices: Slices) -> AsyncIterator[Sequence[Entry]]:
    """The lines that can be taken, as many at a time as one transaction writes; the others are reported."""
    entries: list[Entry] = []
    size = 0
    for line in file.lines():
        await slices.rest()
        if isinstance(line, Refused):
            report.refuse(line)
        elif line is not None:
            if entries and size + line.size > CHARACTERS_AT_ONCE:
                yield entries
                entries, size = [], 0
            entries.append(line)
            size += line.size
            if len(entries) == LINES_AT_ONCE:
                yield entries
                entries, size = [], 0
    if entries:
        yield entries


def _apply(
    report: Report, standing: dict[str, Standing], entries: Iterable[Entry], by: str, now: int
) -> None:
    """Makes of what stands what the lines say; those that refuse to be joined to it are reported."""
    for entry in entries:
        found = standing[entry.phone]
        first = report.seen.setdefault(found.id, entry.line)
        if first != entry.line:
            message = f"line {first} is about this contact already; each is one line"
            report.refuse(Refused(entry.line, "phone", message))
            continue
        if not entry.by_person:
            report.unchanged += 1
            continue
        overrides = patched(found.overrides, entry.said, now, by)
        if custom_count(overrides) > MOST_FIELDS:
            message = f"a contact has at most {MOST_FIELDS} in all"
            report.refuse(Refused(entry.line, "fields", message))
            continue
        tags = tuple(entry.said.tags) if entry.said.tags is not None else found.tags
        if found.exists and found.by_person and (overrides, tags) == (found.overrides, found.tags):
            report.unchanged += 1
            continue
        if found.exists:
            report.updated += 1
        else:
            report.created += 1
        found.overrides, found.tags = overrides, tags
        found.exists = found.by_person = found.changed = True
