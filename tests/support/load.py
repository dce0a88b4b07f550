"""A load of events on a gateway that may die: what was acknowledged is remembered, what was not is unknown.

    load = Load(key, rate=300)
    load.aim(url)
    load.start()
    ... the gateway dies and comes back at another address: load.aim(new_url) ...
    await load.finish()

A tenth of the requests are batches; a share can be repeated (an Idempotency-Key, or an external_id), and are,
until they are answered. Every event carries its own number, `data.n`, by which a receiver recognizes it.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

PATIENCE_SECONDS: Final = 15.0
BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Accepted:
    """An event that got its 202: its number, and how many deliveries the answer promised."""

    index: int
    deliveries: int


@dataclass(slots=True)
class _Post:
    path: str
    headers: str
    body: bytes
    indexes: tuple[int, ...]
    repeatable: bool


class Load:
    """`acknowledged`: event id → what was promised. `unknown`: numbers of events sent in requests that got no
    answer and are not repeated; they may exist or not. `answers` counts by status; `replayed` counts answers
    to repeated requests that had been committed before. `disagreeing` must stay empty: events that were
    acknowledged under two ids."""

    def __init__(
        self,
        key: str,
        *,
        org: str = "acme",
        rate: float | None = 300,
        count: int | None = None,
        connections: int = 16,
        repeatable: float = 1 / 3,
        seed: int = 1,
        type_: str = "load.tick",
    ) -> None:
        """`rate` in events per second, None for as fast as possible; `count` events at most; `repeatable` is
        the share of requests that can be repeated."""
        self.key, self._org, self._type = key, org, type_
        self._rate, self._count, self._connections = rate, count, connections
        self._repeatable = repeatable
        self._random = random.Random(seed)
        self._run = f"{seed:x}{self._random.getrandbits(48):x}"
        self._address: tuple[str, int] | None = None
        self._aimed = asyncio.Event()
        self._repeats: deque[_Post] = deque()
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._next_at = 0.0
        self.offered = 0
        self.acknowledged: dict[str, Accepted] = {}
        self.unknown: set[int] = set()
        self.answers: Counter[int] = Counter()
        self.replayed = 0
        self.disagreeing: list[str] = []
        self._id_of: dict[int, str] = {}

    def aim(self, url: str) -> None:
        """From now on the gateway is there."""
        parts = urlsplit(url)
        self._address = (parts.hostname or "", parts.port or 80)
        self._aimed.set()
        self._aimed = asyncio.Event()

    def start(self) -> None:
        self._next_at = time.monotonic()
        self._tasks = [asyncio.create_task(self._work(), name=f"load {i}") for i in range(self._connections)]

    async def finish(self, *, timeout: float = 60) -> None:
        """Offers nothing new and returns when everything that is repeated has its answer."""
        self._stopping = self._count is None
        async with asyncio.timeout(timeout):
            await asyncio.gather(*self._tasks)

    async def cancel(self) -> None:
        """Ends at once, for tests that have failed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        line = Line()
        try:
            while (post := await self._next()) is not None:
                await self._send(line, post)
        finally:
            line.close()

    async def _next(self) -> _Post | None:
        """What is to be sent now: repeats first. None when there is nothing more."""
        if self._repeats:
            return self._repeats.popleft()
        if self._stopping or (self._count is not None and self.offered >= self._count):
            return None
        post = self._make()
        if self._rate is not None:
            now = time.monotonic()
            # What an absent gateway made us miss is not made up for: the rate stays the rate.
            at = self._next_at = max(self._next_at, now - 0.1) + len(post.indexes) / self._rate
            if at > now:
                await asyncio.sleep(at - now)
        return post

    def _make(self) -> _Post:
        chance = self._random.random()
        size = BATCH if chance < 0.1 else 1
        if self._count is not None:
            size = min(size, self._count - self.offered)
        indexes = tuple(range(self.offered, self.offered + size))
        self.offered += size
        events = [self._event(index) for index in indexes]
        headers, repeatable = "", self._random.random() < self._repeatable
        if repeatable and size == 1 and self._random.random() < 0.5:
            events[0]["external_id"] = f"x-{self._run}-{indexes[0]}"
        elif repeatable:
            headers = f"Idempotency-Key: k-{self._run}-{indexes[0]}\r\n"
        if size == 1:
            return _Post("/api/events", headers, json.dumps(events[0]).encode(), indexes, repeatable)
        body = json.dumps({"events": events}).encode()
        return _Post("/api/events/batch", headers, body, indexes, repeatable)

    def _event(self, index: int) -> dict[str, Any]:
        return {"type": self._type, "data": {"n": index, "text": "Grüße " + "x" * (index % 300)}}

    async def _send(self, line: Line, post: _Post) -> None:
        assert self._address is not None, "aim first"
        aimed, address = self._aimed, self._address
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await line.open(address)
        except (OSError, TimeoutError):
            self._repeats.append(post)  # not sent at all
            await self._wait_for_gateway(aimed)
            return
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                status, replayed, body = await line.exchange(self._request(post, address))
        except (OSError, EOFError, TimeoutError, asyncio.LimitOverrunError):
            line.close()
            self._no_answer(post)
            return
        self.answers[status] += 1
        self.replayed += replayed
        if status == 202:
            self._acknowledge(post, json.loads(body))
            return
        if status == 429 or status >= 500:
            self._no_answer(post)
            await asyncio.sleep(0.05)

    async def _wait_for_gateway(self, aimed: asyncio.Event) -> None:
        # Restarted on the same port it is not aimed at anew: look again before long.
        try:
            async with asyncio.timeout(0.5):
                await aimed.wait()
        except TimeoutError:
            pass

    def _request(self, post: _Post, address: tuple[str, int]) -> bytes:
        head = (
            f"POST {post.path} HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n"
            f"Authorization: Bearer {self.key}\r\nX-HUM-Org: {self._org}\r\n{post.headers}"
            f"Content-Type: application/json\r\nContent-Length: {len(post.body)}\r\n\r\n"
        )
        return head.encode() + post.body

    def _no_answer(self, post: _Post) -> None:
        if post.repeatable:
            self._repeats.append(post)
        else:
            self.unknown.update(post.indexes)

    def _acknowledge(self, post: _Post, answer: dict[str, Any]) -> None:
        answers = answer.get("data", [answer])
        for index, event in zip(post.indexes, answers, strict=True):
            before = self._id_of.setdefault(index, event["id"])
            if before != event["id"]:
                self.disagreeing.append(f"{index}: {before}, {event['id']}")
            self.acknowledged[event["id"]] = Accepted(index, event["deliveries"])


class Line:
    """One keep-alive connection."""

    def __init__(self) -> None:
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._address: tuple[str, int] | None = None

    async def open(self, address: tuple[str, int]) -> None:
        """Connects, unless this line is connected to there."""
        if self._writer is not None and self._address == address:
            return
        self.close()
        self._reader, self._writer = await asyncio.open_connection(*address)
        self._address = address

    async def exchange(self, request: bytes) -> tuple[int, bool, bytes]:
        """Status, whether it is a replayed answer, body. Raises OSError or EOFError without an answer."""
        assert self._reader is not None and self._writer is not None
        self._writer.write(request)
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        _, _, rest = head.partition(b"\r\ncontent-length:")
        body = await self._reader.readexactly(int(rest.split(b"\r\n", 1)[0]))
        if b"\r\nconnection: close" in head:
            self.close()
        return int(head.split(b" ", 2)[1]), b"\r\nidempotent-replayed:" in head, body

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None
