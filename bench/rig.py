"""Gateway, receiver and load generator as processes, pinned where cores allow; what they used, from /proc."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORE = {CORES[0]}
OTHER_CORES = set(CORES[1:]) or GATEWAY_CORE
ROOT = Path(__file__).parents[1]


def pin(cores: set[int]) -> Any:
    return lambda: os.sched_setaffinity(0, cores)


class Sink:
    """The receiver process."""

    def __enter__(self) -> Sink:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.sink"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=pin(OTHER_CORES),
        )  # fmt: skip
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())
        return self

    def report(self, *, reset: bool = False) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("reset\n" if reset else "report\n")
        self.process.stdin.flush()
        found: dict[str, Any] = json.loads(self.process.stdout.readline())
        return found

    def wait_for(self, count: int, timeout: float = 120) -> dict[str, Any]:
        """Until `count` requests have come, or nothing has moved until `timeout`."""
        deadline = time.monotonic() + timeout
        while (report := self.report())["received"] < count and time.monotonic() < deadline:
            time.sleep(0.02)
        return report

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()


class Gateway:
    """The gateway process on a database, with a platform key for everything."""

    def __init__(self, url: str, directory: Path, **settings: object) -> None:
        self._directory = directory
        self._environ = os.environ | {
            "HUM_GATEWAY_DATABASE_URL": url,
            "HUM_GATEWAY_MASTER_KEY": base64.b64encode(b"b" * 32).decode(),
            "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
            "HUM_GATEWAY_LOG_LEVEL": "info",
        }
        self._environ |= {f"HUM_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}

    def __enter__(self) -> Gateway:
        arguments = ["keys", "create", "--platform", "--scopes", "all"]
        made = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments], cwd=ROOT, env=self._environ, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        self.key = made.stdout.strip().splitlines()[-1]
        self.started_in = self.start()
        return self

    def start(self) -> float:
        """Starts it; returns the seconds until /readyz said yes."""
        log = self._directory / "gateway.log"
        begun = time.monotonic()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve", "--port", "0"], cwd=ROOT, env=self._environ,
                stdout=output, stderr=subprocess.STDOUT, preexec_fn=pin(GATEWAY_CORE),
            )  # fmt: skip
        while not (found := re.search(rb"listening on http://[^:]+:(\d+)", log.read_bytes())):
            if self.process.poll() is not None:
                raise RuntimeError(log.read_text())
            time.sleep(0.005)
        self.port = int(found.group(1))
        self.get("/readyz")
        return time.monotonic() - begun

    def get(self, path: str) -> bytes:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=30) as answer:
            return bytes(answer.read())

    def post(self, path: str, body: Any, org: str = "bench") -> Any:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            json.dumps(body).encode(),
            {
                "Authorization": f"Bearer {self.key}",
                "X-HUM-Org": org,
                "Content-Type": "application/json",
            },
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())

    def metric(self, name: str) -> float:
        """The value of a metric without labels."""
        found = re.search(rb"^hum_gateway_" + name.encode() + rb" (\S+)$", self.get("/metrics"), re.M)
        assert found, name
        return float(found.group(1))

    def cpu_seconds(self) -> float:
        """What the process has used, in user and kernel mode."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found
        return int(found.group(1)) / 1024

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def load(
    port: int, key: str, *, events: int, batch: int, connections: int = 32, rate: float = 0
) -> dict[str, Any]:
    """Runs the load generator against a port on this machine, to its end."""
    done = subprocess.run(
        [
            sys.executable, "-m", "bench.load", "127.0.0.1", str(port), key, "bench",
            "--events", str(events), "--batch", str(batch), "--connections", str(connections),
            "--rate", str(rate),
        ],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True, preexec_fn=pin(OTHER_CORES),
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found
