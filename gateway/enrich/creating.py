"""Callers whom no connector knows, made in those connectors that are to make them. After the answer, never
before it.

Each is claimed in the database, once for a connector and a person; the claim is also the list of what is left
to do. A try goes out at once; what failed, or was left behind by a node that died, is tried again, three
times in all, always under the same delivery id.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Iterable
from dataclasses import replace
from typing import Any, Final, TypeVar

import msgspec

from gateway.clock import Clock
from gateway.crm import log as crm_log
from gateway.crm.answers import Failed
from gateway.crm.wire import Calls, CreateResult, Question
from gateway.domain.connector import Connector
from gateway.domain.freshness import expires_at
from gateway.domain.ids import new_id
from gateway.domain.resolution import Inquiry
from gateway.enrich.keeping import Keeping, Note, with_answer
from gateway.enrich.questions import Subject
from gateway.enrich.recalls import Kept, Stored
from gateway.errors import Problem
from gateway.metrics import Metrics
from gateway.store import connector_creates as rows
from gateway.store import erased_people, organizations
from gateway.store.connector_creates import Pending
from gateway.store.directory import Directory, OrgView
from gateway.store.store import Store

log = logging.getLogger("gateway.callers")

T = TypeVar("T")

TRIES: Final = 3
WAITS_MS: Final = (5_000, 60_000)  # before the second try and the third
LEFT_BEHIND_MS: Final = 120_000  # longer than any exchange: then a try was not made, or nobody knows
LOOK_EVERY: Final = 5.0
MOST_AT_ONCE: Final = 64
MOST_OF_A_CONNECTOR: Final = 8
MOST_CLAIMING: Final = 1_000
REMEMBERED: Final = 10_000
REMEMBERED_SECONDS: Final = 300.0

UNDER_WAY: Final = Failed("under_way", "the contact is being created")

_encode: Final = msgspec.json.Encoder().encode
_decode: Final = msgspec.json.Decoder(Question).decode


class Creates:
    """Makes contacts, on every node what it finds to do."""

    def __init__(
        self,
        store: Store,
        directory: Directory,
        calls: Calls,
        keeping: Keeping,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._directory = directory
        self._calls = calls
        self._keeping = keeping
        self._clock = clock
        self._metrics = metrics
        self._tasks: set[asyncio.Task[Any]] = set()
        self._open: Counter[str] = Counter()
        self._asked: dict[tuple[str, str, bytes], float] = {}

    def after_miss(self, org: OrgView, inquiry: Inquiry, begun_at: int) -> None:
        """Every source has said that it does not know the caller who was asked for at `begun_at` (ms)."""
        if org.organization.settings.is_own(inquiry.phone):
            return
        person = org.organization.cipher.person(inquiry.phone)
        wanted = [
            connector
            for connector in org.connectors.values()
            if connector.enabled and connector.create_contacts and self._is_new(connector, person)
        ]
        if len(self._tasks) >= MOST_CLAIMING:  # the next call of this person asks again
            for connector in wanted:
                self._asked.pop(_name(connector, person), None)
        elif wanted:
            self._spawn(self._create(org, wanted, inquiry, person, begun_at))

    async def make(self, subject: Subject) -> CreateResult | Failed | None:
        """Makes the contact now. `UNDER_WAY` when somebody else is at it; None when it was given up, or when
        the connector made one that it does not know any more."""
        org, connector, inquiry, person, begun_at = subject
        claimed = await self._claim(org, [(connector, True)], inquiry, person, begun_at)
        if claimed:
            return await self._try(org, connector, claimed[0][1])
        async with self._store.looking_up() as conn:
            state = await rows.state_of(conn, connector.id, person)
        return UNDER_WAY if state == "pending" else None

    async def run(self) -> None:
        """Until cancelled: what is due. It does not wait for connectors that do not answer."""
        while True:
            await self._clock.sleep(LOOK_EVERY)
            self._spawn(self._look())

    async def make_due(self) -> int:
        """Tries what is due now, as far as there is room; how many."""
        now = self._clock.now()
        async with self._store.looking_up() as conn:
            due = await rows.some_due(conn, now, MOST_OF_A_CONNECTOR, MOST_AT_ONCE)
        begun = [self._spawn(self._again(row)) for row in due if self._enter(row.connector_id)]
        return sum(await asyncio.gather(*begun))

    async def stop(self) -> None:
        """Breaks off what is under way: it is taken up again when it is overdue."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work, name="create")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _enter(self, connector_id: str) -> bool:
        """Whether there is room for one more try; whoever enters leaves when it is over."""
        if self._open.total() >= MOST_AT_ONCE or self._open[connector_id] >= MOST_OF_A_CONNECTOR:
            return False
        self._open[connector_id] += 1
        return True

    def _leave(self, connector_id: str) -> None:
        self._open[connector_id] -= 1
        if not self._open[connector_id]:
            del self._open[connector_id]

    async def _look(self) -> None:
        try:
            await self.make_due()
        except Problem as problem:
            log.warning("creating contacts is put off: %s", problem.message)
        except Exception:
            log.exception("creating contacts failed")

    def _is_new(self, connector: Connector, person: bytes) -> bool:
        """False when this node has asked for the claim a moment ago: that decides, and this spares asking."""
        name, now = _name(connector, person), self._clock.monotonic()
        if self._asked.get(name, 0.0) > now:
            return False
        if len(self._asked) >= REMEMBERED:
            self._asked.clear()
        self._asked[name] = now + REMEMBERED_SECONDS
        return True

    async def _create(
        self, org: OrgView, connectors: list[Connector], inquiry: Inquiry, person: bytes, begun_at: int
    ) -> None:
        """Claims, and makes the first tries; where there is no room they wait with those that are due."""
        entered = [(connector, self._enter(connector.id)) for connector in connectors]
        try:
            claimed = await self._claim(org, entered, inquiry, person, begun_at)
            tries = [self._try(org, connector, one) for connector, one in claimed if one.tries]
            await asyncio.gather(*tries)
        except Problem as problem:
            log.warning("an unknown caller is not created: %s", problem.message)
        except Exception:
            log.exception("creating a contact failed")
        finally:
            for connector, inside in entered:
                if inside:
                    self._leave(connector.id)

    async def _claim(
        self,
        org: OrgView,
        connectors: Iterable[tuple[Connector, bool]],
        inquiry: Inquiry,
        person: bytes,
        begun_at: int,
    ) -> list[tuple[Connector, Pending]]:
        """What could be claimed; beside each connector stands whether its try is made at once."""
        now = self._clock.now()
        question = _encode(Question(inquiry.phone, inquiry.call_id, inquiry.direction))
        claimed = []
        async with self._store.transaction() as tx:
            await organizations.lock_living(tx.conn, org.id)
            until = await erased_people.among(tx.conn, [(org.id, person)])
            if begun_at <= until.get((org.id, person), -1):
                return []
            for connector, at_once in connectors:
                wanted = Pending(connector.id, person, org.id, new_id("dlv", now), int(at_once), question)
                pending = await rows.claim(
                    tx, org.organization.cipher, wanted, since=connector.contacts_since, now=now,
                    due_at=now + (LEFT_BEHIND_MS if at_once else 0),
                )  # fmt: skip
                if pending is not None:
                    claimed.append((connector, pending))
        return claimed

    async def _again(self, row: Any) -> bool:
        """One that is due, unless another node took it, or nobody is to be asked any more."""
        try:
            org = await self._directory.organization(row.org_id)
            connector = org.connectors.get(row.connector_id) if org is not None else None
            now = self._clock.now()
            async with self._store.transaction() as tx:
                if org is None or connector is None or not connector.enabled or row.tries >= TRIES:
                    await rows.end(tx.conn, row.connector_id, row.person, "failed", now)
                    return False
                pending = await rows.take(tx, org.organization.cipher, row, now + LEFT_BEHIND_MS)
            if pending is None:
                return False
            await self._try(org, connector, pending)
        finally:
            self._leave(row.connector_id)
        return True

    async def _try(self, org: OrgView, connector: Connector, pending: Pending) -> CreateResult:
        question, asked_at = _decode(pending.inquiry), self._clock.now()
        result = await self._calls.create(connector, org.id, question, pending.delivery_id)
        self._measure(connector, pending, result)
        cipher, answer = org.organization.cipher, result.answer
        failed = answer if isinstance(answer, Failed) else None
        note = Note(
            org.id, asked_at, pending.person, accepted=result.said.accepted,
            rows=crm_log.rows(cipher, connector, result.said, failed, pending.person),
        )  # fmt: skip
        if isinstance(answer, Failed):
            self._keeping.note(note)
            await self._put_off(pending)
            return result
        kept = Kept("found", Stored(answer.contact, 1), asked_at, expires_at("found", asked_at, 0.0))
        note = with_answer(note, org, connector, question.phone, kept)
        done = (connector.id, pending.person, self._clock.now())
        self._keeping.note(replace(note, created=done), kept)
        return result

    async def _put_off(self, pending: Pending) -> None:
        now = self._clock.now()
        async with self._store.transaction() as tx:
            if pending.tries >= TRIES:
                await rows.end(tx.conn, pending.connector_id, pending.person, "failed", now)
            else:
                await rows.put_off(tx.conn, pending, now + WAITS_MS[pending.tries - 1])

    def _measure(self, connector: Connector, pending: Pending, result: CreateResult) -> None:
        said, outcome = result.said, _outcome(result)
        self._metrics.connector_request_seconds.labels("create", outcome).observe(said.duration_ms / 1000)
        log.info(
            "create",
            extra={
                "org": connector.org_id,
                "connector": connector.id,
                "delivery": pending.delivery_id,
                "attempt": pending.tries,
                "outcome": outcome,
                "status": said.exchange.status_code,
                "duration_ms": said.duration_ms,
            },
        )


def _name(connector: Connector, person: bytes) -> tuple[str, str, bytes]:
    return connector.id, connector.revision_id, person


def _outcome(result: CreateResult) -> str:
    if isinstance(result.answer, Failed):
        return result.answer.error
    return "created" if result.answer.created else "existed"
