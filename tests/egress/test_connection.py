"""Connections: when one is kept, when not, and where an answer ends. Over real sockets, on both loops."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.clock import SystemClock
from gateway.domain.address import AllowedNetworks
from gateway.domain.exchange import READ_BODY_BYTES, Exchange
from gateway.egress import pool
from gateway.egress.client import EgressClient
from gateway.egress.connection import MAX_INTERIM, Connection
from tests.support import receiver as r
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    made = EgressClient(AllowedNetworks.parse("127.0.0.0/8"), clock=SystemClock())
    yield made
    await made.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


async def post(client: EgressClient, url: str, *, timeout: float = 5.0, body: bytes = b"{}") -> Exchange:
    return await client.post(url, body=body, headers=[], timeout=timeout, org_id="org_1")


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

# What came, whether the next request uses the same connection, status, body.
ANSWERS = [
    ("to its length", OK, True, 200, b"ok"),
    (
        "chunked",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nok\r\n0\r\nT: 1\r\n\r\n",
        True,
        200,
        b"ok",
    ),
    ("no body", b"HTTP/1.1 204 No Content\r\n\r\n", True, 204, b""),
    ("an interim answer first", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK, True, 200, b"ok"),
    ("lines without CR", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", True, 200, b"ok"),
    (
        "HTTP/1.0 that keeps",
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        True,
        200,
        b"ok",
    ),
    ("HTTP/1.0", b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok"),
    ("a farewell", b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", False, 200, b"ok"),
    ("two answers", OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", False, 200, b"ok"),
    ("rubbish behind the answer", OK + b"rubbish", False, 200, b"ok"),
    (
        "rubbish behind a farewell",
        OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n") + b"x",
        False,
        200,
        b"ok",
    ),
]


@pytest.mark.parametrize(
    ("data", "kept", "status", "body"), [a[1:] for a in ANSWERS], ids=[a[0] for a in ANSWERS]
)
async def test_a_connection_is_kept_only_after_a_clean_answer(
    client: EgressClient, receiver: Receiver, data: bytes, kept: bool, status: int, body: bytes
) -> None:
    receiver.behave(r.raw(data, keep=True), times=1)
    outcome = await post(client, receiver.url())
    assert (outcome.status_code, outcome.error, outcome.response_body) == (status, None, body)
    second = await post(client, receiver.url())
    assert (second.status_code, second.response_body) == (200, b"ok")
    assert receiver.connections == (1 if kept else 2)


async def test_a_body_without_a_length_ends_with_the_connection(
    client: EgressClient, receiver: Receiver
) -> None:
    receiver.behave(r.raw(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nas long as it comes"), times=1)
    outcome = await post(client, receiver.url())
    assert (outcome.status_code, outcome.error, outcome.response_body) == (200, None, b"as long as it comes")
    assert outcome.response_headers == [("X", "y")]


async def test_only_the_final_answers_headers_count(client: EgressClient, receiver: Receiver) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nContent-Length: 9\r\nLink: </a>\r\n\r\n"
    receiver.behave(r.raw(hints * MAX_INTERIM + b"HTTP/1.1 202 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n"))
    outcome = await post(client, receiver.url())
    assert (outcome.status_code, outcome.response_headers) == (202, [("X", "y"), ("Content-Length", "0")])


async def test_a_kept_connection_that_was_closed_meanwhile_costs_no_attempt(
    client: EgressClient, receiver: Receiver
) -> None:
    """Servers close idle connections; the request that crosses with the closing goes over a new one."""

    async def closing_at_the_second_request(wire: r.Wire, request: r.Received) -> bool:
        if len(receiver.requests) == 2:
            return False
        await wire.send(OK)
        return True

    receiver.behave(closing_at_the_second_request)
    assert (await post(client, receiver.url())).status_code == 200
    assert (await post(client, receiver.url())).status_code == 200
    assert (receiver.connections, len(receiver.requests)) == (2, 3)
    # Once only, and never after a byte of an answer: then the receiver is at fault.
    receiver.behave(r.raw(b"HTTP/1.1 2"))
    assert (await post(client, receiver.url())).error == "reset"
    assert len(receiver.requests) == 4


async def test_bytes_that_nobody_asked_for_end_an_idle_connection(
    client: EgressClient, receiver: Receiver
) -> None:
    async def talk_on(wire: r.Wire, request: r.Received) -> bool:
        await wire.send(OK)
        await asyncio.sleep(0.02)
        await wire.send(OK.replace(b"200", b"500"))
        await asyncio.sleep(0.05)
        return True

    receiver.behave(talk_on, times=1)
    assert (await post(client, receiver.url())).status_code == 200
    await asyncio.sleep(0.1)
    assert (await post(client, receiver.url())).status_code == 200
    assert receiver.connections == 2


async def test_framing_without_a_body_is_not_read_for_ever(client: EgressClient) -> None:
    """Extensions of chunks and trailers carry no byte of a body, and llhttp sets them no bound."""
    taken = 0

    async def endless_extension(wire: r.Wire, request: r.Received) -> bool:
        nonlocal taken
        wire.hold_little()
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;")
        while not wire.writer.is_closing():
            await wire.send(b"x" * 4096)
            taken = wire.sent
        return False

    async with Receiver() as receiver:
        receiver.behave(endless_extension)
        outcome = await post(client, receiver.url(), timeout=5)
    assert (outcome.status_code, outcome.error, outcome.response_truncated) == (200, None, True)
    assert taken < 4 * READ_BODY_BYTES + 200_000  # the kernels' buffers included


async def test_idle_connections_are_few_and_the_newest_is_used_first(
    client: EgressClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "MOST_KEPT", 2)
    async with Receiver() as one, Receiver() as two, Receiver() as three:
        for each in (one, two, three, three, two, one):
            assert (await post(client, each.url())).status_code == 200
        assert [each.connections for each in (one, two, three)] == [2, 1, 1]


async def test_idle_connections_are_closed_after_a_while(
    client: EgressClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE_SECONDS", 0.1)
    monkeypatch.setattr(pool, "_LOOK_EVERY", 0.05)
    lost = asyncio.Event()
    original = Connection.connection_lost

    def noted(self: Connection, exc: Exception | None) -> None:
        original(self, exc)
        lost.set()

    monkeypatch.setattr(Connection, "connection_lost", noted)
    await post(client, receiver.url())
    await asyncio.wait_for(lost.wait(), 5)
    await post(client, receiver.url())
    assert receiver.connections == 2


async def test_a_large_body_arrives_whole(client: EgressClient, receiver: Receiver) -> None:
    body = random.Random(7).randbytes(4 * 1024 * 1024)
    assert (await post(client, receiver.url(), body=body)).status_code == 200
    assert receiver.requests[0].body == body


async def test_no_bytes_of_a_receiver_make_an_exception(client: EgressClient) -> None:
    """Answers cut, changed and mixed at random: each ends as a value, and the next request is served."""
    chance = random.Random(20261120)
    seeds = [data for _, data, *_ in ANSWERS]
    words: set[str | None] = set()
    async with Receiver() as receiver:
        for _ in range(300):
            data = bytearray(b"".join(chance.choices(seeds, k=chance.randint(1, 2))))
            for _ in range(chance.randint(0, 6)):
                at = chance.randrange(len(data))
                match chance.randrange(3):
                    case 0:
                        data[at] = chance.randrange(256)
                    case 1:
                        del data[at : at + chance.randint(1, 9)]
                    case _:
                        data[at:at] = chance.randbytes(chance.randint(1, 5))
                if not data:
                    data = bytearray(b"\0")
            receiver.behave(r.raw(bytes(data)), times=1)
            outcome = await post(client, receiver.url(), timeout=2)
            words.add(outcome.error)
            assert outcome.error in (None, "reset", "protocol"), bytes(data)
            assert (outcome.error is None) <= (outcome.status_code is not None)
        assert words == {None, "reset", "protocol"}
        receiver.respond()
        assert (await post(client, receiver.url())).status_code == 200
