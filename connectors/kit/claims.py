"""One at a time: whoever works on a call or a phone claims it, over all tasks and processes on one ledger.

A claim is a lock of the kernel on one byte of a file beside the ledger, and not a row with a time to run out:
a process that dies gives its claims back at that moment, and one that is slow keeps them.

Two names may share a byte (one in two billion); then they wait for each other, and nothing else happens. For
this reason nobody may hold two claims at once. Where the system has no such locks (Windows), a claim holds
inside its process only.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Final

try:
    import fcntl as _fcntl
except ImportError:  # pragma: no cover - Windows
    _locks: ModuleType | None = None
else:
    _locks = _fcntl

_FIRST_PAUSE: Final = 0.002  # seconds between two looks at a claim that another process holds
_LONGEST_PAUSE: Final = 0.05
_TAKEN: Final = (errno.EAGAIN, errno.EACCES)


class Claims:
    """The claims on the things of one ledger; without a `path` only this process is meant."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: int | None = None
        self._here: dict[int, tuple[asyncio.Lock, int]] = {}

    def open(self) -> None:
        """Raises OSError when the file cannot be made."""
        if self._path is not None and _locks is not None and self._file is None:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Waits until nobody else holds the name; how long is the caller's matter (`asyncio.timeout`)."""
        place = _place(name)
        lock, users = self._here.get(place, (asyncio.Lock(), 0))
        self._here[place] = lock, users + 1
        try:
            async with lock:
                await self._take(place)
                try:
                    yield
                finally:
                    self._give_back(place)
        finally:
            lock, users = self._here.pop(place)
            if users > 1:
                self._here[place] = lock, users - 1

    async def _take(self, place: int) -> None:
        pause = _FIRST_PAUSE
        while self._file is not None and not _lock(self._file, place):
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _give_back(self, place: int) -> None:
        if self._file is not None:
            _unlock(self._file, place)


def _place(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "big") & 0x7FFFFFFF


def _lock(file: int, place: int) -> bool:
    """Whether the byte is this file's. Raises OSError for anything but a byte that is taken."""
    assert _locks is not None
    try:
        if hasattr(_locks, "F_OFD_SETLK"):
            _locks.fcntl(file, _locks.F_OFD_SETLK, _wanted(_locks.F_WRLCK, place))
        else:  # pragma: no cover - belongs to the process, which closes the file only at its end
            _locks.lockf(file, _locks.LOCK_EX | _locks.LOCK_NB, 1, place)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    return True


def _unlock(file: int, place: int) -> None:
    assert _locks is not None
    if hasattr(_locks, "F_OFD_SETLK"):
        _locks.fcntl(file, _locks.F_OFD_SETLK, _wanted(_locks.F_UNLCK, place))
    else:  # pragma: no cover
        _locks.lockf(file, _locks.LOCK_UN, 1, place)


def _wanted(kind: int, place: int) -> bytes:
    """`struct flock` of Linux: type, whence, start, length, pid (0: an open file's lock, not a process's)."""
    return struct.pack("hhqqi4x", kind, os.SEEK_SET, place, 1, 0)
