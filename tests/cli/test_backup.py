"""`backup`: what it makes, what it says, what it refuses and what it leaves behind."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from gateway.clock import SystemClock
from gateway.manage import backup as manage
from gateway.manage.backup import Backup
from gateway.store.lock import DatabaseLock
from gateway.web.routes import for_operator
from tests.support.node import MASTER_KEY, running_node

EVENTS = 30


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with events, a webhook that is not delivered to, and a log beside it, as after a crash."""
    directory = tmp_path_factory.mktemp("filled")

    async def fill() -> None:
        async with running_node(f"sqlite:///{directory / 'run.db'}") as node:
            await node.webhook("http://127.0.0.1:9/")
            for number in range(EVENTS):
                await node.send("t.x", {"n": number})
            for suffix in ("", "-wal"):
                shutil.copy(directory / f"run.db{suffix}", directory / f"gateway.db{suffix}")

    asyncio.run(fill())
    return directory


@pytest.fixture
def database(filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "data").mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(filled / f"gateway.db{suffix}", tmp_path / "data" / f"gateway.db{suffix}")
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", f"sqlite:///{tmp_path / 'data' / 'gateway.db'}")
    monkeypatch.setenv("HUM_GATEWAY_MASTER_KEY", MASTER_KEY)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "data" / "gateway.db"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ("backup", *words))


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_what_is_in_it_and_what_is_not(database: Path, tmp_path: Path) -> None:
    result = run("b.db", "--json")
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    file = tmp_path / "b.db"
    assert (made["file"], made["bytes"]) == (str(file), file.stat().st_size)
    assert {name: made[name] for name in ("organizations", "webhooks", "events", "deliveries")} == {
        "organizations": 1, "webhooks": 1, "events": EVENTS, "deliveries": EVENTS,
    }  # fmt: skip
    assert 0 < made["pending_deliveries"] <= EVENTS
    assert made["newest_event_at"] < made["as_of"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert names(tmp_path) == {"data", "b.db"}
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (EVENTS,)
    said = run("c.db")
    assert f"events              {EVENTS}\n" in said.stdout
    assert "The master key is not in it: it is the gateway's setting HUM_GATEWAY_MASTER_KEY." in said.stderr


def test_it_names_the_key_beside_the_database(database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUM_GATEWAY_MASTER_KEY")
    key = database.with_name("gateway.db.key")
    key.write_text(MASTER_KEY)
    assert f"The master key is not in it: it is {key}." in run("b.db").stderr


def test_a_file_that_is_there_stays_unless_it_may_go(database: Path, tmp_path: Path) -> None:
    (tmp_path / "b.db").write_text("precious")
    refused = run("b.db")
    assert refused.exit_code == 1
    assert "exists: choose another name, or replace it with --force" in refused.stderr
    assert (tmp_path / "b.db").read_text() == "precious"
    assert run("b.db", "--force").exit_code == 0
    assert (tmp_path / "b.db").read_bytes().startswith(b"SQLite format 3")


def test_one_that_comes_meanwhile_stays_too(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = manage.Copying.check

    def come(self: manage.Copying) -> manage.Contents:
        (tmp_path / "b.db").write_text("precious")
        return check(self)

    monkeypatch.setattr(manage.Copying, "check", come)
    assert "exists" in run("b.db").stderr
    assert (tmp_path / "b.db").read_text() == "precious"
    assert names(tmp_path) == {"data", "b.db"}


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("data/gateway.db", "belongs to the database itself"),
        ("data/gateway.db-wal", "belongs to the database itself"),
        ("data/gateway.db.key", "belongs to the database itself"),
        ("data/gateway.db.lock", "belongs to the database itself"),
        ("link.db", "belongs to the database itself"),
        ("hard.db", "belongs to the database itself"),
        ("data", "is not a file"),
        ("none/b.db", "there is no directory"),
    ],
)
def test_what_cannot_be_a_backup(database: Path, tmp_path: Path, file: str, says: str) -> None:
    (tmp_path / "link.db").symlink_to(database)
    (tmp_path / "hard.db").hardlink_to(database)
    before = database.read_bytes()
    refused = run(file, "--force")
    assert refused.exit_code == 1
    assert says in refused.stderr
    assert database.read_bytes() == before


def test_a_database_that_is_not_sound_makes_no_backup(database: Path, tmp_path: Path) -> None:
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        [(root,)] = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'events'").fetchall()
    db.close()
    with database.open("r+b") as file:
        file.seek((root - 1) * 4096 + 8)
        file.write(b"\xff" * 300)
    refused = run("b.db")
    assert refused.exit_code == 1
    assert "sound" in refused.stderr or "malformed" in refused.stderr
    assert names(tmp_path) == {"data"}


def test_without_room_it_is_refused_beforehand(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=database.stat().st_size + 1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    refused = run("b.db")
    assert refused.exit_code == 1
    assert "MiB are free" in refused.stderr
    assert names(tmp_path) == {"data"}


def test_what_a_killed_backup_left_is_taken_over(database: Path, tmp_path: Path) -> None:
    (tmp_path / "b.db.partial").write_bytes(b"half of one")
    assert run("b.db").exit_code == 0
    assert names(tmp_path) == {"data", "b.db"}


def test_two_at_once_do_not_write_one_file(database: Path, tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "b.db.partial", os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    refused = run("b.db")
    os.close(descriptor)
    assert (refused.exit_code, "another backup is writing" in refused.stderr) == (1, True)
    assert names(tmp_path) == {"data", "b.db.partial"}


def test_a_backup_before_an_upgrade_upgrades_nothing(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with sqlite3.connect(database) as db:
        db.execute("UPDATE alembic_version SET version_num = '0001'")
    db.close()
    assert json.loads(run("b.db", "--json").stdout)["schema"] == "0001"
    with sqlite3.connect(database) as db:
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)


def test_a_locked_database_that_nobody_serves(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.cli.operator.PATIENCE", 0.1)
    with DatabaseLock(database):
        refused = run("b.db")
    assert (refused.exit_code, "nobody answers" in refused.stderr) == (1, True)


def test_postgresql_is_left_to_its_own_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "postgresql://hum:geheim@db.example:5433/hum?host=/run/pg&password=geheim"
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", url)
    monkeypatch.setenv("HUM_GATEWAY_MASTER_KEY", MASTER_KEY)
    refused = run("my backup")
    assert refused.exit_code == 1
    command = (
        "pg_dump --format=custom --file='my backup' 'postgresql://hum@db.example:5433/hum?host=%2Frun%2Fpg'"
    )
    assert f"  {command}\n" in refused.stderr
    assert "geheim" not in refused.stderr


@pytest.mark.anyio
async def test_over_the_socket_and_nowhere_else(tmp_path: Path) -> None:
    async with running_node(f"sqlite:///{tmp_path / 'gateway.db'}") as node:
        await node.send()
        order = {"file": str(tmp_path / "b.db")}
        outside = await node.call("POST", "/control/backup", json=order)
        assert outside.status_code == 404
        transport = httpx.ASGITransport(app=for_operator(node.gateway.app))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as operator:
            answer = await operator.post("/control/backup", json=order)
            *standings, last = [json.loads(line) for line in answer.text.splitlines()]
            assert last["done"]["events"] == 1
            assert all(set(standing) == {"copied", "pages"} for standing in standings)
            again = await operator.post("/control/backup", json=order)
            assert (again.status_code, again.json()["error"]) == (409, "conflict")
            for wrong in ({"file": "b.db"}, {"file": 1}, {"other": "x"}, [], {"file": "/\0"}):
                assert (await operator.post("/control/backup", json=wrong)).status_code == 422, wrong


@pytest.mark.anyio
async def test_whoever_leaves_ends_it_and_nothing_stays(
    filled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for suffix in ("", "-wal"):
        shutil.copy(filled / f"gateway.db{suffix}", tmp_path / f"gateway.db{suffix}")
    monkeypatch.setattr(manage, "LOOK_EVERY_SECONDS", 0.001)
    monkeypatch.setattr("gateway.store.backup.PAGES_AT_A_STEP", 1)
    making = Backup(tmp_path / "gateway.db", tmp_path / "b.db", SystemClock(), force=False).make()
    standing = await anext(making)
    while not getattr(standing, "copied", 1):
        standing = await anext(making)
    assert (tmp_path / "b.db.partial").exists()
    await making.aclose()
    async with asyncio.timeout(5):
        while (tmp_path / "b.db.partial").exists():
            await asyncio.sleep(0.005)
    assert not (tmp_path / "b.db").exists()
