"""Proof F4: SIGTERM under load loses nothing and repeats nothing; what cannot finish is given back."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.store.tables import attempts, deliveries
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.node import running_node
from tests.support.receiver import Receiver
from tests.support.sink import Sink
from tests.support.under_load import open_stage

pytestmark = pytest.mark.anyio

SLOWEST_ANSWER_SECONDS = 0.3


def answer_slowly(sink: Sink) -> None:
    """Each answer comes after some time of its own, at most SLOWEST_ANSWER_SECONDS."""
    rng, loop, answer = random.Random(4), asyncio.get_running_loop(), sink.answer

    def later(transport: asyncio.Transport, status: int) -> None:
        def now() -> None:
            if not transport.is_closing():
                answer(transport, status)

        loop.call_later(rng.uniform(0, SLOWEST_ANSWER_SECONDS), now)

    sink.answer = later  # type: ignore[method-assign]


@pytest.mark.proof
@pytest.mark.parametrize(("kind", "times"), [("sqlite", 3), ("postgresql", 1)])
async def test_a_stop_under_load_loses_nothing_and_sends_nothing_twice(
    kind: str, times: int, tmp_path: Path
) -> None:
    async with open_stage(kind, tmp_path, rate=150) as stage:
        answer_slowly(stage.sink)
        await stage.start()
        await stage.add_webhooks(2)
        stage.load.start()
        slowest = 0.0
        for _ in range(times):
            received = stage.sink.received
            await stage.sink.wait_until(lambda n=received: stage.sink.received >= n + 150, timeout=20)  # type: ignore[misc]
            begun = time.monotonic()
            await stage.stop()  # asserts exit status 0
            slowest = max(slowest, time.monotonic() - begun)
            assert (await stage.state()).in_flight == frozenset(), "something was not given back"
            await stage.start()
        verdict = await stage.settle(timeout=30)
    duplicates = sum(verdict.duplicates.values())
    print(
        f"F4 {kind}: {times} stops under load, slowest {slowest:.1f} s, {len(stage.load.acknowledged)}"
        f" acknowledged, lost {len(verdict.lost)}, duplicates {duplicates}"
    )
    assert slowest < 25
    verdict.check()
    assert duplicates == 0


@pytest.mark.proof
async def test_control_a_kill_under_the_same_load_sends_something_twice(tmp_path: Path) -> None:
    async with open_stage("sqlite", tmp_path, rate=150) as stage:
        answer_slowly(stage.sink)
        await stage.start()
        await stage.add_webhooks(2)
        stage.load.start()
        await stage.sink.wait_until(lambda: stage.sink.received >= 150, timeout=20)
        await stage.crash()
        await stage.start()
        verdict = await stage.settle(timeout=30)
    verdict.check()
    assert sum(verdict.duplicates.values()) > 0, "there was nothing on the wire: the stops prove nothing"


async def test_attempts_that_hang_are_given_back_without_using_one(any_database: str) -> None:
    async with Receiver() as receiver:
        receiver.behave(r.silence())
        async with running_node(any_database, stop_patience=0.3) as node:
            await node.webhook(receiver.url())
            for _ in range(3):
                await node.send()
            await receiver.wait_for(1)
            metrics = node.gateway.metrics
        assert metrics.duplicates_possible.labels("shutdown")._value.get() == 1
        receiver.respond(200)
        async with running_node(any_database) as node:
            async with node.gateway.store.reading() as conn:
                assert (await conn.execute(select(attempts.c.delivery_id))).all() == []
            again = (await receiver.wait_for(4))[1:]
            await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")
            assert {request.header("X-HUM-Attempt") for request in again} == {"1"}
            async with node.gateway.store.reading() as conn:
                column = deliveries.c
                rows = (
                    await conn.execute(select(column.status, column.attempts_made, column.steps_used))
                ).all()
            assert [tuple(row) for row in rows] == [("delivered", 1, 0)] * 3


async def test_an_answer_that_comes_within_the_patience_counts(sqlite_database: str) -> None:
    async with Receiver() as receiver:
        receiver.respond(200, delay=0.5)
        async with running_node(sqlite_database, stop_patience=10) as node:
            await node.webhook(receiver.url())
            await node.send()
            await receiver.wait_for(1)
        async with running_node(sqlite_database) as node:
            assert [d["status"] for d in await node.deliveries()] == ["delivered"]
    assert len(receiver.requests) == 1


async def test_a_stopping_node_is_not_ready_at_once_and_still_answers(sqlite_database: str) -> None:
    async with Receiver() as receiver, running_node(sqlite_database) as node:
        await node.webhook(receiver.url())
        assert (await node.http.get("/readyz")).status_code == 200
        node.gateway.drain()
        answer = await node.http.get("/readyz")
        assert answer.status_code == 503
        assert "stopping" in answer.text
        assert (await node.http.get("/healthz")).status_code == 200
        sent = await node.send()  # was on its way when the signal came: accepted, and durable
        assert sent["deliveries"] == 1
        [row] = await node.deliveries()
        assert (row["status"], row["attempts_made"]) == ("pending", 0)
        assert receiver.requests == []
