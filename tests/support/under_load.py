"""A gateway process with everything around it that a crash test needs: database, key, webhooks at one sink, a
load, and a record of its deaths.

    async with open_stage("sqlite", directory) as stage:
        await stage.start()
        await stage.add_webhooks(2)
        stage.load.start()
        ...
        await stage.crash()
        await stage.start()
        verdict = await stage.settle()
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncpg
import httpx

from gateway.config import Settings
from gateway.process import offline
from tests.support import broken, killable
from tests.support.databases import database_url
from tests.support.load import Load
from tests.support.oracle import State, Verdict, judge, read_state, read_tables, settled
from tests.support.process import GatewayProcess
from tests.support.sink import Sink

# Failures that the sink gives on purpose are tried again soon, and never so often that a delivery fails.
_RETRIES = ",".join(["1"] * 20)


@dataclass(frozen=True, slots=True)
class Crash:
    """A death: when (monotonic seconds), and which deliveries were in flight then."""

    at: float
    in_flight: frozenset[str]


@dataclass(slots=True)
class Stage:
    """`started_at` is when the latest start began, `deaths` what died so far; `settings` of the next."""

    kind: str
    url: str
    directory: Path
    sink: Sink
    key: str
    load: Load
    process: GatewayProcess | None = None
    started_at: float = 0.0
    deaths: list[Crash] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)

    async def start(self, *, kill_at: str | None = None, broken_as: str | None = None) -> None:
        """Starts a gateway and aims the load at it. `kill_at` is `place:n` (see `killable`)."""
        entry = broken.ENTRY if broken_as else killable.ENTRY if kill_at else None
        self.process = GatewayProcess(
            self.url, self.directory, entry=entry, retry_schedule=_RETRIES, **self.settings
        )
        if kill_at:
            self.process.environ["KILL_AT"] = kill_at
        if broken_as:
            self.process.environ["BROKEN"] = broken_as
        self.started_at = time.monotonic()
        address = await asyncio.to_thread(self.process.start)
        self.load.aim(address)

    async def crash(self) -> None:
        """SIGKILL, now."""
        assert self.process is not None
        await asyncio.to_thread(self.process.kill)
        await self._note_death()

    async def died(self) -> None:
        """Returns when the gateway has killed itself."""
        assert self.process is not None and self.process.process is not None
        status = await asyncio.to_thread(self.process.process.wait, 20)
        assert status == -signal.SIGKILL, f"it ended with {status}:\n{self.process.log.read_text()}"
        await self._note_death()

    async def terminate(self) -> None:
        """SIGTERM; returns when the gateway has begun to stop."""
        assert self.process is not None and self.process.process is not None
        self.process.process.terminate()
        while await asyncio.to_thread(self.process.ready):
            pass

    async def stop(self) -> None:
        assert self.process is not None
        status = await asyncio.to_thread(self.process.stop)
        assert status == 0, self.process.log.read_text()

    async def settle(self, *, timeout: float = 60, gently: bool = True) -> Verdict:
        """Lets the load finish and everything arrive, stops the gateway (or kills it once more, which is
        quicker), and asks the oracle."""
        await self.load.finish(timeout=timeout)
        crashes = [crash.in_flight for crash in self.deaths]
        with contextlib.suppress(TimeoutError):  # what is missing, the oracle names
            await self.sink.wait_until(settled(self.load, self.sink, crashes), timeout=timeout)
        if gently:
            await self.stop()
        else:
            assert self.process is not None
            await asyncio.to_thread(self.process.kill)
        return await self.verdict()

    async def verdict(self) -> Verdict:
        """The oracle's, on the database as it is now."""
        return judge(self.load, self.sink, await self.state(), [crash.in_flight for crash in self.deaths])

    async def state(self) -> State:
        return await read_state(self.url)

    async def call(self, method: str, path: str, **kw: Any) -> httpx.Response:
        """A request with the platform key. Raises httpx.TransportError when the gateway dies of it."""
        assert self.process is not None
        headers = {"Authorization": f"Bearer {self.key}", "X-HUM-Org": "acme"} | kw.pop("headers", {})
        async with httpx.AsyncClient(verify=False, trust_env=False, timeout=10) as http:  # loopback only
            return await http.request(method, self.process.url + path, headers=headers, **kw)

    async def add_webhooks(self, count: int) -> None:
        """That many webhooks for every event, each with a path of its own at the sink."""
        for number in range(count):
            answer = await self.call("POST", "/api/webhooks", json=self.webhook(f"/hook-{number}"))
            assert answer.status_code == 201, answer.text
            self.sink.trust(f"/hook-{number}", answer.json()["secret"])

    def webhook(self, path: str) -> dict[str, Any]:
        return {"url": self.sink.url(path), "events": ["*"]}

    async def make_key_beside_gateway(self) -> None:
        """The platform key of a stage that was opened without one, by the operator's command."""
        assert self.process is not None
        self.key = self.load.key = await asyncio.to_thread(self.process.create_key)

    async def tables(self) -> set[str]:
        return await read_tables(self.url)

    async def end_leases(self) -> None:
        """On PostgreSQL a dead node's deliveries are free when its lease of 15 s ends: here it ends now."""
        if self.kind == "postgresql":
            conn = await asyncpg.connect(self.url)
            try:
                await conn.execute("UPDATE node_leases SET expires_at = 0")
            finally:
                await conn.close()

    async def _note_death(self) -> None:
        at = time.monotonic()
        self.deaths.append(Crash(at, (await self.state()).in_flight))


@asynccontextmanager
async def open_stage(
    kind: str,
    directory: Path,
    *,
    fail_every: int = 0,
    migrated: bool = True,
    sink_type: type[Sink] = Sink,
    **load: Any,
) -> AsyncIterator[Stage]:
    """A stage on a new database of `kind`, with a platform key; further arguments are the load's. With
    `migrated=False` the database is empty and there is no key yet."""
    with database_url(kind, directory, empty=not migrated) as url:
        async with sink_type(fail_every=fail_every) as sink:
            key = await new_key(url, directory) if migrated else ""
            stage = Stage(kind, url, directory, sink, key, Load(key, **load))
            try:
                yield stage
            finally:
                await stage.load.cancel()
                if stage.process is not None and stage.process.process is not None:
                    await asyncio.to_thread(stage.process.kill)


async def new_key(url: str, directory: Path) -> str:
    """A platform key with every scope, made without a gateway (which also migrates the database)."""
    environ = GatewayProcess(url, directory).environ
    settings = Settings.load({k: v for k, v in environ.items() if k.startswith("HUM_GATEWAY_")})
    async with offline(settings) as office:
        made = await office.create_key(
            platform=True, org=None, role=None, scopes=["all"], expires_in=None, name=""
        )
    return str(made["key"])
