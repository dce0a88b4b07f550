"""A gateway as a process of its own, started as an operator would, ended by its pid."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from tests.support.node import MASTER_KEY

_LISTENING = re.compile(r"listening on (http://\S+)")


class GatewayProcess:
    """`hum-gateway serve` on a port that the system chooses. `entry` may name another script to run than
    `-m gateway`, for tests that end the process at a named place."""

    def __init__(
        self, database_url: str, directory: Path, *, entry: list[str] | None = None, **settings: object
    ) -> None:
        self.directory = directory
        self.log = directory / f"serve-{time.monotonic_ns()}.log"
        self._entry = entry or ["-m", "gateway"]
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", str(directory)),
            "TMPDIR": os.environ.get("TMPDIR", "/tmp"),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HUM_GATEWAY_DATABASE_URL": database_url,
            "HUM_GATEWAY_MASTER_KEY": MASTER_KEY,
            "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        } | {f"HUM_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def run(self, *arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
        """Another command of the CLI with the same settings."""
        return subprocess.run(
            [sys.executable, "-m", "gateway", *arguments], env=self.environ, cwd=self.directory,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip

    def create_key(self, *arguments: str) -> str:
        done = self.run("keys", "create", *(arguments or ("--platform", "--scopes", "all")))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip().splitlines()[-1]

    def start(self, *arguments: str, port: int = 0, wait: float = 20) -> str:
        """Starts and waits until it listens; returns its address."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self._entry, "serve", "--port", str(port), *arguments],
                env=self.environ, cwd=self.directory, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            found = _LISTENING.search(self.log.read_text("utf-8", "replace"))
            if found:
                self.url = found.group(1)
                return self.url
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(f"the gateway did not start:\n{self.log.read_text('utf-8', 'replace')}")

    def ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, as a crash would end it."""
        self._end(signal.SIGKILL, 10)

    def stop(self, timeout: float = 30) -> int:
        """SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM, timeout)

    def _end(self, number: int, timeout: float) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)

    def __enter__(self) -> GatewayProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.kill()
