"""Gateways that are broken on purpose: the controls of the proofs, which must catch every one.

`BROKEN=variant python -m tests.support.broken serve …`; `KILL_AT` works as in `killable`. The variants:

    answers_early   202 goes out before the commit, as with a queue that is written behind
    events_first    an event is committed before its deliveries are, as with a fan-out done later
    records_first   success is recorded before the request has gone out, as with at-most-once delivery
    tells_later     the gateway's own events are written after what they tell of, in another transaction
    shares_nothing  whoever has something to send takes any place in flight: no limit for a target, for the
                    untried or for an organization, no breaker
    cursor_first    a job is moved on before its deliveries are written, in a transaction of its own
    never_swaps     a receiver that refuses a signature during a rotation is not asked with the other secret
    keeps_old       a secret goes on signing after its end
    asks_again      a job that takes over what another node has left asks for numbers that the other had
                    asked for, as if it were not known that this has cost something already
    hears_all       whoever asks about a caller waits until every source has answered, deadline or not
    holds_itself_up nothing goes on for a fifth of a second, twice in every second
    a_fifth         not broken: places in flight divided by five, so that a hundred hung endpoints are to it
                    what five hundred are to the real one

Several of them: `BROKEN=a_fifth,shares_nothing`.
"""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace
from typing import Any

import gateway.app
import gateway.process
from gateway.cli import main
from gateway.clock import SystemClock
from gateway.dispatch import places
from gateway.dispatch.breaker import Breaker
from gateway.dispatch.target import MOST_AT_ONCE, Target
from gateway.domain.exchange import Exchange
from gateway.domain.rotation import Rotation
from gateway.domain.webhook import Webhook
from gateway.egress.client import EgressClient
from gateway.enrich.hearing import Hearing
from gateway.enrich.lookups import Lookups
from gateway.ingest.accept import KIND, Accept, Acceptance, Accepted
from gateway.ingest.own import OwnEvents
from gateway.store import events, jobs
from gateway.store.transaction import Transaction
from tests.support.killable import kill_at

ENTRY = ["-m", "tests.support.broken"]
_PLACES = [name for name in vars(places) if name.startswith("MOST_")]
SLOWNESS_SECONDS = 0.05  # of the commit or the request: the time in which the lie is not yet true


class _AnswersEarly(Accept):
    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self._early: dict[int, asyncio.Future[Accepted]] = {}

    async def accept(self, acceptance: Acceptance) -> Accepted:
        assert self.commits is not None
        acceptance.settle(SystemClock().now())
        early = self._early[id(acceptance)] = asyncio.get_running_loop().create_future()
        self.commits.submit(KIND, acceptance, len(acceptance.events))
        accepted: Accepted = await early
        return accepted

    async def apply(self, tx: Transaction, acceptances: list[Any]) -> list[Accepted]:
        results = await super().apply(tx, acceptances)
        for acceptance, accepted in zip(acceptances, results, strict=True):
            self._early.pop(id(acceptance)).set_result(accepted)
        await asyncio.sleep(SLOWNESS_SECONDS)
        return results


def answers_early() -> None:
    gateway.app.Accept = _AnswersEarly  # type: ignore[attr-defined]


def events_first() -> None:
    insert = events.insert_events

    async def insert_and_commit(conn: Any, rows: Any) -> None:
        await insert(conn, rows)
        await conn.exec_driver_sql("COMMIT")
        await conn.exec_driver_sql("BEGIN")

    events.insert_events = insert_and_commit  # type: ignore[misc,assignment]


def records_first() -> None:
    post = EgressClient.post
    later: set[asyncio.Task[Exchange]] = set()

    async def pretend(self: EgressClient, *args: Any, **kw: Any) -> Exchange:
        async def send() -> Exchange:
            await asyncio.sleep(SLOWNESS_SECONDS)
            return await post(self, *args, **kw)

        task = asyncio.create_task(send())
        later.add(task)
        task.add_done_callback(later.discard)
        return Exchange(SystemClock().now(), 0, status_code=200)

    EgressClient.post = pretend  # type: ignore[method-assign]


def tells_later() -> None:
    tell = OwnEvents.announce_all
    later: set[asyncio.Task[None]] = set()

    async def tell_afterwards(self: OwnEvents, tx: Transaction, told: Any) -> None:
        async def work() -> None:
            await asyncio.sleep(SLOWNESS_SECONDS)
            async with self._directory._store.transaction() as own:
                await tell(self, own, told)

        def begin() -> None:
            task = asyncio.get_running_loop().create_task(work())
            later.add(task)
            task.add_done_callback(later.discard)

        tx.on_commit(begin)

    OwnEvents.announce_all = tell_afterwards  # type: ignore[method-assign]


def shares_nothing() -> None:
    for name in set(_PLACES) - {"MOST_IN_FLIGHT"}:
        setattr(places, name, 0 if "SLOW" in name else 1_000_000)
    Target.limit = property(lambda self: MOST_AT_ONCE)  # type: ignore[assignment,method-assign]
    Breaker.open = property(lambda self: False)  # type: ignore[assignment,method-assign]


def cursor_first() -> None:
    advance = jobs.advance

    async def advance_and_commit(conn: Any, *args: Any, **kw: Any) -> bool:
        moved = await advance(conn, *args, **kw)
        await conn.exec_driver_sql("COMMIT")
        await conn.exec_driver_sql("BEGIN")
        return moved

    jobs.advance = advance_and_commit  # type: ignore[assignment]


def never_swaps() -> None:
    Rotation.asks_again = lambda *args, **kw: False  # type: ignore[method-assign,assignment]


def keeps_old() -> None:
    Webhook.live_secrets = lambda self, now: list(self.secrets)  # type: ignore[method-assign]


def asks_again() -> None:
    put = Lookups._put

    async def as_if_nobody_had(self: Lookups, question: Any) -> Any:
        standing = replace(question.standing, claim=None)
        return await put(self, replace(question, standing=standing))

    Lookups._put = as_if_nobody_had  # type: ignore[method-assign]


def hears_all() -> None:
    Hearing.wait = lambda self, seconds: self.finish()  # type: ignore[method-assign]


def holds_itself_up() -> None:
    calm = gateway.process._calm_the_collector

    def begin() -> None:
        calm()
        hold_up()

    def hold_up() -> None:
        time.sleep(0.2)
        asyncio.get_running_loop().call_later(0.3, hold_up)

    gateway.process._calm_the_collector = begin


def a_fifth() -> None:
    for name in _PLACES:
        setattr(places, name, getattr(places, name) // 5)


VARIANTS = {
    variant.__name__: variant
    for variant in (
        answers_early, events_first, records_first, tells_later, cursor_first, never_swaps, keeps_old,
        a_fifth, shares_nothing, asks_again, hears_all,
        holds_itself_up,
    )
}  # fmt: skip

if __name__ == "__main__":
    for variant in os.environ["BROKEN"].split(","):
        VARIANTS[variant]()
    if "KILL_AT" in os.environ:
        where, _, count = os.environ["KILL_AT"].partition(":")
        kill_at(where, int(count))
    main(prog_name="hum-gateway")
