"""The gateway as a process on a core of its own; what it used, from /proc, and what it did, from /metrics."""

from __future__ import annotations

import base64
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.inside import make_key

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE = {CORES[0]}
OTHER_CORES = set(CORES[1:]) or GATEWAY_CORE
ROOT = Path(__file__).parents[1]
SETTINGS = {
    "HUM_GATEWAY_MASTER_KEY": base64.b64encode(b"b" * 32).decode(),
    "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
    "HUM_GATEWAY_LOG_LEVEL": "info",
}
START_PATIENCE_SECONDS = 120.0


def pin(cores: set[int]) -> Callable[[], None]:
    """For `preexec_fn`: the process runs on these cores."""
    return lambda: os.sched_setaffinity(0, cores)


def process_cpu_seconds(pid: int) -> float:
    """What a process has used, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def process_memory_mb(pid: int, field: str = "VmRSS") -> float:
    found = re.search(field + r":\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found.group(1)) / 1024


class Gateway:
    """The gateway process on a database, with a platform key for everything.

    `command` is what runs it, `environ` goes on top of its settings; with `key=False` nobody touches the
    database before the gateway itself.
    """

    def __init__(
        self,
        url: str,
        directory: Path,
        *,
        key: bool = True,
        command: Sequence[str] = (sys.executable, "-m", "gateway"),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._settings = {**SETTINGS, "HUM_GATEWAY_DATABASE_URL": url}
        self._environ = os.environ | self._settings | dict(environ or {})
        self._command = command
        self._with_key = key
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Gateway:
        if self._with_key:
            self.key = make_key(self._settings)
        self.started_in = self._start()
        return self

    def _start(self) -> float:
        """Starts it; returns the seconds until /readyz said yes."""
        log = self._directory / "gateway.log"
        begun = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [*self._command, "serve", "--port", "0"], cwd=ROOT, env=self._environ,
                stdout=output, stderr=subprocess.STDOUT, preexec_fn=pin(GATEWAY_CORE),
            )  # fmt: skip
        try:
            while not (found := re.search(rb"listening on http://[^:]+:(\d+)", log.read_bytes())):
                self._check_start(log, begun)
                time.sleep(0.005)
            self.port = int(found.group(1))
            while self._ask("GET", "/readyz")[0] != 200:
                self._check_start(log, begun)
                time.sleep(0.005)
        except BaseException:
            self.process.kill()
            self.process.wait()
            raise
        return time.monotonic() - begun

    def _check_start(self, log: Path, begun: float) -> None:
        if self.process.poll() is not None or time.monotonic() - begun > START_PATIENCE_SECONDS:
            raise RuntimeError(f"the gateway did not start:\n{log.read_text()[-4000:]}")

    def _ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, bytes]:
        """Over one connection that is kept, and made anew when the gateway has closed it."""
        data = None if body is None else json.dumps(body)
        for fresh in (False, True):
            if self._connection is None or fresh:
                self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
            try:
                self._connection.request(method, path, data, dict(headers or {}))
                answer = self._connection.getresponse()
                return answer.status, answer.read()
            except (http.client.RemoteDisconnected, ConnectionError):
                if fresh:
                    raise
        raise AssertionError

    def get(self, path: str) -> bytes:
        status, body = self._ask("GET", path)
        assert status == 200, (path, status, body)
        return body

    def post(self, path: str, body: Any, org: str = "bench") -> Any:
        return self._change("POST", path, body, org)

    def patch(self, path: str, body: Any, org: str = "bench") -> Any:
        return self._change("PATCH", path, body, org)

    def _change(self, method: str, path: str, body: Any, org: str) -> Any:
        headers = {
            "Authorization": f"Bearer {self.key}", "X-HUM-Org": org, "Content-Type": "application/json",
        }  # fmt: skip
        status, found = self._ask(method, path, body, headers)
        assert 200 <= status < 300, (path, status, found)
        return json.loads(found)

    def webhook(self, port: int, *patterns: str, org: str = "bench") -> None:
        """Registers a receiver on this machine."""
        self.post("/api/webhooks", {"url": f"http://127.0.0.1:{port}/", "events": patterns}, org)

    def metric(self, name: str) -> float:
        """The value of a metric; `name` with its labels, as /metrics shows it."""
        pattern = rb"^hum_gateway_" + re.escape(name.encode()) + rb" (\S+)$"
        found = re.search(pattern, self.get("/metrics"), re.MULTILINE)
        assert found, name
        return float(found.group(1))

    def delivered(self) -> int:
        """Deliveries that are recorded as delivered: counted once their transaction is committed."""
        return int(self.metric('attempts_total{outcome="delivered"}'))

    def wait_until_delivered(self, total: int, patience: float = 60) -> float:
        """When (seconds since 1970) `delivered` was seen to reach `total`. Ask it when the receiver has got
        everything, so that looking does not load the gateway."""
        deadline = time.monotonic() + patience
        while (found := self.delivered()) < total:
            if time.monotonic() > deadline:
                log = (self._directory / "gateway.log").read_text()[-2000:]
                raise RuntimeError(f"{found} of {total} deliveries are recorded after {patience} s:\n{log}")
            time.sleep(0.005)
        return time.time()

    def cpu_seconds(self) -> float:
        return process_cpu_seconds(self.process.pid)

    def memory_mb(self, field: str = "VmRSS") -> float:
        return process_memory_mb(self.process.pid, field)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._connection is not None:
            self._connection.close()
        if self.process.poll() is None:
            # Asked twice it does not wait for receivers that never answer.
            self.process.send_signal(signal.SIGTERM)
            time.sleep(0.1)
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
