"""What is done in the background so that nothing is kept longer than it may be.

- every minute: what is left of organizations that were erased
- every hour: events, deliveries, attempts and requests to connectors that are older than their organization's
  retention; answers about people, of connectors and of lookups, that have expired or are of no use any more;
  what they have said of people in the address book; what callers were resolved to more than a day ago
- every day: entries of the index of people whose events are gone

Rows go in small transactions, with a pause after each as long as the transaction took, so that live traffic
always finds the database. Everything begins anew after a restart; nothing needs to be remembered for that.
On SQLite removed rows are overwritten at once (`secure_delete`), and the log that still holds them is
truncated afterwards.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from gateway.clock import Clock
from gateway.domain.delivery import Status
from gateway.domain.ids import first_id
from gateway.errors import Overloaded
from gateway.store import (
    connector_contacts,
    connector_requests,
    connectors,
    contact_facts,
    erased_people,
    number_lookups,
    organizations,
    partitions,
    removal,
    resolutions,
)
from gateway.store.store import Store

log = logging.getLogger("gateway.removal")

EVERY_SECONDS: Final = 60.0
RETENTION_EVERY: Final = 3600.0
PEOPLE_EVERY: Final = 86_400.0
BATCH: Final = 100
READ_BATCH: Final = 1000
DAY_MS: Final = 86_400_000
# How long a partition of the longest retention may wait to be dropped as a whole.
_GRACE_MS: Final = 2 * partitions.WEEK_MS
_NEVER: Final = 2**63 - 1


class Removal:
    """The background work; `run` does it until cancelled."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._log_is_clean = False

    async def erased(self) -> None:
        """Somebody was erased: what the write-ahead log holds of it is to go now, or as soon as nobody reads
        that log."""
        self._log_is_clean = False
        await self.clean_log()

    async def run(self) -> None:
        next_retention = next_people = 0.0
        while True:
            try:
                await self.finish_organizations()
                if self._clock.monotonic() >= next_retention:
                    await self.retain()
                    await self.tidy_answers()
                    await self.tidy_resolutions()
                    await self.tidy_book()
                    next_retention = self._clock.monotonic() + RETENTION_EVERY
                if self._clock.monotonic() >= next_people:
                    await self.tidy_people()
                    next_people = self._clock.monotonic() + PEOPLE_EVERY
                await self.clean_log()
            except Overloaded as problem:
                log.warning("put off: %s", problem.message)
            except Exception:
                log.exception("removing failed")
            await self._clock.sleep(EVERY_SECONDS)

    async def clean_log(self) -> bool:
        """Truncates SQLite's write-ahead log if it holds what was removed; False when somebody is reading it
        at this moment: then again at the next turn."""
        if not self._log_is_clean:
            self._log_is_clean = await self._store.database.checkpoint()
        return self._log_is_clean

    async def finish_organizations(self) -> int:
        """Removes what is left of erased organizations; how many rows."""
        async with self._store.looking_up() as conn:
            erased = await organizations.erased(conn)
        count = 0
        for org_id in erased:
            count += await self._all_of(org_id)
        return self._removed(count, "of erased organizations")

    async def retain(self) -> int:
        """Removes what is older than its organization keeps it; how many rows."""
        async with self._store.looking_up() as conn:
            kept = await organizations.retentions(conn)
        if not kept:
            return 0
        now, longest = self._clock.now(), max(kept.values())
        whole_weeks = not self._store.database.is_sqlite
        count = 0
        for org_id, days in kept.items():
            before = now - days * DAY_MS
            by_week = whole_weeks and days == longest
            count += await self._old_deliveries(org_id, before, by_week=by_week)
            count += await self._old_events(org_id, before - _GRACE_MS if by_week else before)
            count += await self._old_requests(org_id, before)
        if whole_weeks:
            await partitions.drop_older(self._store, now - longest * DAY_MS)
        return self._removed(count, "past their retention")

    async def tidy_answers(self) -> int:
        """Removes answers of connectors and of lookups that have expired, and those of systems that no
        connector leads to any more; how many."""
        count = 0
        while done := await self._do(connector_contacts.forget_expired, self._clock.now(), BATCH):
            count += done
        async with self._store.looking_up() as conn:
            changed = await connectors.since_when(conn)
        for org_id, since in changed.items():
            count += await self._useless_answers(org_id, since)
        for forget in (number_lookups.forget_expired, number_lookups.forget_days):
            while done := await self._do(forget, self._clock.now(), BATCH):
                count += done
        return self._removed(count, "of answers about people")

    async def tidy_resolutions(self) -> int:
        """Removes answers about callers that were given more than a day ago; how many."""
        count = 0
        while done := await self._do(resolutions.forget_old, self._clock.now(), READ_BATCH):
            count += done
        return self._removed(count, "of resolutions")

    async def tidy_book(self) -> int:
        """Removes what sources have said of people in the address book longer ago than the organization keeps
        things, and what connectors have said that are gone or lead elsewhere; with contacts of which nothing
        is left that no person wrote to. And who was erased a while ago. How many."""
        async with self._store.looking_up() as conn:
            kept = await organizations.retentions(conn)
            changed = await connectors.since_when(conn)
        now, count = self._clock.now(), 0
        for org_id, days in kept.items():
            count += await self._useless_facts(org_id, now - days * DAY_MS, changed.get(org_id))
        while done := await self._do(erased_people.forget_expired, now, BATCH):
            count += done
        return self._removed(count, "of the address book")

    async def tidy_people(self) -> int:
        """Removes entries of the index of people whose events are gone; how many."""
        async with self._store.looking_up() as conn:
            kept = await organizations.retentions(conn)
        count = 0
        for org_id, days in kept.items():
            oldest = first_id("evt", self._clock.now() - days * DAY_MS)
            after: removal.PersonKey = (b"", "")
            while True:
                async with self._store.looking_up() as conn:
                    keys = await removal.people(conn, org_id, after, READ_BATCH)
                old = [key for key in keys if key[1] < oldest]
                for start in range(0, len(old), BATCH):
                    batch = old[start : start + BATCH]
                    count += await self._do(removal.remove_people, org_id, batch)
                if len(keys) < READ_BATCH:
                    break
                after = keys[-1]
        return self._removed(count, "entries of people")

    async def _all_of(self, org_id: str) -> int:
        count = 0
        while done := await self._do(removal.remove_of_organization, org_id, BATCH):
            count += done
        return count

    async def _old_events(self, org_id: str, before: int) -> int:
        count, after = 0, -1
        while True:
            async with self._store.looking_up() as conn:
                rows = await removal.oldest_events(conn, org_id, after, before, BATCH)
            if not rows:
                return count
            after = rows[-1].position
            count += await self._do(removal.remove_events, org_id, rows)

    async def _old_deliveries(self, org_id: str, before: int, *, by_week: bool) -> int:
        count, after = 0, -1
        while True:
            async with self._store.looking_up() as conn:
                rows = await removal.oldest_deliveries(conn, org_id, after, before, BATCH)
            if not rows:
                return count
            after = rows[-1].position
            over = [r.id for r in rows if r.status != Status.PENDING and (r.completed_at or 0) < before]
            if over:
                count += await self._do(removal.remove_deliveries, over, not by_week)

    async def _old_requests(self, org_id: str, before: int) -> int:
        count = 0
        while True:
            async with self._store.looking_up() as conn:
                ids = await connector_requests.oldest(conn, org_id, before, BATCH)
            removed = await self._do(connector_requests.remove, ids) if ids else 0
            if not removed:
                return count
            count += removed

    async def _useless_answers(self, org_id: str, since: Mapping[str, int]) -> int:
        count, after = 0, connector_contacts.FIRST
        while True:
            async with self._store.looking_up() as conn:
                rows = await connector_contacts.some(conn, org_id, after, READ_BATCH)
            useless = [r for r in rows if r.fetched_at < since.get(r.connector_id, _NEVER)]
            for start in range(0, len(useless), BATCH):
                batch = useless[start : start + BATCH]
                count += await self._do(connector_contacts.remove, org_id, batch)
            if len(rows) < READ_BATCH:
                return count
            after = (bytes(rows[-1].person), rows[-1].connector_id)

    async def _useless_facts(self, org_id: str, before: int, since: Mapping[str, int] | None) -> int:
        count = 0
        while True:
            async with self._store.looking_up() as conn:
                rows = await contact_facts.some_useless(conn, org_id, before, since, BATCH)
            removed = await self._do(contact_facts.remove, org_id, rows) if rows else 0
            if not removed:
                return count
            count += removed

    async def _do(self, remove: Callable[..., Awaitable[int]], *what: Any) -> int:
        """One small transaction, and a pause that leaves the database to others for as long."""
        begun = self._clock.monotonic()
        async with self._store.transaction() as tx:
            count = await remove(tx.conn, *what) if await removal.turn_is_ours(tx.conn) else 0
        await asyncio.sleep(min(self._clock.monotonic() - begun, 1.0))
        return count

    def _removed(self, count: int, what: str) -> int:
        if count:
            self._log_is_clean = False
            log.info("removed %d rows %s", count, what)
        return count
