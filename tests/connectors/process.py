"""`hum-connector serve` as a process of its own, ended by its pid."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from connectors.kit.signing import PATHS, signed
from tests.connectors.signing import SECRET

ROOT = Path(__file__).parents[2]
_LISTENING = re.compile(r"listening on (http://\S+)")


class ConnectorProcess:
    """A connector on a port that the system chooses, from `with` to the end of its block."""

    def __init__(self, name: str, directory: Path, *arguments: str, **settings: str) -> None:
        self.log = directory / f"connector-{time.monotonic_ns()}.log"
        self._command = [
            sys.executable,
            "-m",
            "connectors",
            "serve",
            name,
            "--port",
            "0",
            "--secret-env",
            "SECRET",
        ]
        self._command += arguments
        self._directory = directory
        self._environ = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "SECRET": SECRET} | settings
        self.url = ""

    def __enter__(self) -> Self:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environ, cwd=self._directory, stdout=log, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and self.process.poll() is None:
            found = _LISTENING.search(self.log.read_text())
            if found:
                self.url = found[1]
                return self
            time.sleep(0.01)
        raise AssertionError(f"the connector did not start:\n{self.log.read_text()}")

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait(timeout=30)

    async def send(
        self, client: httpx.AsyncClient, event: str, body: bytes, **options: Any
    ) -> httpx.Response:
        headers = signed(body, event, SECRET, **options)
        return await client.post(self.url + PATHS[event], content=body, headers=headers)
