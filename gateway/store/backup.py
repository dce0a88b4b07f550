"""An online copy of a SQLite database: of one moment, in steps, checked.

A connection of its own, which only reads, holds the database as it was at one moment while SQLite's backup
interface copies it page by page. Writers go on beside it; between two steps the copying rests. Everything
here blocks and is run in a thread; `Copying.break_off` may come from another one.

Which file it goes to, and what becomes of that, is the business of `manage.backup`.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGES_AT_A_STEP: Final = 256  # a megabyte
REST: Final = 1.0  # after each step, as a share of the time that it took
LONGEST_REST_SECONDS: Final = 0.05
_STEPS_BETWEEN_LOOKS: Final = 10_000  # of SQLite's machine
_UNSOUND: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class BrokenOff(Exception):
    """Somebody has asked for the end."""


class Unsound(Exception):
    """The copy is not what a database must be; the message says what SQLite found."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What is in a copy. `newest_event_at` in ms; None without events."""

    schema: str
    organizations: int
    webhooks: int
    events: int
    deliveries: int
    pending_deliveries: int
    newest_event_at: int | None


class Copying:
    """One copy. `told(copied, pages)` is called after each step, in the thread that copies."""

    def __init__(self, source: Path, target: Path, told: Callable[[int, int], None]) -> None:
        self._source = source
        self._target = target
        self._told = told
        self._at_work: sqlite3.Connection | None = None
        self._over = False
        self._step_began = 0.0

    def break_off(self) -> None:
        """The thread that works on it ends soon, with BrokenOff."""
        self._over = True
        at_work = self._at_work
        if at_work is not None:
            with suppress(sqlite3.ProgrammingError):  # it has just been closed
                at_work.interrupt()

    def copy(self) -> None:
        """Raises BrokenOff, and sqlite3.Error when reading or writing fails."""
        # SQLite opens the file for itself: a path with `?` or `#` in it must not be taken for more.
        source = sqlite3.connect(
            f"{self._source.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None
        )
        with closing(source), closing(sqlite3.connect(self._target)) as target:
            target.execute("PRAGMA synchronous=OFF")  # it is made durable as a whole, at the end
            source.execute("BEGIN")
            source.execute("SELECT 1 FROM sqlite_master").fetchone()  # from here on it stands still
            self._step_began = time.monotonic()
            source.backup(target, pages=PAGES_AT_A_STEP, progress=self._step)
            # One file, without a log beside it: whoever opens it as a gateway's database sets that again.
            target.execute("PRAGMA journal_mode=DELETE").fetchone()

    def check(self) -> Contents:
        """What is in the copy. Raises Unsound, and BrokenOff."""
        with closing(sqlite3.connect(self._target)) as db, self._interruptible(db):
            try:
                found = [row[0] for row in db.execute("PRAGMA integrity_check")]
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode in _UNSOUND:
                    raise Unsound(str(error)) from None
                raise
            if found != ["ok"]:
                raise Unsound("; ".join(map(str, found[:3])))
            return _contents(db)

    def _step(self, _: int, remaining: int, pages: int) -> None:
        if self._over:
            raise BrokenOff
        self._told(pages - remaining, pages)
        time.sleep(min((time.monotonic() - self._step_began) * REST, LONGEST_REST_SECONDS))
        self._step_began = time.monotonic()

    @contextmanager
    def _interruptible(self, db: sqlite3.Connection) -> Iterator[None]:
        # The one ends what has begun, also in the middle of a long step; the other what begins afterwards.
        self._at_work = db
        db.set_progress_handler(lambda: self._over, _STEPS_BETWEEN_LOOKS)
        try:
            if self._over:
                raise BrokenOff
            yield
        except sqlite3.OperationalError as error:
            if self._over:
                raise BrokenOff from error
            raise
        finally:
            self._at_work = None


_COUNTS: Final = {
    "organizations": "SELECT count(*) FROM organizations WHERE id <> '*' AND erased_at IS NULL",
    "webhooks": "SELECT count(*) FROM webhooks WHERE deleted_at IS NULL",
    "events": "SELECT count(*) FROM events",
    "deliveries": "SELECT count(*) FROM deliveries",
    "pending_deliveries": "SELECT count(*) FROM deliveries WHERE status = 'pending'",
}


def _contents(db: sqlite3.Connection) -> Contents:
    counts = {name: int(db.execute(query).fetchone()[0]) for name, query in _COUNTS.items()}
    schema = db.execute("SELECT version_num FROM alembic_version").fetchone()
    newest = db.execute("SELECT accepted_at FROM events ORDER BY position DESC LIMIT 1").fetchone()
    return Contents(schema=schema[0], newest_event_at=newest[0] if newest else None, **counts)
