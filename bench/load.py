"""A load generator that costs as little as possible: raw asyncio, requests made of bytes beforehand.

    python -m bench.load PORT KEY [--events N] [--batch B] [--connections C] [--rate R] [--orgs a,b]
                                  [--types t,u] [--padding BYTES]

Without `--rate` each connection sends its next request when the last one is answered. With it (events/s, one
event per request) events are due on a fixed timetable, and `"sent"` in each says when it was due: a slow
answer neither slows the load nor hides the waiting. Organizations and types take turns.

Prints `{"acknowledged", "refused", "began", "seconds", "cpu", "p50_ms", "p95_ms", "p99_ms"}`: events by
answer, when the first request left (seconds since 1970), the duration, CPU seconds meanwhile, and the latency
of the answers.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import math
import time
from collections import Counter, deque
from typing import cast

import httptools
import uvloop

from bench.sink import cpu_seconds, percentiles

_STAMP = b"#" * 19  # in place of the nanoseconds since 1970, until the year 2286


class Client(asyncio.Protocol):
    """One keep-alive connection, one request at a time; tells the load of each answer."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self.events = 0
        self.started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if not self._parser.should_keep_alive():
            self._load.fail(ConnectionResetError(f"closed after an answer of {status}"))
        self._load.answered(self, status)

    def connection_lost(self, error: Exception | None) -> None:
        self._load.fail(error or ConnectionResetError("the gateway closed a connection"))

    def request(self, data: bytes, events: int, started: float) -> None:
        self.events, self.started = events, started
        self._transport.write(data)


class Requests:
    """The bytes of the requests: everything but the time stamp is made once. A batch belongs to one
    organization and has its types in turn."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._types, self._orgs = options.types.split(","), options.orgs.split(",")
        self._whole: dict[int, itertools.cycle[bytes]] = {}
        cut = [request.split(_STAMP) for request in self._singles(_STAMP)] if options.rate else []
        self._stamped = itertools.cycle(cut)

    def stamped(self, when: int) -> bytes:
        """One event that says when it was due."""
        before, after = next(self._stamped)
        return before + str(when).encode() + after

    def plain(self, count: int) -> bytes:
        """The next request with `count` events."""
        whole = self._whole.get(count)
        if whole is None:
            stamp = str(time.time_ns()).encode()
            made = self._singles(stamp) if self._options.batch == 1 else self._batches(count, stamp)
            whole = self._whole[count] = itertools.cycle(made)
        return next(whole)

    def _singles(self, stamp: bytes) -> list[bytes]:
        return [
            self._request("/api/events", org, self._event(type_, stamp))
            for type_ in self._types
            for org in self._orgs
        ]

    def _batches(self, count: int, stamp: bytes) -> list[bytes]:
        types = itertools.islice(itertools.cycle(self._types), count)
        body = b'{"events":[' + b",".join([self._event(type_, stamp) for type_ in types]) + b"]}"
        return [self._request("/api/events/batch", org, body) for org in self._orgs]

    def _event(self, type_: str, stamp: bytes) -> bytes:
        return (
            b'{"type":"%b","data":{"sent":%b,"call_id":"call_1","from":"+13175550101","to":"+13175550102",'
            b'"text":"%b"}}' % (type_.encode(), stamp, b"x" * self._options.padding)
        )

    def _request(self, path: str, org: str, body: bytes) -> bytes:
        return (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._options.key}\r\n"
            f"X-HUM-Org: {org}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Load:
    """The events to send, and what came of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._options = options
        self._requests = Requests(options)
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._asked = 0
        self._due: deque[int] = deque()
        self._idle: deque[Client] = deque()
        self.answers: Counter[int] = Counter()
        self.latencies: list[float] = []

    def answered(self, client: Client, status: int) -> None:
        self.latencies.append((time.perf_counter() - client.started) * 1000)
        self.answers[status] += client.events
        if self.answers.total() >= self._options.events:
            if not self._over.done():
                self._over.set_result(None)
        elif self._options.rate:
            self._idle.append(client)
            self._send_due()
        else:
            self._send_next(client)

    def fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _send_next(self, client: Client) -> None:
        count = min(self._options.batch, self._options.events - self._asked)
        if count > 0:
            self._asked += count
            client.request(self._requests.plain(count), count, time.perf_counter())

    def _send_due(self) -> None:
        while self._due and self._idle:
            data = self._requests.stamped(self._due.popleft())
            self._idle.popleft().request(data, 1, time.perf_counter())

    def _tick(self) -> None:
        """Makes due what the timetable says, and comes back for the next."""
        passed = self._loop.time() - self._begun
        due = min(math.floor(passed * self._options.rate) + 1, self._options.events)
        for number in range(self._asked, due):
            due_at = self._began_ns + int(number / self._options.rate * 1e9)
            self._due.append(min(due_at, time.time_ns()))  # timers wake up to a millisecond early
        self._asked = due
        self._send_due()
        if due < self._options.events:
            self._loop.call_at(self._begun + due / self._options.rate, self._tick)

    async def run(self) -> dict[str, float]:
        options = self._options
        clients = [
            (await self._loop.create_connection(lambda: Client(self), "127.0.0.1", options.port))[1]
            for _ in range(options.connections)
        ]
        self._requests.plain(options.batch)  # made before the clock starts
        cpu, self._begun, self._began_ns = cpu_seconds(), self._loop.time(), time.time_ns()
        if options.rate:
            self._idle.extend(clients)
            self._tick()
        else:
            for client in clients:
                self._send_next(client)
        await self._over
        seconds = self._loop.time() - self._begun
        accepted = sum(count for status, count in self.answers.items() if 200 <= status < 300)
        return {
            "acknowledged": accepted,
            "refused": self.answers.total() - accepted,
            "began": self._began_ns / 1e9,
            "seconds": seconds,
            "cpu": cpu_seconds() - cpu,
        } | percentiles(self.latencies)


async def _run(options: argparse.Namespace) -> dict[str, float]:
    return await Load(options).run()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("key")
    parser.add_argument("--orgs", default="bench")
    parser.add_argument("--types", default="bench.event")
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--padding", type=int, default=200)
    options = parser.parse_args()
    if options.rate and options.batch > 1:
        parser.error("--rate sends one event per request")
    print(json.dumps(uvloop.run(_run(options))))


if __name__ == "__main__":
    main()
