"""Asks one question after the other, or so many a second, and says how long the answers took.

    python -m bench.lookups < {"port": 8080, "requests": ["POST /…", …], "rate": 0, "connections": 1}

Requests go over so many connections, on each when the one before is answered; with `rate` on a fixed
timetable, and the time counts from when a question was due. Prints `{"p50_ms", "p95_ms", "p99_ms", "max_ms",
"answers", "seconds"}`; an answer that is not 200 ends it.

With `"keep": ["status", …]` there is `"each"` besides, for every answer: those fields of it, and in ms

    took_ms      from when the question was due
    sending_ms   how much of that passed before this process came to it
    reading_ms   how much of it the answer may have lain here, unread

for this process is held up now and then as well. It looks at the clock all the time, so that it knows: what
it finds may have come as soon as it looked last. With `"watch": {"pid": …, "spans_ms": {"name": [from, to]}}`
there is, by each name, for how many ms within such a span, counted from when the question was due and over at
the answer, the main thread of that process was ready to run and the kernel gave it no core: by the kernel's
own account; 0 where it keeps none.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
import time
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, cast

import httptools
import uvloop

from bench.sink import percentiles

TICK_SECONDS = 0.002


class Answer(NamedTuple):
    """One answer; times in seconds of one clock. `begun`: when this process came to the question, which was
    `due` before. `looked`: when it looked at the clock last before it `read` the answer."""

    due: float
    begun: float
    looked: float
    read: float
    body: bytes


class Watch:
    """For how long a process has waited for a core, at the moments at which it was looked at."""

    def __init__(self, pid: int, spans_ms: Mapping[str, Sequence[float]]) -> None:
        self._spans = {name: (begin / 1000, end / 1000) for name, (begin, end) in spans_ms.items()}
        self._file: int | None = None
        self._moments: list[float] = []
        self._waited: list[float] = []
        with suppress(OSError):
            self._file = os.open(f"/proc/{pid}/schedstat", os.O_RDONLY)

    def look(self) -> None:
        if self._file is not None:
            nanoseconds = int(os.pread(self._file, 100, 0).split()[1])
            self._moments.append(time.perf_counter())
            self._waited.append(nanoseconds / 1e9)

    def withheld_ms(self, one: Answer) -> dict[str, float]:
        """How long it waited in each of the spans."""
        return {
            name: self._between(one.due + begin, min(one.due + end, one.read)) * 1000
            for name, (begin, end) in self._spans.items()
        }

    def _between(self, begin: float, end: float) -> float:
        """At most as long as it was. The kernel tells of a wait when it is over: the look after the end
        counts, and the one before the beginning."""
        if end <= begin or not self._moments:
            return 0.0
        first = max(bisect_right(self._moments, begin) - 1, 0)
        last = min(bisect_left(self._moments, end), len(self._moments) - 1)
        return min(self._waited[last] - self._waited[first], end - begin)


class Line(asyncio.Protocol):
    """One keep-alive connection, one question at a time."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self.due = self.begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        body, self._body = b"".join(self._body), []
        self._lookups.answered(self, self._parser.get_status_code(), body)

    def connection_lost(self, error: Exception | None) -> None:
        self._lookups.fail(error or ConnectionResetError("the connection was closed"))

    def ask(self, request: bytes, due: float, begun: float) -> None:
        self.due, self.begun = due, begun
        self._transport.write(request)


class Lookups:
    """The questions, and what came of them. `looks`: at the clock, all the time, and with `watch` at that."""

    def __init__(
        self,
        port: int,
        requests: list[bytes],
        rate: float,
        connections: int,
        *,
        looks: bool = False,
        watch: Watch | None = None,
    ) -> None:
        self._port, self._requests, self._rate = port, requests, rate
        self._connections, self._looks, self._watch = connections, looks, watch
        self._loop = asyncio.get_running_loop()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._next = 0
        self._waiting: deque[tuple[float, float]] = deque()
        self._idle: deque[Line] = deque()
        self.answers: list[Answer] = []

    def answered(self, line: Line, status: int, body: bytes) -> None:
        if status != 200:
            self.fail(RuntimeError(f"answered {status}"))
            return
        if self._watch is not None:
            self._watch.look()
        now = time.perf_counter()
        self.answers.append(Answer(line.due, line.begun, self._looked, now, body))
        self._idle.append(line)
        if len(self.answers) == len(self._requests):
            self._over.set_result(None)
        elif self._rate:
            self._send()
        else:
            self._waiting.append((now, now))
            self._send()

    def fail(self, error: Exception) -> None:
        if not self._over.done():
            self._over.set_exception(error)

    def _send(self) -> None:
        while self._waiting and self._idle and self._next < len(self._requests):
            self._idle.popleft().ask(self._requests[self._next], *self._waiting.popleft())
            self._next += 1

    def _tick(self, number: int) -> None:
        """One more is due; comes back for the next."""
        now = time.perf_counter()
        self._waiting.append((min(self._begun + number / self._rate, now), now))
        self._send()
        if number + 1 < len(self._requests):
            wait = self._begun + (number + 1) / self._rate - time.perf_counter()
            self._loop.call_later(max(wait, 0.0), self._tick, number + 1)

    def _look(self) -> None:
        if self._watch is not None:
            self._watch.look()
        self._looked = time.perf_counter()
        self._loop.call_later(TICK_SECONDS, self._look)

    async def run(self) -> float:
        """How many seconds all of them took."""
        for _ in range(self._connections):
            _, line = await self._loop.create_connection(lambda: Line(self), "127.0.0.1", self._port)
            self._idle.append(line)
        gc.disable()  # what is kept of answers needs no looking through while others are waited for
        self._begun = self._looked = time.perf_counter()
        if self._looks:
            self._look()
        if self._rate:
            self._tick(0)
        else:
            self._waiting.extend([(self._begun, self._begun)] * self._connections)
            self._send()
        await self._over
        return time.perf_counter() - self._begun


def report(
    answers: list[Answer], seconds: float, keep: list[str], watch: Watch | None = None
) -> dict[str, Any]:
    """What there is to say of them."""
    took = [(one.read - one.due) * 1000 for one in answers]
    found = {**percentiles(took), "max_ms": max(took), "answers": len(answers), "seconds": seconds}
    if not keep:
        return found
    return {**found, "each": [_each(one, keep, watch) for one in answers]}


def _each(one: Answer, keep: list[str], watch: Watch | None) -> dict[str, Any]:
    fields = json.loads(one.body)
    return {
        "took_ms": (one.read - one.due) * 1000,
        "sending_ms": (one.begun - one.due) * 1000,
        "reading_ms": (one.read - one.looked) * 1000,
        **(watch.withheld_ms(one) if watch is not None else {}),
        **{name: fields[name] for name in keep},
    }


async def _run(given: dict[str, Any]) -> dict[str, Any]:
    requests = [request.encode() for request in given["requests"]]
    keep, watched = given.get("keep", []), given.get("watch")
    watch = Watch(watched["pid"], watched["spans_ms"]) if watched else None
    lookups = Lookups(
        given["port"], requests, given["rate"], given["connections"], looks=bool(keep), watch=watch
    )
    seconds = await lookups.run()
    return report(lookups.answers, seconds, keep, watch)


if __name__ == "__main__":
    found = json.dumps(uvloop.run(_run(json.load(sys.stdin)))).encode()
    # With PYTHONUNBUFFERED the interpreter's own output loses what a pipe does not take at once.
    with open(1, "wb", closefd=False) as output:
        output.write(found)
