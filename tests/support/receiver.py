"""An HTTP receiver on loopback that records everything and misbehaves on order.

    async with Receiver() as receiver:
        receiver.respond(503, headers=[("Retry-After", "2")], times=1)   # then the default, 200, again
        receiver.behave(drip_body(), path="/slow")
        ... send to receiver.url("/slow") ...
        [request] = await receiver.wait_for(1)

Raw asyncio on purpose: a server library would correct the very mistakes that tests need.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import ssl
import struct
import time
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Headers = Sequence[tuple[str, str]]

_LIMIT = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it came: header names in their own case and order, `at` in monotonic seconds."""

    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    at: float
    connection: int

    def header(self, name: str) -> str | None:
        """The first value of a header, whatever its case; None when it is not there."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True, eq=False)
class Wire:
    """A connection in the hands of a behaviour. `sent` counts bytes handed to the kernel or its queue."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int
    sent: int = 0

    def hold_little(self) -> None:
        """Small buffers, so that `sent` is close to what the other side has read."""
        raw: socket.socket | None = self.writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.writer.transport.set_write_buffer_limits(high=0)

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        self.sent += len(data)
        await self.writer.drain()

    def reset(self) -> None:
        """Close with RST instead of FIN."""
        raw: socket.socket | None = self.writer.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Behaviour = Callable[[Wire, Received], Awaitable[bool]]
"""Answers one request; True keeps the connection for the next one."""


def answer(status: int = 200, headers: Headers = (), body: bytes = b"ok", *, delay: float = 0) -> Behaviour:
    """A proper answer, after `delay` seconds."""

    async def behave(wire: Wire, request: Received) -> bool:
        if delay:
            await asyncio.sleep(delay)
        bodiless = status < 200 or status in (204, 304)
        names = {name.lower() for name, _ in headers}
        lines = [f"HTTP/1.1 {status} Status", *(f"{name}: {value}" for name, value in headers)]
        if not bodiless and not names & {"content-length", "transfer-encoding"}:
            lines.append(f"Content-Length: {len(body)}")
        await wire.send("\r\n".join([*lines, "", ""]).encode("latin-1") + (b"" if bodiless else body))
        return "close" not in dict(headers).get("Connection", "")

    return behave


def raw(data: bytes, *, keep: bool = False) -> Behaviour:
    """Exactly these bytes: malformed HTTP, doubled headers, whatever."""

    async def behave(wire: Wire, request: Received) -> bool:
        await wire.send(data)
        return keep

    return behave


def silence() -> Behaviour:
    """Read the request and never answer."""

    async def behave(wire: Wire, request: Received) -> bool:
        await wire.reader.read()
        return False

    return behave


def reset() -> Behaviour:
    """Read the request, then RST."""

    async def behave(wire: Wire, request: Received) -> bool:
        wire.reset()
        return False

    return behave


def close_without_answer() -> Behaviour:
    async def behave(wire: Wire, request: Received) -> bool:
        return False

    return behave


def _drip(prefix: bytes, byte: bytes, interval: float) -> Behaviour:
    async def behave(wire: Wire, request: Received) -> bool:
        await wire.send(prefix)
        while not wire.writer.is_closing():
            await wire.send(byte)
            await asyncio.sleep(interval)
        return False

    return behave


def drip_headers(interval: float = 0.05) -> Behaviour:
    """A header that comes byte by byte and never ends."""
    return _drip(b"HTTP/1.1 200 OK\r\nX-Drip: ", b"a", interval)


def drip_body(interval: float = 0.05, length: int = 1_000_000) -> Behaviour:
    """Headers at once, then the body byte by byte."""
    return _drip(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % length, b"a", interval)


def continue_flood() -> Behaviour:
    """100 Continue for ever."""

    async def behave(wire: Wire, request: Received) -> bool:
        wire.hold_little()
        block = b"HTTP/1.1 100 Continue\r\n\r\n" * 200
        while not wire.writer.is_closing():
            await wire.send(block)
        return False

    return behave


def endless_body(status: int = 200) -> Behaviour:
    """A chunked body without an end, as fast as it is taken; `Wire.sent` and `Receiver.sent` count it."""

    async def behave(wire: Wire, request: Received) -> bool:
        wire.hold_little()
        await wire.send(b"HTTP/1.1 %d OK\r\nTransfer-Encoding: chunked\r\n\r\n" % status)
        chunk = b"1000\r\n" + b"x" * 4096 + b"\r\n"
        while not wire.writer.is_closing():
            await wire.send(chunk)
        return False

    return behave


def gzip_bomb(megabytes: int = 200) -> Behaviour:
    """A body of about a thousandth of `megabytes` that would expand to all of it."""

    body = gzip.compress(b"\0" * 1_000_000) * megabytes

    async def behave(wire: Wire, request: Received) -> bool:
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
        await wire.send(head + body)
        return True

    return behave


