"""Gateways that are broken on purpose: the controls of the durability proofs, which must catch every one.

`BROKEN=variant python -m tests.support.broken serve …`; `KILL_AT` works as in `killable`. The variants:

    answers_early   202 goes out before the commit, as with a queue that is written behind
    events_first    an event is committed before its deliveries are, as with a fan-out done later
    records_first   success is recorded before the request has gone out, as with at-most-once delivery
"""

from __future__ import annotations

import asyncio
import os
from typing import Any

import gateway.app
from gateway.cli import main
from gateway.clock import SystemClock
from gateway.domain.exchange import Exchange
from gateway.egress.client import EgressClient
from gateway.ingest.accept import KIND, Accept, Acceptance, Accepted
from gateway.store import events
from gateway.store.transaction import Transaction
from tests.support.killable import kill_at

ENTRY = ["-m", "tests.support.broken"]
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


if __name__ == "__main__":
    {"answers_early": answers_early, "events_first": events_first, "records_first": records_first}[
        os.environ["BROKEN"]
    ]()
    if "KILL_AT" in os.environ:
        where, _, count = os.environ["KILL_AT"].partition(":")
        kill_at(where, int(count))
    main(prog_name="hum-gateway")
