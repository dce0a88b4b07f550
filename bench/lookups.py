"""Asks one question after the other, or so many a second, and says how long the answers took.

    python -m bench.lookups < {"port": 8080, "requests": ["POST /…", …], "rate": 0, "connections": 1}

Requests go over so many connections, on each when the one before is answered; with `rate` over eight, on a
fixed timetable, and the time counts from when a question was due. Prints `{"p50_ms", "p95_ms", "p99_ms",
"answers", "seconds"}`; an answer that is not 200 ends it.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from typing import Any, cast

import httptools
import uvloop

from bench.sink import percentiles

CONNECTIONS = 8


class Line(asyncio.Protocol):
    """One keep-alive connection, one question at a time."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._parser = httptools.HttpResponseParser(self)
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._lookups.answered(self, self._parser.get_status_code())

    def connection_lost(self, error: Exception | None) -> None:
        self._lookups.fail(error or ConnectionResetError("the connection was closed"))

    def ask(self, request: bytes, due: float) -> None:
        self.due = due
        self._transport.write(request)


class Lookups:
    """The questions, and what came of them."""

    def __init__(self, port: int, requests: list[bytes], rate: float, connections: int) -> None:
        self._port, self._requests, self._rate = port, requests, rate
        self._connections = CONNECTIONS if rate else connections
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._next = 0
        self._waiting: deque[float] = deque()
        self._idle: deque[Line] = deque()
        self.latencies: list[float] = []

    def answered(self, line: Line, status: int) -> None:
        if status != 200:
            self.fail(RuntimeError(f"answered {status}"))
            return
        self.latencies.append((time.perf_counter() - line.due) * 1000)
        self._idle.append(line)
        if len(self.latencies) == len(self._requests):
            self._over.set_result(None)
        elif self._rate:
            self._send()
        else:
            self._waiting.append(time.perf_counter())
            self._send()

    def fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _send(self) -> None:
        while self._waiting and self._idle and self._next < len(self._requests):
            self._idle.popleft().ask(self._requests[self._next], self._waiting.popleft())
            self._next += 1

    def _tick(self, number: int) -> None:
        """One more is due; comes back for the next."""
        self._waiting.append(min(self._begun + number / self._rate, time.perf_counter()))
        self._send()
        if number + 1 < len(self._requests):
            wait = self._begun + (number + 1) / self._rate - time.perf_counter()
            self._loop.call_later(max(wait, 0.0), self._tick, number + 1)

    async def run(self) -> dict[str, float]:
        for _ in range(self._connections):
            _, line = await self._loop.create_connection(lambda: Line(self), "127.0.0.1", self._port)
            self._idle.append(line)
        self._begun = time.perf_counter()
        if self._rate:
            self._tick(0)
        else:
            self._waiting.extend([self._begun] * self._connections)
            self._send()
        await self._over
        seconds = time.perf_counter() - self._begun
        return {**percentiles(self.latencies), "answers": len(self.latencies), "seconds": seconds}


async def _run(given: dict[str, Any]) -> dict[str, float]:
    requests = [request.encode() for request in given["requests"]]
    return await Lookups(given["port"], requests, given["rate"], given["connections"]).run()


if __name__ == "__main__":
    print(json.dumps(uvloop.run(_run(json.load(sys.stdin)))))