def header_flood(lines: int = 100_000, size: int = 100) -> Behaviour:
    """Header lines without an end."""

    async def behave(wire: Wire, request: Received) -> bool:
        wire.hold_little()
        await wire.send(b"HTTP/1.1 200 OK\r\n")
        for number in range(lines):
            await wire.send(b"X-Flood-%d: " % number + b"a" * size + b"\r\n")
        await wire.send(b"\r\n")
        return False

    return behave


def cut_body(
    status: int = 200, *, promised: int = 1000, sent: bytes = b"partial", rst: bool = False
) -> Behaviour:
    """A whole header block, then less body than it promised, then the end."""

    async def behave(wire: Wire, request: Received) -> bool:
        await wire.send(b"HTTP/1.1 %d OK\r\nContent-Length: %d\r\n\r\n" % (status, promised) + sent)
        if rst:
            await asyncio.sleep(0.05)  # what was sent must arrive before the reset overtakes it
            wire.reset()
        return False

    return behave


@dataclass(slots=True)
class _Script:
    queued: deque[Behaviour] = field(default_factory=deque)
    sticky: Behaviour | None = None

    def next(self) -> Behaviour | None:
        return self.queued.popleft() if self.queued else self.sticky


class Receiver:
    """Counters: `connections` accepted, `plaintext` bytes read (after TLS, if any), `sent` bytes written."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1", port: int = 0, before: str = ""
    ) -> None:
        """`before`: "stall" accepts connections and neither reads nor writes (over https: a TLS stall);
        "early" answers 413 after the header block without reading the body, then resets.
        """
        self._tls, self.host, self.port, self._before = tls, host, port, before
        self._scripts: defaultdict[str | None, _Script] = defaultdict(_Script)
        self._default = answer()
        self._wires: set[Wire] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self.requests: list[Received] = []
        self.connections = 0
        self.plaintext = 0
        self._sent = 0

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(
            self._accept,
            self.host,
            self.port,
            ssl=self._tls if self._before != "stall" else None,
            limit=_LIMIT,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def sent(self) -> int:
        return self._sent + sum(wire.sent for wire in self._wires)

    def url(self, path: str = "/", *, scheme: str | None = None, host: str | None = None) -> str:
        scheme = scheme or ("https" if self._tls or self._before == "stall" else "http")
        return f"{scheme}://{host or self.host}:{self.port}{path}"

    def respond(
        self,
        status: int = 200,
        headers: Headers = (),
        body: bytes = b"ok",
        *,
        path: str | None = None,
        times: int | None = None,
        delay: float = 0,
    ) -> None:
        """A proper answer: for the next `times` requests, or from now on; for one path, or for all."""
        self.behave(answer(status, headers, body, delay=delay), path=path, times=times)

    def behave(self, behaviour: Behaviour, *, path: str | None = None, times: int | None = None) -> None:
        """Any behaviour of this module or of the test's own; a path's script wins over the general one."""
        script = self._scripts[path]
        if times is None:
            script.sticky = behaviour
        else:
            script.queued.extend([behaviour] * times)

    async def wait_for(self, count: int, *, timeout: float = 5.0, path: str | None = None) -> list[Received]:
        """The requests (to `path`) as soon as there are `count`; TimeoutError when they do not come."""

        def matching() -> list[Received]:
            return [r for r in self.requests if path is None or r.path == path]

        try:
            async with asyncio.timeout(timeout):
                while len(found := matching()) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise TimeoutError(f"{len(matching())} of {count} requests came within {timeout} s") from None
        return found

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        wire = Wire(reader, writer, self.connections)
        self._wires.add(wire)
        try:
            await self._serve(wire)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, asyncio.CancelledError):
            pass  # the other side went away, or the test is over
        finally:
            self._sent += wire.sent
            self._wires.discard(wire)
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, wire: Wire) -> None:
        if self._before == "stall":
            await asyncio.Event().wait()
        while True:
            try:
                head = await wire.reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError as rest:
                self.plaintext += len(rest.partial)
                return
            self.plaintext += len(head)
            if self._before == "early":
                await wire.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge")
                await asyncio.sleep(0.05)  # what was sent must arrive before the reset overtakes it
                wire.reset()
                return
            request = await self._read(wire, head)
            self.requests.append(request)
            self._changed.set()
            behaviour = self._scripts[request.path].next() or self._scripts[None].next() or self._default
            if not await behaviour(wire, request):
                return

    async def _read(self, wire: Wire, head: bytes) -> Received:
        first, *lines = head[:-4].decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
        length = next((int(value) for name, value in headers if name.lower() == "content-length"), 0)
        body = await wire.reader.readexactly(length)
        self.plaintext += length
        return Received(method, path, headers, body, time.monotonic(), wire.number)
