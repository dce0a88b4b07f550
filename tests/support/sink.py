"""A receiver for load and crash tests: fast, verifies every request, remembers what it took.

    async with Sink(fail_every=50) as sink:
        sink.trust("/a", secret_of_the_webhook_for(sink.url("/a")))
        ... send events ...
        await sink.wait_until(lambda: len(sink.accepted) >= 100, timeout=10)

It runs as a task in the test's own process, so it outlives any gateway. Its verification is written from the
wire contract and shares no code with the gateway. For receivers that misbehave on the wire see `receiver`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import cast


@dataclass(frozen=True, slots=True)
class Receipt:
    """One request and its answer. `index` is the payload's `n` (see `load`); `at` in monotonic seconds."""

    event_id: str
    delivery_id: str
    attempt: int
    path: str
    index: int | None
    verified: bool
    status: int
    at: float


class Sink:
    """`accepted` holds the receipts answered with 200 by delivery, `refused` counts the failures given on
    purpose, `forged` the requests whose signatures did not verify (they get 401). During a rotation those are
    to be expected: with `expects_refusals` they count as `refused`."""

    def __init__(self, *, fail_every: int = 0, addresses: Sequence[str] = ("127.0.0.1",)) -> None:
        """Every `fail_every`-th request is answered with 500; 0 means none. With several loopback `addresses`
        it is as many hosts, all on one port."""
        self._fail_every = fail_every
        self._addresses = addresses
        self._fail_next = 0
        self._secrets: dict[str, str] = {}
        self._seen = 0
        self._held: list[tuple[asyncio.Transport, bytes]] | None = None
        self._changed = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self._connections: set[_Connection] = set()
        self.accepted: defaultdict[str, list[Receipt]] = defaultdict(list)
        self.deliveries_of: defaultdict[str, set[str]] = defaultdict(set)
        self.refused = 0
        self.forged = 0
        self.expects_refusals = False
        self.port = 0

    async def __aenter__(self) -> Sink:
        loop = asyncio.get_running_loop()
        for address in self._addresses:
            server = await loop.create_server(lambda: _Connection(self), address, self.port, backlog=1024)
            self.port = server.sockets[0].getsockname()[1]
            self._servers.append(server)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self._servers:
            server.close()
        for connection in tuple(self._connections):
            connection.close()
        for server in self._servers:
            await server.wait_closed()

    def url(self, path: str, host: str | None = None) -> str:
        return f"http://{host or self._addresses[0]}:{self.port}{path}"

    def trust(self, path: str, secret: str) -> None:
        """Requests to `path` must be signed with `secret`; those to unknown paths count as forged."""
        self._secrets[path] = secret

    def fail_next(self, count: int) -> None:
        """The next `count` requests get 500."""
        self._fail_next += count

    def hold(self) -> None:
        """From now on requests are taken and judged, but their answers wait for `release`."""
        self._held = []

    def release(self) -> None:
        held, self._held = self._held or [], None
        for transport, answer in held:
            if not transport.is_closing():
                transport.write(answer)

    @property
    def received(self) -> int:
        """Requests answered with 200, duplicates included."""
        return sum(len(receipts) for receipts in self.accepted.values())

    async def wait_until(self, condition: Callable[[], bool], *, timeout: float) -> None:
        """Returns as soon as `condition` holds, asked after each receipt. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> int:
        """Judges one request and returns the status of its answer."""
        verified = self.verifies(path, headers, body)
        status = self._status(path, verified)
        receipt = Receipt(
            event_id=headers.get("webhook-id", ""),
            delivery_id=headers.get("x-hum-delivery", ""),
            attempt=int(headers.get("x-hum-attempt", "0")),
            path=path,
            index=json.loads(body)["data"].get("n") if verified else None,
            verified=verified,
            status=status,
            at=time.monotonic(),
        )
        if status == 200:
            self.accepted[receipt.delivery_id].append(receipt)
            self.deliveries_of[receipt.event_id].add(receipt.delivery_id)
        self._changed.set()
        return status

    def answer(self, transport: asyncio.Transport, status: int) -> None:
        content = b"HTTP/1.1 %d Status\r\nContent-Length: 0\r\n\r\n" % status
        if self._held is not None:
            self._held.append((transport, content))
        else:
            transport.write(content)

    def verifies(self, path: str, headers: Mapping[str, str], body: bytes) -> bool:
        secret = self._secrets.get(path)
        return secret is not None and is_signed(secret, headers, body)

    def refusal(self, path: str) -> int:
        """The status for what does not verify."""
        return 401

    def _status(self, path: str, verified: bool) -> int:
        if not verified:
            if self.expects_refusals:
                self.refused += 1
            else:
                self.forged += 1
            return self.refusal(path)
        self._seen += 1
        if self._fail_next:
            self._fail_next -= 1
        elif not self._fail_every or self._seen % self._fail_every:
            return 200
        self.refused += 1
        return 500


def is_signed(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Both signatures of the contract (section 4): over the body, and Standard Webhooks'."""
    own = "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    encoded = secret.removeprefix("whsec_")
    key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    signed = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
    standard = "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return own == headers.get("x-hum-signature") and standard in headers.get("webhook-signature", "").split()


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length, one request after the other: all that the gateway sends."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._sink._connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink._connections.discard(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            first, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
            pairs = (line.partition(":") for line in lines)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            over = end + 4 + int(headers.get("content-length", "0"))
            if len(self._buffer) < over:
                return
            body = bytes(self._buffer[end + 4 : over])
            del self._buffer[:over]
            status = self._sink.take(first.split(" ")[1], headers, body)
            assert self._transport is not None
            self._sink.answer(self._transport, status)
