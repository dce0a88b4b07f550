"""A receiver that costs as little as possible: raw asyncio, httptools, one fixed answer.

    python -m bench.sink [PORTS]

Prints its ports as a JSON list, then does what comes in on standard input, one line at a time:

    reset           starts over, counting only
    reset timing    starts over and takes the latency of each request from `"sent":<ns>` in its body
    hang | answer   from now on no request is answered | every request is
    wait N SECONDS  reports once N requests have come, or when the time is over
    report          reports

A report is `{"received", "cpu", "p50_ms", "p95_ms", "p99_ms"}`: requests and CPU seconds since the reset, and
the latencies if they were taken.
"""

from __future__ import annotations

import asyncio
import json
import re
import resource
import sys
import time
from contextlib import suppress
from typing import cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SENT = re.compile(rb'"sent":(\d+)')
_HEAD_OF_BODY = 512


def cpu_seconds() -> float:
    """What this process has used, in user and kernel mode."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def percentiles(values: list[float]) -> dict[str, float]:
    """`p50_ms`, `p95_ms` and `p99_ms` of latencies in milliseconds; nothing for none."""
    ordered = sorted(values)
    shares = (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)) if ordered else ()
    return {name: round(ordered[int(share * (len(ordered) - 1))], 3) for name, share in shares}


class Tally:
    """What has come in since the last reset."""

    def __init__(self) -> None:
        self.answering = True
        self.reset(timing=False)

    def reset(self, *, timing: bool) -> None:
        self.timing = timing
        self.received = 0
        self.latencies: list[float] = []
        self._cpu = cpu_seconds()
        self._goal = 0
        self._reached: asyncio.Event | None = None

    def add(self, body: bytes) -> None:
        self.received += 1
        if self.timing:
            now = time.time_ns()
            found = _SENT.search(body[:_HEAD_OF_BODY])
            if found:
                self.latencies.append((now - int(found.group(1))) / 1e6)
        if self.received == self._goal and self._reached is not None:
            self._reached.set()

    async def wait(self, goal: int, seconds: float) -> None:
        """Until `goal` requests have come, or the time is over."""
        if self.received < goal:
            self._goal, self._reached = goal, asyncio.Event()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._reached.wait(), seconds)

    def report(self) -> dict[str, float]:
        found = {"received": self.received, "cpu": cpu_seconds() - self._cpu}
        return found | percentiles(self.latencies)


class Receiver(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self._tally.timing:
            self._body += body

    def on_message_complete(self) -> None:
        self._tally.add(self._body)
        self._body = b""
        if self._tally.answering:
            self._transport.write(ANSWER)


async def obey(line: str, tally: Tally) -> None:
    """Does what a line of standard input asks for."""
    word, *rest = line.split()
    if word == "reset":
        tally.reset(timing=rest == ["timing"])
    elif word in ("hang", "answer"):
        tally.answering = word == "answer"
    elif word == "wait":
        await tally.wait(int(rest[0]), float(rest[1]))
    print(json.dumps(tally.report()), flush=True)


async def serve(ports: int) -> None:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    loop = asyncio.get_running_loop()
    tally = Tally()
    servers = [
        await loop.create_server(lambda: Receiver(tally), "127.0.0.1", 0, backlog=1024) for _ in range(ports)
    ]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        await obey(line, tally)


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
