"""Who works on the SQLite file: one process at a time, by a kernel lock; and where to find that process.

The lock is `flock` on `<database>.lock`. The kernel drops it when its holder dies, however it dies: nothing
can be left over, as a pid file would be. The lock file itself is never deleted: a process that opened it just
before would then hold a lock on a file nobody else sees.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import TracebackType

from gateway.errors import StartupError

# A Unix socket's path has 108 bytes on Linux, 104 on macOS, with the closing zero.
SOCKET_PATH_LIMIT = 100


class DatabaseInUseError(StartupError):
    """Another process holds the lock: reach it over the control socket, or wait."""


def make_directory(file: Path) -> None:
    """The directory that a file is to be in, for its owner only. Raises StartupError."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartupError(f"cannot make the directory {file.parent}: {error.strerror}") from None


def _real(database: Path) -> Path:
    # Two names of one file (a link, a relative path) must meet at one lock and one socket.
    return Path(os.path.realpath(database))


def _beside(database: Path, suffix: str) -> Path:
    real = _real(database)
    return real.with_name(real.name + suffix)


class DatabaseLock:
    """The right to open a SQLite file, held from `acquire()` to `release()` or as a context manager."""

    def __init__(self, database: Path) -> None:
        self.database = database
        self.path = _beside(database, ".lock")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock without waiting; makes the directory (mode 0700) when it is missing.

        Raises DatabaseInUseError when another process has it, StartupError when it cannot be opened.
        """
        if self._descriptor is not None:
            return
        make_directory(self.path)
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise StartupError(f"cannot lock {self.database}: {error.strerror} ({self.path})") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                raise DatabaseInUseError(
                    f"the database {self.database} is in use: another `hum-gateway serve` holds {self.path}"
                ) from None
            raise StartupError(f"cannot lock {self.database}: {error.strerror} ({self.path})") from None
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; nothing happens when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> DatabaseLock:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def locked(database: Path | None) -> AbstractContextManager[object]:
    """The lock on a SQLite file, taken on entering; None (PostgreSQL) takes none. Also settles, before
    anything is written, that there will be a path for the control socket."""
    if database is None:
        return nullcontext()
    control_socket_path(database)
    os.umask(0o077)  # what is made from here on is its owner's alone
    return DatabaseLock(database)


def control_socket_path(database: Path) -> Path:
    """Where `serve` listens for the operator's commands: `<database>.sock`, a short path if that is too long.

    The short path lies under the temporary directory (TMPDIR), in a directory only this user can enter:
    server and command must see the same TMPDIR. Raises StartupError when that directory is another user's.
    """
    beside = _beside(database, ".sock")
    if len(os.fsencode(beside)) <= SOCKET_PATH_LIMIT:
        return beside
    digest = hashlib.sha256(os.fsencode(_real(database))).hexdigest()[:24]
    short = _private_directory() / f"{digest}.sock"
    if len(os.fsencode(short)) > SOCKET_PATH_LIMIT:
        raise StartupError(f"the paths {beside} and {short} are too long for a socket; set a shorter TMPDIR")
    return short


def _private_directory() -> Path:
    directory = Path(tempfile.gettempdir()) / f"hum-gateway-{os.getuid()}"
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        found = directory.lstat()
        # In a directory everybody writes to, somebody else may have been first: with a directory or a link.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise StartupError(f"{directory} must be a directory owned by this user; remove it or set TMPDIR")
        if stat.S_IMODE(found.st_mode) != 0o700:
            directory.chmod(0o700)
    except OSError as error:
        raise StartupError(f"cannot use {directory} for the control socket: {error.strerror}") from None
    return directory
