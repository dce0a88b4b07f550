"""The copy of a SQLite database: of one moment though others write, whole, checked, and ended when asked."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.store import backup
from gateway.store.backup import BrokenOff, Copying, Unsound

ROWS = 4_000


@pytest.fixture
def database(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """As a gateway's: a log beside it that is never written back, so that the file alone is not enough."""
    db = sqlite3.connect(tmp_path / "a ?#db", isolation_level=None)
    db.executescript("PRAGMA journal_mode=WAL; PRAGMA wal_autocheckpoint=0; CREATE TABLE t (n, text);")
    db.execute("BEGIN")
    db.executemany("INSERT INTO t VALUES (?, ?)", ((n, "x" * 700) for n in range(ROWS)))
    db.execute("COMMIT")
    yield db
    db.close()


def copying(directory: Path, told: Callable[[int, int], None]) -> Copying:
    return Copying(directory / "a ?#db", directory / "copy", told)


def test_it_is_of_one_moment_though_others_write(database: sqlite3.Connection, tmp_path: Path) -> None:
    steps = []

    def write(copied: int, pages: int) -> None:
        steps.append((copied, pages))
        writer = sqlite3.connect(tmp_path / "a ?#db", isolation_level=None)
        writer.execute("UPDATE t SET n = n + 1000000 WHERE n < 1000")  # also what is copied already
        writer.execute("INSERT INTO t VALUES (-1, '')")
        writer.close()

    copying(tmp_path, write).copy()
    assert len(steps) >= 3
    assert steps[-1][0] == steps[-1][1] > 2 * backup.PAGES_AT_A_STEP
    assert not (tmp_path / "copy-wal").exists(), "a backup is one file"
    with sqlite3.connect(tmp_path / "copy") as copy:
        assert copy.execute("SELECT count(*), sum(n) FROM t").fetchone() == (ROWS, sum(range(ROWS)))
    assert database.execute("SELECT count(*) FROM t WHERE text = ''").fetchone() == (len(steps),)


def test_it_ends_when_somebody_asks(database: sqlite3.Connection, tmp_path: Path) -> None:
    work = copying(tmp_path, lambda copied, pages: work.break_off())
    with pytest.raises(BrokenOff):
        work.copy()
    with pytest.raises(BrokenOff):
        work.check()


def test_a_check_under_way_is_ended(
    database: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = copying(tmp_path, lambda copied, pages: None)
    work.copy()
    begun = threading.Event()

    def long(db: sqlite3.Connection) -> None:
        begun.set()
        db.execute("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT sum(n) FROM c")

    monkeypatch.setattr(backup, "_contents", long)
    other = threading.Thread(target=lambda: (begun.wait(), work.break_off()))
    other.start()
    with pytest.raises(BrokenOff):
        work.check()
    other.join()


def test_an_unsound_copy_is_found(database: sqlite3.Connection, tmp_path: Path) -> None:
    work = copying(tmp_path, lambda copied, pages: None)
    work.copy()
    with (tmp_path / "copy").open("r+b") as file:
        file.seek(40 * 4096)
        file.write(b"\xff" * 4096)
    with pytest.raises(Unsound):
        work.check()
