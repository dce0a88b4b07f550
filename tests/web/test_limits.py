"""What one client may not do to the others: hold memory, take time, borrow another's answer."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path

import pytest

from gateway.domain.event import MAX_DETAILS, EventParser
from gateway.errors import InvalidRequest, Overloaded, PayloadTooLarge, RequestTimeout
from gateway.web.body import SMALL, BodyBudget
from tests.support.node import running_node
from tests.support.process import GatewayProcess

pytestmark = pytest.mark.anyio


def test_thousands_of_unknown_fields_are_named_only_up_to_a_point() -> None:
    parser = EventParser(max_event_bytes=262_144, enforce_schemas=True)
    body = {"type": "a.b", "data": {}} | {str(n): 0 for n in range(20_000)}
    with pytest.raises(InvalidRequest) as refused:
        parser.single(json.dumps(body).encode())
    assert len(refused.value.details) == MAX_DETAILS


def test_an_event_that_is_too_large_is_not_looked_at_closer() -> None:
    parser = EventParser(max_event_bytes=1024, enforce_schemas=True)
    with pytest.raises(PayloadTooLarge):
        parser.single(b'{"type": 1, "data": {}, "x": "' + b"x" * 20_000 + b'"}')


async def test_a_body_that_stops_coming_is_given_up_and_gives_its_room_back() -> None:
    budget = BodyBudget(limit=4 * SMALL, seconds=0.05)
    pieces = [{"type": "http.request", "body": b"x" * 1000, "more_body": True}]

    async def receive() -> dict[str, object]:
        if pieces:
            return pieces.pop()
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(RequestTimeout):
        await budget.read({"headers": []}, receive, SMALL)  # type: ignore[arg-type]
    assert budget.used == 0


async def test_large_bodies_leave_room_for_small_ones() -> None:
    budget = BodyBudget(limit=8 * SMALL)

    async def whole(size: int) -> bytes:
        async def receive() -> dict[str, object]:
            return {"type": "http.request", "body": b"x" * size}

        return await budget.read({"headers": []}, receive, 16 * SMALL)  # type: ignore[arg-type]

    await whole(5 * SMALL)
    with pytest.raises(Overloaded):
        await whole(2 * SMALL)
    assert len(await whole(SMALL)) == SMALL


async def test_an_idempotency_key_belongs_to_its_object_and_its_caller(any_database: str) -> None:
    async with running_node(any_database) as node:
        url = "http://127.0.0.1:9/"
        first, second = [await node.webhook(f"{url}{n}", enabled=False) for n in (1, 2)]
        for hook in (first, second):
            path = f"/api/webhooks/{hook['id']}/enable"
            answer = await node.call("POST", path, json={}, headers={"Idempotency-Key": "same"})
            assert (answer.json()["id"], answer.json()["enabled"]) == (hook["id"], True)
        wanted = {"platform": True, "scopes": ["all"]}
        made = await node.call("POST", "/api/keys", org=None, json=wanted, headers={"Idempotency-Key": "k"})
        assert made.status_code == 201
        lesser = await node.new_key(None, scopes=["manage"])
        answer = await node.call(
            "POST", "/api/keys", key=lesser, json=wanted, headers={"Idempotency-Key": "k"}
        )
        assert answer.status_code == 403
        for role in ("viewer", "operator", "admin"):
            asked = await node.call("POST", "/api/keys", key=lesser, json={"role": role, "org_id": "acme"})
            assert asked.status_code == 403, role


async def test_viewers_see_no_signature(sqlite_database: str) -> None:
    async with running_node(sqlite_database, retry_schedule="600") as node:
        await node.webhook("http://127.0.0.1:9/")
        await node.send()
        viewer = await node.new_key("viewer")
        async with asyncio.timeout(10):
            while not (attempts := (await node.delivery((await node.deliveries())[0]["id"]))["attempts"]):
                await asyncio.sleep(0)
        delivery = (await node.deliveries())[0]["id"]
        shown = (await node.call("GET", f"/api/deliveries/{delivery}", key=viewer)).json()["attempts"][0]
        headers = dict(map(tuple, shown["request_headers"]))
        assert (headers["X-HUM-Signature"], headers["webhook-signature"]) == ("sha256=…", "v1,…")
        assert dict(map(tuple, attempts[0]["request_headers"]))["webhook-signature"] != "v1,…"


def test_an_endless_head_is_cut_off(tmp_path: Path) -> None:
    with GatewayProcess(f"sqlite:///{tmp_path / 'gateway.db'}", tmp_path) as gateway:
        port = int(gateway.start().rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\n")
            sent = 0
            with pytest.raises(OSError):
                deadline = time.monotonic() + 10
                while time.monotonic() < deadline:
                    sent += connection.send(b"x-filler: " + b"y" * 8000 + b"\r\n")
            assert sent < 8_000_000
        assert gateway.ready()
