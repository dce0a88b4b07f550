"""A backup of a SQLite database into a file, by the one process that holds the database.

The copy is written to `FILE.partial`, checked, made durable and only then given its name: a file of that name
is always a whole backup. Whatever ends the work before that leaves nothing behind; what a killed process left
is taken over by the next.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import shutil
import sqlite3
import stat
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from gateway.clock import Clock, format_time
from gateway.errors import Conflict, InvalidRequest, Overloaded, Problem
from gateway.store.backup import BrokenOff, Contents, Copying, Unsound

log = logging.getLogger("gateway.backup")

PARTIAL: Final = ".partial"
LOOK_EVERY_SECONDS: Final = 0.2
# Below this, a gateway takes no more events (`app`): a backup on the same disk must leave it.
ROOM_LEFT_BYTES: Final = 64 * 1024 * 1024
_BESIDE: Final = ("", "-wal", "-shm", "-journal", ".lock", ".key", ".sock")


@dataclass(frozen=True, slots=True)
class Standing:
    """How far it has come, in pages; when all are copied, the copy is being checked."""

    copied: int
    pages: int


@dataclass(frozen=True, slots=True)
class Done:
    """A whole backup. Every event that was acknowledged before `as_of` (ms) is in it."""

    file: str
    bytes: int
    as_of: int
    contents: Contents


class Backup:
    """One backup. Making it refuses what cannot be: raises InvalidRequest for a file that cannot be one,
    Conflict for one that is there (unless `force`), Overloaded without room on the disk."""

    def __init__(self, database: Path, file: Path, clock: Clock, *, force: bool) -> None:
        self._database = database
        self._file = _checked(database, file, force=force)
        self._partial = self._file.with_name(self._file.name + PARTIAL)
        self._clock = clock
        self._force = force
        self._standing = Standing(0, 0)

    async def make(self) -> AsyncGenerator[Standing | Done]:
        """How it comes on, every so often, and at last what was made. Whoever leaves it ends the work. Raises
        Conflict and Overloaded."""
        copying = Copying(self._database, self._partial, self._tell)
        work = asyncio.create_task(asyncio.to_thread(self._work, copying))
        work.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, whoever has left
        try:
            while not work.done():
                await asyncio.wait((work,), timeout=LOOK_EVERY_SECONDS)
                yield self._standing
            yield work.result()
        finally:
            copying.break_off()  # the thread tidies up

    async def lines(self) -> AsyncGenerator[dict[str, Any]]:
        """The same as JSON: `{"copied", "pages"}`, and at last `{"done"}` or `{"error"}`."""
        making = self.make()
        try:
            async for step in making:
                yield {"done": _shown(step)} if isinstance(step, Done) else asdict(step)
        except Problem as problem:
            yield {"error": {"error": problem.code, "message": problem.message}}
        finally:
            await making.aclose()

    def _tell(self, copied: int, pages: int) -> None:
        self._standing = Standing(copied, pages)

    def _work(self, copying: Copying) -> Done:
        as_of = self._clock.now()
        with _own(self._partial) as descriptor, _database_problems(self._file):
            copying.copy()
            contents = copying.check()
            os.fsync(descriptor)
            size = os.fstat(descriptor).st_size
            self._give_name()
        log.info("backup of %d bytes written", size)
        return Done(str(self._file), size, as_of, contents)

    def _give_name(self) -> None:
        if self._force:
            self._partial.replace(self._file)
        else:
            _move(self._partial, self._file)
        directory = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _shown(done: Done) -> dict[str, Any]:
    contents = asdict(done.contents)
    newest = contents.pop("newest_event_at")
    return {
        "file": done.file,
        "bytes": done.bytes,
        "as_of": format_time(done.as_of),
        "newest_event_at": None if newest is None else format_time(newest),
        **contents,
    }


def _checked(database: Path, file: Path, *, force: bool) -> Path:
    """The file with its real directory, if it can become a backup of this database."""
    if not file.parent.is_dir():
        raise InvalidRequest.field("file", f"there is no directory {file.parent}")
    file = Path(os.path.realpath(file.parent)) / file.name
    real = Path(os.path.realpath(database))
    own = {real.with_name(real.name + suffix) for suffix in _BESIDE}
    for path in (file, file.with_name(file.name + PARTIAL)):
        if path in own or any(path.exists() and one.exists() and path.samefile(one) for one in own):
            raise InvalidRequest.field("file", f"{path} belongs to the database itself")
    if file.is_symlink() or file.exists():
        if not stat.S_ISREG(file.lstat().st_mode):
            raise InvalidRequest.field("file", f"{file} is not a file")
        if not force:
            raise _exists(file)
    _ask_for_room(real, file)
    return file


def _ask_for_room(database: Path, file: Path) -> None:
    needed = database.stat().st_size
    wal = database.with_name(database.name + "-wal")
    needed += wal.stat().st_size if wal.exists() else 0
    if database.stat().st_dev == file.parent.stat().st_dev:
        needed += ROOM_LEFT_BYTES
    free = shutil.disk_usage(file.parent).free
    if free < needed:
        raise Overloaded(
            f"a backup needs {needed // 2**20 + 1} MiB in {file.parent}, where {free // 2**20} MiB are free",
            code="storage_full",
        )


def _move(partial: Path, file: Path) -> None:
    """Unless there is such a file by now."""
    try:
        os.link(partial, file)
    except FileExistsError:
        raise _exists(file) from None
    except OSError:  # no links on this file system
        if file.exists():
            raise _exists(file) from None
        partial.replace(file)
    else:
        partial.unlink()


def _exists(file: Path) -> Conflict:
    return Conflict(f"{file} exists: choose another name, or replace it with --force")


@contextmanager
def _own(partial: Path) -> Iterator[int]:
    """The partial file, empty, with mode 0600 and for this work alone; it goes when the work fails."""
    try:
        descriptor = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InvalidRequest.field("file", f"cannot write {partial}: {error.strerror}") from None
    try:
        _lock(descriptor, partial)
        try:
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
            yield descriptor
        except BaseException:
            for suffix in ("", "-wal", "-shm", "-journal"):
                partial.with_name(partial.name + suffix).unlink(missing_ok=True)
            raise
    finally:
        os.close(descriptor)


def _lock(descriptor: int, partial: Path) -> None:
    """Raises Conflict while another backup writes the file, or has just given it its name."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        ours = os.path.samestat(os.fstat(descriptor), partial.stat())
    except OSError:
        ours = False
    if not ours:
        raise Conflict(f"another backup is writing {partial}")


@contextmanager
def _database_problems(file: Path) -> Iterator[None]:
    """Turns what SQLite says into a sentence for whoever ordered the backup."""
    try:
        yield
    except BrokenOff:
        raise Conflict("the backup was broken off") from None
    except Unsound as error:
        raise Conflict(f"the copy is not sound, so the database may not be either: {error}") from None
    except sqlite3.Error as error:
        raise Conflict(f"the backup {file} was not made: {error}") from None
    except OSError as error:
        raise Conflict(f"the backup {file} was not made: {error.strerror}") from None
