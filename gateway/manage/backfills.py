"""Filling the address book: what is missing in it is asked for, number by number, by a job.

What it costs is estimated first and confirmed by whoever orders it; the job never goes beyond that. A number
that a job has asked for it does not ask for again, whatever came of it and whoever takes the job over. How it
works is in `manage.backfill_work`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy.engine import Row

from gateway.clock import Clock
from gateway.domain import lookup_account
from gateway.domain.backfill import KIND, Backfill, BackfillSource, Estimate, Order, amount_text
from gateway.domain.ids import new_id
from gateway.domain.number_lookup import Lifetimes, Prices
from gateway.errors import Conflict, InvalidRequest
from gateway.manage.backfill_work import HIGHEST, Asking, BackfillWork, Filling, Wanting, pays
from gateway.manage.jobs import Work
from gateway.store import backfills, jobs, organizations
from gateway.store.directory import Directory, OrgView
from gateway.store.store import Store
from gateway.store.transaction import Transaction


class Backfills:
    """Estimates, orders, and the kind of job that does it. `shared_account`: whether the installation has an
    account for lookups. `wake_jobs` is called when there is a job."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        filling: Filling,
        prices: Prices,
        lifetimes: Callable[[OrgView], Lifetimes],
        clock: Clock,
        *,
        shared_account: bool,
    ) -> None:
        self.clock = clock
        self.asking = Asking(store, filling)
        self.wake_jobs: Callable[[], None] = lambda: None
        self._store = store
        self._directory = directory
        self._prices = prices
        self._lifetimes = lifetimes
        self._shared_account = shared_account

    def refuse(self, org: OrgView, source: BackfillSource, *, platform: bool) -> None:
        """Raises Forbidden or Conflict when it would be charged to an account that is not to be charged."""
        if source == "twilio":
            budget = org.organization.settings.lookup_budget
            lookup_account.refuse_backfill(
                budget, own_account=pays(org), shared_account=self._shared_account, platform=platform
            )

    async def estimate(self, org: OrgView, request: Backfill) -> Estimate:
        """What a job ordered now would be about. Reads in slices, outside of any transaction."""
        return await self._wanting(org, request.source, self._since(request)).estimate()

    async def order(
        self, tx: Transaction, org: OrgView, request: Backfill, now: Estimate, actor: str
    ) -> Row[Any]:
        """A job, when what it costs is what was confirmed. Raises InvalidRequest and Conflict."""
        shown = amount_text(now.amount)
        if request.confirm_cost is None and request.source == "twilio":
            raise InvalidRequest.field("confirm_cost", f"must be the amount that dry_run shows: {shown}")
        if request.confirm_cost is not None and Decimal(request.confirm_cost) != now.amount:
            raise Conflict(f"it costs {shown} by now, and something else was confirmed", code="cost_changed")
        await organizations.lock_living(tx.conn, org.id)
        other = await backfills.running(tx.conn, org.id)
        if other is not None:
            what = f"the job {other} is at work on the address book: wait for it, or cancel it"
            raise Conflict(what, code="job_running")
        at = self.clock.now()
        job_id, order = new_id("job", at), Order(
            request.source, self._since(request), str(now.amount), pays(org)
        )  # fmt: skip
        job = await jobs.add(
            tx, id=job_id, org_id=org.id, kind=KIND, object_id=None, matched=now.matched,
            params=org.organization.cipher.seal(job_id, "params", msgspec.json.encode(order)),
            actor=actor, created_at=at,
        )  # fmt: skip
        tx.on_commit(self.wake_jobs)
        return job

    async def open(self, job: Row[Any]) -> Work:
        org = await self._directory.living(job.org_id)
        sealed = org.organization.cipher.open(job.id, "params", job.params)
        order = msgspec.json.decode(sealed, type=Order)
        if order.own_account and not pays(org):
            raise Conflict("what was to be paid by the organization would not be", code=lookup_account.CODE)
        self.refuse(org, order.source, platform=True)  # who ordered it was asked then
        wanting = self._wanting(org, order.source, order.since, job.position)
        return BackfillWork(wanting, job, Decimal(order.amount), self.asking)

    async def undo(self, job: Row[Any]) -> None:
        """What was learned stays: it is paid for."""

    def _wanting(
        self, org: OrgView, source: BackfillSource, since: int | None, below: int = HIGHEST
    ) -> Wanting:
        of_use = self._lifetimes(org)
        return Wanting(self._store, org, source, since, self._prices, of_use, below)

    def _since(self, request: Backfill) -> int | None:
        return None if request.only_missing else self.clock.now()
