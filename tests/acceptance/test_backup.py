"""Proof A7: a backup that is made during load restores to every event acknowledged before it began.

The load goes on all the time. Each backup is opened as a database of its own; the last one is served again,
and sends what it still owes.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.databases import postgres_programs, postgres_url
from tests.support.oracle import State, read_state
from tests.support.process import GatewayProcess
from tests.support.under_load import Stage, open_stage

pytestmark = [pytest.mark.anyio, pytest.mark.proof]

BEFORE = 8_000  # events already there: so that a backup takes some time
BACKUPS = 2


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@dataclass
class Kept:
    """What backups came to: how many acknowledged events each had to hold, which it does not, how many were
    acknowledged while it was made, and what is wrong with it."""

    promised: list[int] = field(default_factory=list)
    lost: list[int] = field(default_factory=list)
    meanwhile: list[int] = field(default_factory=list)
    unsound: list[str] = field(default_factory=list)

    def add(self, stage: Stage, before: set[str], state: State) -> None:
        self.promised.append(len(before))
        self.lost.append(len(before - state.events.keys()))
        self.meanwhile.append(len(stage.load.acknowledged.keys() - before))
        self.unsound += state.unsound

    def check(self) -> None:
        assert self.lost == [0] * BACKUPS
        assert not self.unsound, self.unsound[:5]
        assert min(self.meanwhile) > 0, "nothing was accepted while it was made"

    def __str__(self) -> str:
        return (
            f"{len(self.lost)} backups of {self.promised} acknowledged events, lost {self.lost}, "
            f"{self.meanwhile} accepted while they were made"
        )


async def fill(stage: Stage) -> set[str]:
    """Many events that nobody wanted, whose ids it returns; then a webhook, and a load that goes on."""
    old: set[str] = set()
    for first in range(0, BEFORE, 1000):
        events = [{"type": "load.old", "data": {"n": -n, "text": "x" * 300}} for n in range(1000)]
        answer = await stage.call("POST", "/api/events/batch", json={"events": events})
        assert answer.status_code == 202, (first, answer.text)
        old |= {event["id"] for event in answer.json()["data"]}
    await stage.add_webhooks(1)
    stage.load.start()
    await stage.sink.wait_until(lambda: stage.sink.received > 100, timeout=20)
    return old


async def command(process: GatewayProcess, *words: str) -> tuple[int, str]:
    """Exit status and standard error of a command, while the load goes on."""
    done = await asyncio.to_thread(process.run, *words)
    return done.returncode, done.stderr


async def test_sqlite_under_load(tmp_path: Path) -> None:
    kept = Kept()
    async with open_stage("sqlite", tmp_path, rate=300, fail_every=20) as stage:
        await stage.start()
        assert stage.process is not None
        old = await fill(stage)
        for number in range(BACKUPS):
            before = old | stage.load.acknowledged.keys()
            status, said = await command(stage.process, "backup", f"backup-{number}.db")
            assert status == 0, said
            kept.add(stage, before, await read_state(f"sqlite:///{tmp_path}/backup-{number}.db"))
        owed = await restored(
            stage, f"sqlite:///{shutil.copy(tmp_path / 'backup-1.db', tmp_path / 'new.db')}"
        )
    print(f"A7 sqlite: {kept}; restored, it sent the {owed} it still owed")
    kept.check()


async def test_postgresql_under_load(tmp_path: Path) -> None:
    """With the command that `backup` names, and the tools that belong to the server."""
    kept = Kept()
    async with open_stage("postgresql", tmp_path, rate=300, fail_every=20) as stage:
        await stage.start()
        assert stage.process is not None
        old = await fill(stage)
        for number in range(BACKUPS):
            before = old | stage.load.acknowledged.keys()
            status, said = await command(stage.process, "backup", f"backup-{number}.dump")
            assert status == 1
            [dump] = [line for line in said.splitlines() if line.startswith("  pg_dump ")]
            await tool(tmp_path, *shlex.split(dump))
            with postgres_url() as url:
                await tool(tmp_path, "pg_restore", "--no-owner", f"--dbname={url}", f"backup-{number}.dump")
                kept.add(stage, before, await read_state(url))
                if number == BACKUPS - 1:
                    owed = await restored(stage, url)
    print(f"A7 postgresql, pg_dump: {kept}; restored, it sent the {owed} it still owed")
    kept.check()


async def test_control_a_copy_of_the_file_alone_loses_events(tmp_path: Path) -> None:
    kept = Kept()
    async with open_stage("sqlite", tmp_path, rate=300) as stage:
        await stage.start()
        await stage.add_webhooks(1)
        stage.load.start()
        await stage.sink.wait_until(lambda: stage.sink.received > 300, timeout=20)
        before = set(stage.load.acknowledged)
        shutil.copy(tmp_path / "gateway.db", tmp_path / "copied.db")
        kept.add(stage, before, await read_state(f"sqlite:///{tmp_path}/copied.db"))
    print(f"A7 control, the file copied without its log: {kept}")
    with pytest.raises(AssertionError):
        kept.check()
    assert kept.lost[0] > 0


async def restored(stage: Stage, url: str) -> int:
    """Ends the load, and serves the backup instead: it must send all that it owes, accept events anew, and
    find them at their place. How many deliveries it owed."""
    await stage.load.finish()
    await stage.stop()
    before = await read_state(url)
    owed = {row.id for row in before.deliveries.values() if row.status == "pending"}
    await stage.end_leases()
    stage.url = url
    await stage.start()
    answer = await stage.call("POST", "/api/events", json={"type": "load.new", "data": {"n": 10**9}})
    assert answer.status_code == 202, answer.text
    [newest] = (await stage.call("GET", "/api/events", params={"limit": 1})).json()["data"]
    assert newest["id"] == answer.json()["id"]
    await stage.sink.wait_until(lambda: owed <= stage.sink.accepted.keys(), timeout=30)
    await stage.stop()
    assert owed
    return len(owed)


async def tool(directory: Path, *words: str) -> None:
    """One of PostgreSQL's own programs; its server's come with it."""
    process = await asyncio.create_subprocess_exec(
        postgres_programs() / words[0], *words[1:], cwd=directory, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    assert process.returncode == 0, said.decode()
