"""A process of the demonstration: started, heard to listen, and ended by its process id however it goes."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from gateway.errors import StartupError

START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0

_LISTENING: Final = re.compile(r"listening on (http://\S+)")


class Child:
    """A server on a port that the system chooses; `url` is what it says that it listens on. A context
    manager."""

    def __init__(
        self, name: str, command: Sequence[str], *, environ: Mapping[str, str], directory: Path
    ) -> None:
        self.log = directory / f"{name}.log"
        self.url = ""
        self.environ = environ
        self.directory = directory
        self._name = name
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own command line
                self._command,
                env=self.environ,
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            found = _LISTENING.search(self._said())
            if found:
                self.url = found[1]
                return
            time.sleep(0.02)
        raise StartupError(f"the {self._name} did not start:\n{self._said()}")

    def _said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def _end(self) -> None:
        if self._process is None or self._process.poll() is not None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
