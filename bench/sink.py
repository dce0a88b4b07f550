"""A receiver that costs as little as possible: raw asyncio, httptools, one fixed answer.

Run as a process: prints its port, counts POSTs, takes the latency from `"sent":<ns>` in the body, and prints
`{"received", "p50_ms", "p95_ms", "p99_ms", "first", "last"}` for each line that comes in on standard input
(the line `reset` also starts over).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from typing import cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_SENT = re.compile(rb'"sent":(\d+)')


class Tally:
    """What has come in since the last reset."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.received = 0
        self.latencies: list[float] = []
        self.first = 0.0
        self.last = 0.0

    def add(self, body: bytes) -> None:
        now = time.time_ns()
        self.received += 1
        self.last = now / 1e9
        self.first = self.first or self.last
        found = _SENT.search(body[:512])
        if found:
            self.latencies.append((now - int(found.group(1))) / 1e6)

    def report(self) -> dict[str, float]:
        ordered = sorted(self.latencies)
        result: dict[str, float] = {"received": self.received, "first": self.first, "last": self.last}
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            result[name] = round(ordered[int(share * (len(ordered) - 1))], 2) if ordered else 0.0
        return result


class Receiver(asyncio.Protocol):
    """One connection."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._parser = httptools.HttpRequestParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body.append(body)

    def on_message_complete(self) -> None:
        self._tally.add(b"".join(self._body))
        self._body.clear()
        self._transport.write(ANSWER)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    tally = Tally()
    server = await loop.create_server(lambda: Receiver(tally), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(json.dumps(tally.report()), flush=True)
        if line.strip() == "reset":
            tally.reset()


if __name__ == "__main__":
    uvloop.run(serve())
