"""Endpoints that answer beside endpoints that do not: how long the first wait because of the second.

    async with open_scene("sqlite", directory) as scene:
        async with ailing(scene, "silent", 500) as begin:  # isolation_ailing
            await scene.add_healthy(50)
            alone = await scene.measure(10)
            await begin()
            beside = await scene.measure(30)

Every webhook takes one type of event, so that each event is one delivery. What is measured is the time from
the moment at which a request was due to be sent to the arrival at the receiver, so it includes the accepting;
what never arrived counts for ever. Where the machine held up the meter itself, what was due around then tells
nothing of the gateway and is left out.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from math import inf
from pathlib import Path
from statistics import median

import httpx

from tests.egress.test_guard import dns
from tests.support import broken
from tests.support.databases import database_url
from tests.support.load import Line
from tests.support.process import GatewayProcess
from tests.support.sink import Sink
from tests.support.under_load import new_key

RATE = 300
_LINES = 16
_ARRIVAL_SECONDS = 3.0  # what has not come by then counts as never
_TICK_SECONDS = 0.002
_HELD_UP_SECONDS = 0.01  # the meter late by that much
_AROUND_SECONDS = 0.25  # before and after it, nothing counts


@dataclass(frozen=True, slots=True)
class Destination:
    """Whom an event goes to: the one webhook of `org` that takes `type`."""

    org: str
    type: str


class Stream:
    """Events at a steady rate, to one destination after the other. `due` has, by the number in the event's
    data, when each was to be sent, in monotonic seconds: a gateway that lets us wait gains nothing by it."""

    def __init__(self, url: str, key: str, destinations: Sequence[Destination], rate: float) -> None:
        self._address = (httpx.URL(url).host, httpx.URL(url).port or 80)
        self._key, self._rate = key, rate
        self._destinations = list(destinations)
        random.Random(1).shuffle(self._destinations)
        self._numbers = count()
        self._begun = 0.0
        self._tasks: list[asyncio.Task[None]] = []
        self.due: dict[int, float] = {}
        self.refused = 0

    def start(self) -> None:
        self._begun = time.monotonic()
        self._tasks = [asyncio.create_task(self._work()) for _ in range(_LINES)]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _work(self) -> None:
        line = Line()
        try:
            await line.open(self._address)
            while True:
                number = next(self._numbers)
                due = self._begun + number / self._rate
                await asyncio.sleep(due - time.monotonic())
                self.due[number] = due
                status, _, _ = await line.exchange(self._request(number))
                self.refused += status != 202
                await line.open(self._address)
        finally:
            line.close()

    def _request(self, number: int) -> bytes:
        to = self._destinations[number % len(self._destinations)]
        body = json.dumps({"type": to.type, "data": {"n": number, "text": "x" * 200}}).encode()
        return (
            f"POST /api/events HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer {self._key}\r\n"
            f"X-HUM-Org: {to.org}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


class Meter:
    """Looks at the clock all the time, to know when this process was held up itself."""

    def __init__(self) -> None:
        self._gaps: list[tuple[float, float]] = []

    async def run(self) -> None:
        """Until cancelled."""
        before = time.monotonic()
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            at = time.monotonic()
            if at - before > _TICK_SECONDS + _HELD_UP_SECONDS:
                self._gaps.append((before - _AROUND_SECONDS, at + _AROUND_SECONDS))
            before = at

    def trusts(self, at: float) -> bool:
        return not any(begin <= at <= end for begin, end in self._gaps)


@dataclass(frozen=True, slots=True)
class Waits:
    """How long the events of one period waited, in seconds, shortest first; `inf` for those that never came.
    `left_out` is the share that does not count because the machine stood still."""

    seconds: list[float]
    left_out: float = 0.0

    @property
    def p50(self) -> float:
        return median(self.seconds)

    @property
    def p99(self) -> float:
        return self.seconds[int(0.99 * (len(self.seconds) - 1))]

    def __add__(self, further: Waits) -> Waits:
        both = [*self.seconds, *further.seconds]
        left_out = (self.left_out * len(self.seconds) + further.left_out * len(further.seconds)) / len(both)
        return Waits(sorted(both), left_out)

    def __str__(self) -> str:
        p50, p99, most = (1000 * found for found in (self.p50, self.p99, self.seconds[-1]))
        missing = self.seconds.count(inf)
        never = f", {missing} never arrived" if missing else ""
        left_out = f", {self.left_out:.0%} left out" if self.left_out else ""
        return (
            f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {most:.0f} ms of {len(self.seconds)}{never}{left_out}"
        )


@dataclass(slots=True)
class Scene:
    """A gateway process with a receiver for the healthy. `one_org`: all webhooks belong to one organization
    instead of one each. Of names, only those ending in `.well.example` resolve."""

    process: GatewayProcess
    healthy: Sink
    key: str
    one_org: bool
    meter: Meter
    streams: list[Stream] = field(default_factory=list)

    async def add_healthy(self, hooks: int, *, rate: float = RATE) -> None:
        """Webhooks that answer at once, each under a name of its own, and events for them from now on."""
        urls = [self.healthy.url(f"/{n}", f"n{n}.well.example") for n in range(hooks)]
        made = await self.add("well", urls)
        for number, secret in enumerate(made.values()):
            self.healthy.trust(f"/{number}", secret)
        self.send(list(made), rate)

    async def add(self, name: str, urls: Sequence[str]) -> dict[Destination, str]:
        """A webhook for every URL; returns their secrets."""
        limit = asyncio.Semaphore(8)
        async with self._http() as http:

            async def make(number: int, url: str) -> tuple[Destination, str]:
                to = Destination("everyone" if self.one_org else f"{name}-{number}", f"{name}.n{number}")
                body = {"url": url, "events": [to.type]}
                async with limit:
                    answer = await http.post("/api/webhooks", json=body, headers={"X-HUM-Org": to.org})
                assert answer.status_code == 201, answer.text
                return to, answer.json()["secret"]

            first = await make(0, urls[0])
            others = await asyncio.gather(*(make(number, url) for number, url in enumerate(urls) if number))
            return dict([first, *others])

    def send(self, destinations: Sequence[Destination], rate: float) -> None:
        """Events for them from now on, so many in a second."""
        stream = Stream(self.process.url, self.key, destinations, rate)
        self.streams.append(stream)
        stream.start()

    async def burst(self, destinations: Sequence[Destination], each: int) -> None:
        """That many events for every destination at once."""
        events = [
            {"type": to.type, "data": {"n": None}, "org_id": to.org}
            for to in destinations
            for _ in range(each)
        ]
        async with self._http() as http:
            for at in range(0, len(events), 500):
                answer = await http.post("/api/events/batch", json={"events": events[at : at + 500]})
                assert answer.status_code == 202, answer.text

    async def measure(self, seconds: float) -> Waits:
        """The waits of what is sent to the healthy in the next `seconds`; longer, up to three times as long,
        while most of it has to be left out."""
        stream, since = self.streams[0], time.monotonic()
        numbers: dict[int, float] = {}
        counted: dict[int, float] = {}
        for _ in range(3):
            await asyncio.sleep(seconds)
            until = time.monotonic()
            numbers = {number: due for number, due in stream.due.items() if since <= due < until}
            counted = {number: due for number, due in numbers.items() if self.meter.trusts(due)}
            if len(counted) > len(numbers) / 2:
                break
        counted = counted or numbers
        arrived = await self._arrived(counted)
        waits = sorted(arrived.get(number, inf) - due for number, due in counted.items())
        return Waits(waits, 1 - len(counted) / len(numbers))

    async def _arrived(self, numbers: dict[int, float]) -> dict[int, float]:
        deadline = time.monotonic() + _ARRIVAL_SECONDS
        while len(arrived := self._arrivals(numbers)) < len(numbers) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        return arrived

    def _arrivals(self, numbers: dict[int, float]) -> dict[int, float]:
        receipts = (got[0] for got in self.healthy.accepted.values())
        return {got.index: got.at for got in receipts if got.index is not None and got.index in numbers}

    async def in_flight(self) -> int:
        """How many attempts the gateway has on the wire, by its own count."""
        async with self._http() as http:
            metrics = (await http.get("/metrics")).text
        [line] = [line for line in metrics.splitlines() if line.startswith("hum_gateway_in_flight ")]
        return int(float(line.split()[1]))

    @property
    def refused(self) -> int:
        """Events that did not get their 202."""
        return sum(stream.refused for stream in self.streams)

    def _http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.process.url, headers={"Authorization": f"Bearer {self.key}"},
            trust_env=False, timeout=30,
        )  # fmt: skip


@asynccontextmanager
async def open_scene(
    kind: str, directory: Path, *, one_org: bool = False, variant: str | None = None
) -> AsyncIterator[Scene]:
    """A scene on a new database of `kind`, its gateway running; `variant`: see `broken`."""
    async with Sink() as healthy, dns(_Wells()) as (_, server):
        with database_url(kind, directory) as url:
            process = GatewayProcess(
                url,
                directory,
                entry=broken.ENTRY if variant else None,
                webhook_limit=1000,
                dns_servers=server,
            )
            if variant:
                process.environ["BROKEN"] = variant
            meter = Meter()
            scene = Scene(process, healthy, await new_key(url, directory), one_org, meter)
            watching = asyncio.create_task(meter.run())
            gc.disable()  # receipts pile up: looking through them again and again would hold up the meter
            try:
                await asyncio.to_thread(process.start)
                yield scene
            finally:
                gc.enable()
                watching.cancel()
                for stream in scene.streams:
                    await stream.stop()
                if process.process is not None:
                    await asyncio.to_thread(process.kill)


class _Wells(dict[str, tuple[str | None, str]]):
    """The records of the DNS server: every name that ends in `.well.example`, and nothing else."""

    def __contains__(self, name: object) -> bool:
        return str(name).endswith(".well.example")

    def __missing__(self, name: str) -> tuple[str | None, str]:
        return None, "127.0.0.1"
