"""The gateway of the demonstration: a child process with its own environment and a temporary database."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

from gateway.errors import StartupError

SETTINGS: Final[Mapping[str, str]] = {
    "ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
    "RETRY_SCHEDULE": "1,2,3",
}
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30.0

_LISTENING: Final = re.compile(r"listening on (http://\S+)")


class ChildGateway:
    """`serve` on a port that the system chooses, in `directory`. A context manager: the child is ended by its
    process id when the block is left, however it is left."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "gateway.log"
        self.url = ""
        self._directory = directory
        own = {name: value for name, value in os.environ.items() if not name.startswith("HUM_GATEWAY_")}
        self.settings = dict(SETTINGS) | {"DATABASE_URL": f"sqlite:///{directory / 'gateway.db'}"}
        self._environ = own | {f"HUM_GATEWAY_{name}": value for name, value in self.settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> ChildGateway:
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

    def platform_key(self) -> str:
        """A key with every scope, made as an operator makes the first one: by a command on this machine."""
        command = [sys.executable, "-m", "gateway", "keys", "create", "--platform", "--scopes", "all"]
        done = subprocess.run(  # noqa: S603 - our own command line
            command, env=self._environ, cwd=self._directory, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise StartupError(f"no key could be made:\n{done.stderr}")
        return done.stdout.strip().splitlines()[-1]

    def _start(self) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", "0"],
                env=self._environ,
                cwd=self._directory,
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
        raise StartupError(f"the gateway did not start:\n{self._said()}")

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
