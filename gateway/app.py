"""The only place where things are built and joined: `Gateway` is one node, from its routes to its database.

What it takes to be a process (lock, sockets, signals) is in `gateway.process`.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Coroutine, Sequence
from functools import partial
from typing import Any, Final

from gateway.checkpoints import reached
from gateway.clock import Clock, SystemClock
from gateway.config import Settings, installed_version
from gateway.crm.wire import Calls
from gateway.dispatch import record
from gateway.dispatch.attempt import Attempts
from gateway.dispatch.call_sync import CallSyncs
from gateway.dispatch.claims import Claims
from gateway.dispatch.dispatcher import Dispatcher
from gateway.dispatch.later import Later
from gateway.dispatch.lease import NodeLease
from gateway.dispatch.payloads import Payloads
from gateway.dispatch.trial import Trials
from gateway.domain import backfill
from gateway.domain.address import Address, AllowedNetworks
from gateway.domain.connector import Connector
from gateway.domain.event import EventParser
from gateway.domain.job import RANGES, JobKind
from gateway.domain.number_lookup import DAY_MS, Credentials, Lifetimes, Prices
from gateway.domain.room import Room
from gateway.egress.client import EgressClient
from gateway.egress.guard import is_own
from gateway.enrich import keeping, told
from gateway.enrich.account_tests import AccountTests
from gateway.enrich.belonging import Belonging
from gateway.enrich.book import Book
from gateway.enrich.caller import Callers
from gateway.enrich.connectors import Connectors
from gateway.enrich.creating import Creates
from gateway.enrich.filling import Filling
from gateway.enrich.keeping import Keeping
from gateway.enrich.lookups import Lookups
from gateway.enrich.numbers import Numbers
from gateway.enrich.previewing import Previews
from gateway.enrich.questions import Questions
from gateway.enrich.resolutions import Resolutions
from gateway.enrich.tallying import Tally
from gateway.errors import Overloaded
from gateway.ingest import accept
from gateway.ingest.accept import Accept
from gateway.ingest.own import OwnEvents
from gateway.lookup.twilio import Twilio
from gateway.manage import connectors, housekeeping, jobs, rewrap, rotations
from gateway.manage.audit import PayloadReads
from gateway.manage.backfills import Backfills
from gateway.manage.changes import Changes
from gateway.manage.console import Door
from gateway.manage.jobs import Jobs
from gateway.manage.pings import Pings
from gateway.manage.ranges import RangeJobs
from gateway.manage.redeliveries import Redeliveries
from gateway.manage.removal import Removal
from gateway.manage.retries import RetryJobs
from gateway.manage.webhooks import Rules
from gateway.master_key import master_keys
from gateway.metrics import Metrics
from gateway.store import deliveries, leases, partitions
from gateway.store import migrate as migrations
from gateway.store.aside import Aside
from gateway.store.directory import Directory
from gateway.store.engine import Database
from gateway.store.group_commit import GroupCommit, Kind
from gateway.store.lock import make_directory
from gateway.store.store import Store, open_store
from gateway.store.transaction import Told, Transaction
from gateway.web.body import BodyBudget
from gateway.web.call import Services
from gateway.web.repeats import Repeats
from gateway.web.routes import build_app

log = logging.getLogger("gateway")

STOP_PATIENCE_SECONDS: Final = 22.0
ACCEPT_PATIENCE_SECONDS: Final = 1.5
RECORD_LINGER_SECONDS: Final = 0.005
POLL_SECONDS: Final = 1.0
FOLLOW_SECONDS: Final = 0.5
LOOK_EVERY_ALONE: Final = 5.0
BACKFILLS_AT_ONCE: Final = 4
DISK_RESERVE_BYTES: Final = 64 * 1024 * 1024


class Gateway:
    """One node: everything between its sockets and its database."""

    def __init__(self, settings: Settings, store: Store, metrics: Metrics, clock: Clock) -> None:
        alone = store.database.is_sqlite
        allowed = AllowedNetworks.parse(settings.allow_networks)
        self.settings, self.store, self.metrics, self.clock = settings, store, metrics, clock
        self.listeners: set[tuple[str, int]] = set()
        self.draining = False
        self.started_at = clock.now()
        self.directory = Directory(store)
        self.lease = NodeLease(store, clock)
        self.client = EgressClient(
            allowed,
            own_listeners=lambda: self.listeners,
            ca_file=str(settings.ca_file) if settings.ca_file else None,
            dns_servers=list(settings.dns_servers) or None,
            egress_proxy=settings.egress_proxy,
            clock=clock,
        )
        cdn_loop = f"hum-gateway; id={store.install_id}"
        records = Kind(
            partial(record.apply, announce=self._announce_all), patience=None, linger=RECORD_LINGER_SECONDS
        )
        notes = Kind(keeping.apply, keeping.PATIENCE_SECONDS, keeping.LINGER_SECONDS)
        answers = Kind(
            partial(told.apply, announce=self._announce_all), told.PATIENCE_SECONDS, told.LINGER_SECONDS
        )
        self.records = GroupCommit(
            store.transaction,
            {record.KIND: records, keeping.KIND: notes, told.KIND: answers},
            observe=self._observe,
        )
        calls = Calls(self.client, clock, cdn_loop, self._current)
        self.keeping = Keeping(store, self.records)
        self.creates = Creates(store, self.directory, calls, self.keeping, clock, metrics)
        questions = Questions(calls, self.keeping, Room(), clock, metrics)
        self.connectors = Connectors(questions, clock)
        usual = Lifetimes(caller_name=settings.twilio_caller_name_days * DAY_MS)
        self.lookups = Lookups(
            Twilio(self.client, settings.twilio_lookup_url), lookup_account(settings), usual, store, clock,
            metrics,
        )  # fmt: skip
        self.callers = Callers(
            (Book(), self.connectors, Numbers(self.lookups)), self.keeping,
            Resolutions(store, self.records, clock), self.creates, clock, Tally(metrics),
        )  # fmt: skip
        call_syncs = CallSyncs(store, Belonging(self.connectors, self.keeping, self.creates, clock))
        payloads = Payloads(store, self.directory)
        attempts = Attempts(
            self.directory, payloads, call_syncs, self.client, self.records, clock,
            metrics, settings.retry_schedule, cdn_loop,
        )  # fmt: skip
        self.dispatcher = Dispatcher(
            attempts, self.lease, self.directory, clock, metrics, settings.retry_schedule
        )
        aside = Aside(store, self.records if alone else None, self._traffic)
        self.claims = Claims(
            store, self.directory, self.dispatcher, self.lease, aside, clock, metrics,
            look_every=LOOK_EVERY_ALONE if alone else POLL_SECONDS,
        )  # fmt: skip
        self.later = Later(store, self.directory, self.dispatcher, self.claims, payloads, clock)
        prices = Prices(settings.twilio_price_line_type, settings.twilio_price_caller_name)
        self.backfills = Backfills(
            store, self.directory, Filling(self.lookups, self.connectors, store), prices,
            self.lookups.lifetimes, clock, shared_account=lookup_account(settings) is not None,
        )  # fmt: skip
        kinds: dict[str, jobs.Kind] = {
            kind.value: RangeJobs(store, self.directory, kind, self.later.see, self._traffic)
            for kind in RANGES
        }
        retries = RetryJobs(store, self.directory, self.claims.due, self._traffic)
        self.jobs = Jobs(
            store, clock, self._lease_for_work, kinds | {JobKind.RETRY.value: retries}, aside,
            but=(backfill.KIND,),
            traffic=self._traffic,
            look_every=LOOK_EVERY_ALONE if alone else POLL_SECONDS,
        )  # fmt: skip
        self.backfill_jobs = Jobs(
            store, clock, self._lease_for_work, {backfill.KIND: self.backfills}, aside,
            at_once=BACKFILLS_AT_ONCE,
            look_every=LOOK_EVERY_ALONE if alone else POLL_SECONDS,
        )  # fmt: skip
        self.backfills.wake_jobs = self.backfill_jobs.wake
        self.own_events = OwnEvents(self.directory, self.dispatcher, clock, several_nodes=not alone)
        self.accept = Accept(self.directory, self.dispatcher, clock, several_nodes=not alone)
        accepts = Kind(self.accept.apply, patience=ACCEPT_PATIENCE_SECONDS)
        if alone:  # one writer: events and outcomes share its transactions
            self.records.add(accept.KIND, accepts)
            self.accept.commits = self.records
        else:
            self.accept.commits = GroupCommit(
                store.transaction, {accept.KIND: accepts}, observe=self._observe
            )
        self.services = Services(
            store=store,
            directory=self.directory,
            clock=clock,
            metrics=metrics,
            accept=self.accept,
            announce=self.own_events.announce,
            trials=Trials(store, self.client, clock, cdn_loop),
            callers=self.callers,
            previews=Previews(self.callers, clock),
            keeping=self.keeping,
            endpoints=questions.endpoints,
            account_tests=AccountTests(self.lookups),
            parser=EventParser(
                max_event_bytes=settings.max_event_bytes, enforce_schemas=settings.schema_mode == "enforce"
            ),
            rules=Rules(allowed, settings.webhook_limit, self._listens_at),
            connector_rules=connectors.Rules(allowed, settings.connector_limit, self._listens_at),
            pings=Pings(store, calls),
            changes=Changes(store),
            redeliveries=Redeliveries(store, self.directory, self.dispatcher, self._wake_jobs),
            waits_here=self.dispatcher.waits,
            bodies=BodyBudget(),
            repeats=Repeats(store),
            payload_reads=PayloadReads(store, clock),
            removal=Removal(store, clock),
            backfills=self.backfills,
            door=Door(store, self.directory, clock),
            lookup_account=lookup_account(settings) is not None,
            lookup_lifetimes=usual,
            create_orgs=settings.create_orgs == "on_write",
            max_event_bytes=settings.max_event_bytes,
            cdn_loop=cdn_loop,
            public_url=lambda: settings.reached_at(self.listeners),
            status=self.status,
        )
        self.app = build_app(self.services, self.not_ready, settings.metrics_token)
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Takes a lease and begins to work. On SQLite, older leases belong to nobody."""
        if self.store.database.is_sqlite:
            async with self.store.transaction() as tx:
                await leases.void_all(tx.conn)
        await partitions.make_ahead(self.store)
        await self.lease.take()
        await self.directory.refresh()
        for commits in self._committers():
            commits.start()
        for name, work in (
            ("lease", self.lease.keep(self.dispatcher.lose)),
            ("claims", self.claims.run()),
            ("later", self.later.run()),
            ("jobs", self.jobs.run()),
            ("backfills", self.backfill_jobs.run()),
            ("slow", self.dispatcher.part_the_slow()),
            ("creates", self.creates.run()),
            ("housekeeping", housekeeping.run(self.store, self.clock, self._announce_all)),
            ("rewrap", rewrap.run(self.store, self.clock)),
            ("removal", self.services.removal.run()),
            ("audit", self.services.payload_reads.run()),
            ("rotations", rotations.watch(self.store, self.own_events.announce, self.clock)),
            ("directory", self._follow_changes()),
            ("disk", self._watch_disk()),
            ("loop lag", self.metrics.watch_loop_lag(self.clock)),
        ):
            self._spawn(name, work)

    def drain(self) -> None:
        """Not ready any more, and nothing new is taken up."""
        self.draining = True
        self.dispatcher.stopping = True

    def hurry(self) -> None:
        """Breaks off what is on the wire; it is given back without using an attempt."""
        self.dispatcher.break_off()

    async def stop(self, patience: float = STOP_PATIENCE_SECONDS) -> None:
        """Lets what is on the wire finish for `patience` seconds, gives everything else back, closes."""
        self.drain()
        await asyncio.gather(self.jobs.stop(), self.backfill_jobs.stop())
        await self.dispatcher.stop(patience)
        for asking in (self.callers, self.creates, self.connectors, self.lookups, self.keeping):
            await asking.stop()
        for commits in self._committers():
            await commits.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        reached("stop.before_return")
        try:
            await self.services.payload_reads.flush()
            async with self.store.transaction() as tx:
                await deliveries.return_leased(tx.conn, self.lease.id)
            await self.lease.end()
        except Overloaded:
            log.warning("the database is away: what this node held is free when its lease ends")
        await self.client.close()
        await self.store.close()

    def not_ready(self) -> str | None:
        """Why the node should get no requests at present; None when it is ready."""
        if self.draining:
            return "stopping"
        if not self.lease.fresh():
            return "the database is away"
        return "the disk is nearly full" if self.accept.storage_full else None

    async def status(self) -> dict[str, Any]:
        async with self.store.reading() as conn:
            pending = await deliveries.count_pending(conn)
        return {
            "version": installed_version(),
            "node": self.lease.node,
            "database": self.settings.safe_database_url,
            "ready": self.not_ready() is None,
            "not_ready_because": self.not_ready(),
            "uptime_seconds": (self.clock.now() - self.started_at) // 1000,
            "pending_deliveries": pending,
            "in_memory": self.dispatcher.kept,
            "in_flight": self.dispatcher.in_flight,
        }

    async def _current(self, connector: Connector) -> Connector | None:
        """The connector as this node knows it, read anew if it was changed; None when that cannot be had."""
        try:
            org = await self.directory.organization(connector.org_id)
        except Overloaded:
            return None
        return None if org is None else org.connectors.get(connector.id)

    def _listens_at(self, address: Address, port: int) -> bool:
        return is_own(address, port, self.listeners)

    def _wake_jobs(self) -> None:
        """There is a job, or one to end, whichever loop it belongs to."""
        self.jobs.wake()
        self.backfill_jobs.wake()

    def _lease_for_work(self) -> str | None:
        """The lease under which this node may work on jobs at this moment."""
        return self.lease.id if self.lease.holds() and not self.draining else None

    def _traffic(self) -> bool:
        """Whether events come in, which work on jobs could hold up."""
        return self.dispatcher.spare.busy

    def _committers(self) -> list[GroupCommit]:
        assert self.accept.commits is not None
        return list({id(c): c for c in (self.accept.commits, self.records)}.values())

    async def _announce_all(self, tx: Transaction, told: Sequence[Told]) -> None:
        """The recorder stands before what makes events: they are joined here."""
        await self.own_events.announce_all(tx, told)

    def _observe(self, kind: str, size: int, seconds: float) -> None:
        self.metrics.batch_size.labels(kind).observe(size)
        self.metrics.commit_seconds.labels(kind).observe(seconds)

    def _spawn(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        self._tasks.append(asyncio.create_task(work, name=name))

    async def _follow_changes(self) -> None:
        """What other nodes change is seen here within a second; on SQLite there are none."""
        while not self.store.database.is_sqlite:
            await self.clock.sleep(FOLLOW_SECONDS)
            try:
                await self.directory.refresh()
            except Overloaded as problem:
                log.warning("changes not seen: %s", problem.message)

    async def _watch_disk(self) -> None:
        """Stops taking events before the disk is full: then even deleting would fail."""
        path = self.settings.sqlite_path
        while path is not None:
            stat = os.statvfs(path.parent)
            self.accept.storage_full = stat.f_bavail * stat.f_frsize < DISK_RESERVE_BYTES
            await self.clock.sleep(1)


def lookup_account(settings: Settings) -> Credentials | None:
    """The installation's own account for lookups of numbers."""
    if settings.twilio_account_sid is None or settings.twilio_auth_token is None:
        return None
    return Credentials(settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())


async def open_gateway(settings: Settings, clock: Clock | None = None) -> Gateway:
    """A node that is built but not started: database migrated, keys checked."""
    metrics, clock = Metrics(), clock or SystemClock()
    store = await open_migrated_store(settings, metrics, clock)
    return Gateway(settings, store, metrics, clock)


async def open_migrated_store(settings: Settings, metrics: Metrics, clock: Clock) -> Store:
    path = settings.sqlite_path
    if path is not None:
        os.umask(0o077)  # database, key and write-ahead log are their owner's alone
        make_directory(path)
    keys = master_keys(settings)
    database = Database(settings.database_url, count=metrics.sql_statements.inc)
    try:
        await database.check()
        await migrations.migrate(database)
        return await open_store(database, keys, clock)
    except BaseException:
        await database.close()
        raise
