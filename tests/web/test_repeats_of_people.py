"""Repeated requests: what they must not tell any more, what belongs to a key, and what waits for none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import text

from gateway.store import erased_people, idempotency
from gateway.store.idempotency import Claim
from gateway.store.tables import idempotency_keys
from gateway.web import repeats
from tests.enrich.conftest import rows
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver

pytestmark = pytest.mark.anyio

ADA, BERT, CLEO = "+13175550142", "+13175550143", "+13175550144"
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database) as made:
        yield made


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as made:
        yield made


async def post(node: Node, path: str, status: int = 200, **more: Any) -> Any:
    answered = await node.call("POST", path, **({"headers": KEY} | more))
    assert answered.status_code == status, answered.text
    return answered


def repeated(answered: Any) -> bool:
    return answered.headers.get("Idempotent-Replayed") == "true"


async def test_no_repeated_answer_tells_of_who_was_erased(node: Node) -> None:
    for phone, name in ((ADA, "Ada Secret"), (BERT, "Bert"), (CLEO, "Ada Secret of Cleo")):
        await node.call("PUT", f"/api/contacts/{phone}", json={"name": name})
    requests: tuple[tuple[str, Any], ...] = (
        ("/api/callers/resolve", {"phone": ADA}),
        ("/api/callers/preview", {"phone": ADA}),
        ("/api/contacts/search", {"q": "ada"}),
        (f"/api/contacts/{ADA}/refresh", {}),
        (f"/api/contacts/{CLEO}/merge", {"from": "+13175550145"}),
    )
    for path, body in requests:
        assert "Ada Secret" in (await post(node, path, json=body)).text
        again = await post(node, path, json=body)
        assert repeated(again) == path.endswith(("refresh", "merge"))
    hook = {"url": "https://example.com/hook", "events": ["call.*"]}
    made = await post(node, "/api/webhooks", 201, json=hook)
    for phone in (ADA, CLEO):
        await node.call("POST", "/api/erasures", json={"phone": phone, "force": True})
    kept = [row for row in await rows(node, idempotency_keys) if row.scope.startswith(idempotency.OF_PEOPLE)]
    assert not kept
    for path, body in requests:
        answered = await node.call("POST", path, json=body, headers=KEY)
        assert not repeated(answered) and "Ada Secret" not in answered.text
    again = await post(node, "/api/webhooks", 201, json=hook)  # which names nobody
    assert repeated(again) and again.json() == made.json()


async def test_an_answer_that_was_under_way_is_not_kept(node: Node) -> None:
    async with Receiver() as receiver:
        crm, gate = Crm(receiver), asyncio.Event()
        await crm.join(node, timeout_ms=10_000)
        crm.knows(ADA, name="Ada Secret")

        async def hold(request: Received) -> None:
            await gate.wait()

        crm.gate = hold
        path, more = f"/api/contacts/{ADA}/refresh", {"json": {"deadline_ms": 10_000}}
        under_way = asyncio.create_task(post(node, path, **more))
        await until(lambda: bool(crm.asked()), "it is asked")
        # As if the erasure had looked for answers a moment earlier than this one was claimed.
        view = await node.gateway.directory.living("acme")
        async with node.gateway.store.transaction() as tx:
            person, now = view.organization.cipher.person(ADA), node.gateway.clock.now()
            await erased_people.remember(tx.conn, "acme", [person], now)
            await tx.conn.execute(text("UPDATE organizations SET people_erased_at = :now"), {"now": now})
        gate.set()
        await under_way
        assert not [row for row in await rows(node, idempotency_keys) if row.answer is not None]


async def test_the_query_belongs_to_the_key(lite: Node) -> None:
    """What was tried without effect must not stand for what is to have one."""
    file = b"phone,name\n+13175550199,Bob\n"

    async def bring(dry_run: str, status: int = 200, key: str = "k") -> Any:
        headers = {"Content-Type": "text/csv", "Idempotency-Key": key}
        query = {"dry_run": dry_run}
        return await post(lite, "/api/contacts/import", status, content=file, params=query, headers=headers)

    assert (await bring("true")).json()["dry_run"] is True
    assert (await bring("false", 409)).json()["error"] == "idempotency_conflict"
    assert repeated(await bring("true"))
    assert (await bring("false", key="another")).json()["created"] == 1
    assert repeated(await bring("false", key="another"))


@asynccontextmanager
async def writing(node: Node) -> AsyncIterator[None]:
    """Somebody writes all the while: on SQLite nobody else can, on PostgreSQL not these tables."""
    begun, over = asyncio.Event(), asyncio.Event()

    async def write() -> None:  # a task of its own: requests must not find themselves inside its transaction
        async with node.gateway.store.transaction() as tx:
            if tx.conn.dialect.name == "postgresql":
                await tx.conn.execute(text("LOCK TABLE organizations, idempotency_keys IN EXCLUSIVE MODE"))
            begun.set()
            await over.wait()

    task = asyncio.create_task(write())
    await begun.wait()
    try:
        yield
    finally:
        over.set()
        await task


async def test_a_caller_is_answered_in_time_though_nothing_can_be_written(node: Node) -> None:
    """With a key, and as the first caller of an organization: which exists afterwards."""
    await node.call("PUT", f"/api/contacts/{ADA}", json={"name": "Ada Example"})
    asked = {"json": {"phone": ADA, "deadline_ms": 400}}
    await post(node, "/api/callers/resolve", **asked)
    async with writing(node):
        assert (await post(node, "/api/callers/resolve", **asked)).json()["status"] == "found"
        for _ in range(2):
            told = (await post(node, "/api/callers/resolve", org="quite-new", **asked)).json()
            assert (told["phone"], told["status"], told["contact"]) == (ADA, "unknown", None)
            assert told["errors"] == [{"source": "book", "error": "unavailable"}]
            assert told["context"].startswith("# Caller Context")
        odd = {"json": {"phone": "anonymous", "deadline_ms": 400}}
        told = (await post(node, "/api/callers/resolve", org="quite-new", **odd)).json()
        assert told["errors"] == [{"source": "phone", "error": "withheld"}]

    async def is_there() -> bool:
        answered = await node.call("GET", "/api/organizations/quite-new", org="quite-new")
        return bool(answered.status_code == 200)

    async with asyncio.timeout(20):
        while not await is_there():
            await asyncio.sleep(0.02)
    told = (await post(node, "/api/callers/resolve", org="quite-new", **asked)).json()
    assert told["status"] == "not_found"


async def test_who_makes_an_organization_in_time_is_told(lite: Node) -> None:
    asked = {"json": {"phone": ADA}}
    told = await post(lite, "/api/callers/resolve", org="new", **asked)
    assert told.headers["X-HUM-Org-Created"] == "true"
    assert "X-HUM-Org-Created" not in (await post(lite, "/api/callers/resolve", org="new", **asked)).headers


async def test_work_that_takes_long_keeps_its_key(lite: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """A claim is short, so that a crash does not block the key for long, and is made longer meanwhile."""
    monkeypatch.setattr(repeats, "RUNNING_MS", 400)
    monkeypatch.setattr(repeats, "HOLD_SECONDS", 0.05)
    async with Receiver() as receiver:
        crm, gate = Crm(receiver), asyncio.Event()
        await crm.join(lite, timeout_ms=10_000)

        async def hold(request: Received) -> None:
            await gate.wait()

        crm.gate = hold
        path, more = f"/api/contacts/{ADA}/refresh", {"json": {"deadline_ms": 10_000}}
        first = asyncio.create_task(post(lite, path, **more))
        await until(lambda: bool(crm.asked()), "it is asked")
        ends = lite.gateway.clock.now() + 800  # longer than a claim
        while lite.gateway.clock.now() < ends:
            assert (await post(lite, path, 409, **more)).json()["error"] == "idempotency_in_progress"
            await asyncio.sleep(0.05)
        gate.set()
        told = (await first).json()
        assert (await post(lite, path, **more)).json() == told


async def test_a_claim_that_was_lost_writes_no_answer(lite: Node) -> None:
    now = lite.gateway.clock.now()
    lost, other = (
        Claim("acme", "POST /x", "k", b"hash", token, now + 60_000) for token in ("req_1", "req_2")
    )
    async with lite.gateway.store.transaction() as tx:
        await idempotency.claim(tx.conn, [other], now)
        await idempotency.answer(
            tx.conn, lost.name, lost.token, status=200, sealed=b"lost", expires_at=now + 60_000
        )
        row = await idempotency.find(tx.conn, other.name)
    assert row is not None and (row.event_id, row.answer) == ("req_2", None)
