"""Bringing files of contacts in: line by line a merge patch, many lines in one transaction.

Bringing the same file in again changes nothing, so one that broke off is simply brought in again. Between two
transactions others have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Final

from gateway.clock import Clock
from gateway.domain.contact_files import Entry, Refused
from gateway.domain.contact_requests import MOST_FIELDS
from gateway.domain.overrides import custom_count, patched
from gateway.store import contact_writing, organizations
from gateway.store.contact_writing import Standing
from gateway.store.organizations import Organization
from gateway.store.store import Store

LINES_AT_ONCE: Final = 200


@dataclass(slots=True)
class Report:
    """What became of the lines."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    refused: list[Refused] = field(default_factory=list)

    @property
    def lines(self) -> int:
        return self.created + self.updated + self.unchanged + len(self.refused)


async def bring_in(
    store: Store, clock: Clock, org: Organization, lines: Iterator[Entry | Refused], by: str, *, dry_run: bool
) -> Report:
    """Writes what the lines say, or only counts. Raises what reading the lines raises; what was written until
    then stays."""
    report = Report()
    while some := list(islice(lines, LINES_AT_ONCE)):
        report.refused += [line for line in some if isinstance(line, Refused)]
        entries = [line for line in some if isinstance(line, Entry)]
        phones = list(dict.fromkeys(entry.phone for entry in entries))
        if dry_run:
            async with store.reading(org.id) as conn:
                standing = await contact_writing.standing(conn, org.cipher, org.id, phones)
            _apply(report, standing, entries, by, clock.now())
        elif entries:
            async with store.transaction() as tx:
                await organizations.lock_living(tx.conn, org.id)
                standing = await contact_writing.standing(tx.conn, org.cipher, org.id, phones)
                _apply(report, standing, entries, by, now := clock.now())
                await contact_writing.write(tx, org.cipher, org.id, standing.values(), now)
        await asyncio.sleep(0)
    return report


def _apply(
    report: Report, standing: dict[str, Standing], entries: Iterable[Entry], by: str, now: int
) -> None:
    """Makes of what stands what the lines say; those that refuse to be joined to it are reported."""
    for entry in entries:
        found = standing[entry.phone]
        overrides = patched(found.overrides, entry.said, now, by)
        if custom_count(overrides) > MOST_FIELDS:
            message = f"a contact has at most {MOST_FIELDS} in all"
            report.refused.append(Refused(entry.line, "fields", message))
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
