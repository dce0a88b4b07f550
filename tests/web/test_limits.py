"""What one client may not do to the others: hold memory, take time, borrow another's answer."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from pathlib import Path

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from gateway.domain.event import MAX_DETAILS, EventParser
from gateway.errors import InvalidRequest, Overloaded, PayloadTooLarge, RequestTimeout
from gateway.web.body import SMALL, BodyBudget
from gateway.web.protocol import HEAD_BYTES, LimitedProtocol
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


HEAD = b"POST /api/events HTTP/1.1\r\nHost: gateway\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
PIECE = b"a" * (HEAD_BYTES // 2)


class Wire(asyncio.Transport):
    """What a protocol sees of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def write(self, data: bytes | bytearray | memoryview) -> None: ...
    def close(self) -> None: ...
    def pause_reading(self) -> None: ...
    def resume_reading(self) -> None: ...


@pytest.mark.parametrize(
    ("pieces", "refused_after"),
    [
        ([HEAD + b"X-A: " + PIECE, PIECE, PIECE], 2),
        ([HEAD + b"X-A: " + PIECE * 9], 1),
        ([b"GET /" + PIECE, PIECE, PIECE], 2),
        ([HEAD + b"X-A: " + PIECE, b"\r\nContent-Length: 1000000\r\n\r\n" + PIECE * 9, PIECE * 9], None),
        ([CHUNKED + b"0\r\nX-Trailer: " + PIECE, PIECE, PIECE, PIECE, PIECE], 4),
        ([CHUNKED + b"5;" + PIECE, PIECE, PIECE, PIECE, PIECE], 4),
        ([CHUNKED + b"fffff\r\n" + PIECE, PIECE, PIECE, PIECE], None),
    ],
    ids=["head in pieces", "head at once", "url", "body", "trailer", "chunk's extension", "chunked body"],
)
async def test_what_comes_to_nothing_does_not_gather(pieces: list[bytes], refused_after: int | None) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()

    config = uvicorn.Config(app, http=LimitedProtocol, lifespan="off", log_config=None, loop="none")
    config.load()
    protocol = LimitedProtocol(config, ServerState(), {}, asyncio.get_running_loop())
    wire = Wire()
    protocol.connection_made(wire)
    taken = 0
    for piece in pieces:
        if not wire.aborted:
            protocol.data_received(piece)
            taken += 1
    assert (taken if wire.aborted else None) == refused_after
    protocol.connection_lost(None)
