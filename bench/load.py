"""A load generator that costs as little as possible: raw asyncio, requests made of bytes.

    python -m bench.load HOST PORT KEY ORG --events N --batch B --connections C [--rate R]

Prints `{"acknowledged", "refused", "seconds", "p50_ms", "p95_ms", "p99_ms"}` of the 202 answers. With
`--rate` (events/s) requests are sent on a fixed timetable, so that a slow answer does not slow the load.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from typing import cast

import httptools
import uvloop


class Client(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._answer: asyncio.Future[int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self._parser = httptools.HttpResponseParser(self)
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(status)

    def connection_lost(self, error: Exception | None) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error or ConnectionResetError())

    def request(self, data: bytes) -> asyncio.Future[int]:
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(data)
        return self._answer


class Load:
    """The events to send, and what came of them."""

    def __init__(self, options: argparse.Namespace) -> None:
        path = "/api/events" if options.batch == 1 else "/api/events/batch"
        self._head = (
            f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {options.key}\r\n"
            f"X-HUM-Org: {options.org}\r\nContent-Type: application/json\r\nContent-Length: "
        ).encode()
        self._options = options
        self._next = 0
        self._begun = 0.0
        self.acknowledged = 0
        self.refused = 0
        self.latencies: list[float] = []

    def _body(self, count: int) -> bytes:
        padding = "x" * self._options.padding
        event = (
            f'{{"type":"bench.event","data":{{"sent":{time.time_ns()},"call_id":"call_1",'
            f'"from":"+13175550101","to":"+13175550102","text":"{padding}"}}}}'
        )
        if self._options.batch == 1:
            return event.encode()
        return ('{"events":[' + ",".join([event] * count) + "]}").encode()

    async def worker(self) -> None:
        options = self._options
        loop = asyncio.get_running_loop()
        _, client = await loop.create_connection(Client, options.host, options.port)
        while self._next < options.events:
            first = self._next
            count = min(options.batch, options.events - first)
            self._next += count
            if options.rate:
                delay = self._begun + first / options.rate - loop.time()
                if delay > 0:
                    await asyncio.sleep(delay)
            body = self._body(count)
            started = loop.time()
            status = await client.request(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)
            self.latencies.append((loop.time() - started) * 1000)
            if status == 202:
                self.acknowledged += count
            else:
                self.refused += count

    async def run(self) -> dict[str, float]:
        self._begun = asyncio.get_running_loop().time()
        await asyncio.gather(*(self.worker() for _ in range(self._options.connections)))
        seconds = asyncio.get_running_loop().time() - self._begun
        ordered = sorted(self.latencies)
        result: dict[str, float] = {
            "acknowledged": self.acknowledged,
            "refused": self.refused,
            "seconds": round(seconds, 3),
        }
        for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
            result[name] = round(ordered[int(share * (len(ordered) - 1))], 2)
        return result


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("host", "port", "key", "org"):
        parser.add_argument(name, type=int if name == "port" else str)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=0)
    parser.add_argument("--padding", type=int, default=200)
    print(json.dumps(uvloop.run(Load(parser.parse_args()).run())))


if __name__ == "__main__":
    main()
