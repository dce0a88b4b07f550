"""Everything beside the gateway, each a process: receiver, load generator, and the bare floors."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.rig import GATEWAY_CORE, OTHER_CORES, ROOT, TICKS, pin, process_memory_mb
from tests.support.databases import postgres_server


class Sink:
    """The receiver process (`bench.sink`), on one or several ports."""

    def __init__(self, ports: int = 1) -> None:
        self._ports = ports

    def __enter__(self) -> Sink:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.sink", str(self._ports)], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, preexec_fn=pin(OTHER_CORES),
        )  # fmt: skip
        self.ports: list[int] = self._line()
        self.port = self.ports[0]
        return self

    def ask(self, command: str) -> dict[str, float]:
        """Sends a command; the report that answers it."""
        assert self.process.stdin
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        found: dict[str, float] = self._line()
        return found

    def wait_for(self, count: int, patience: float = 120) -> dict[str, float]:
        """The report when `count` requests have come. The receiver itself waits: nobody asks meanwhile."""
        return self.ask(f"wait {count} {patience}")

    def _line(self) -> Any:
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("the receiver has ended")
        return json.loads(line)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()


def start_load(port: int, key: str, **options: object) -> subprocess.Popen[str]:
    """The load generator (`bench.load`) against a port on this machine, under way."""
    flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return subprocess.Popen(
        [sys.executable, "-m", "bench.load", str(port), key, *flags], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, preexec_fn=pin(OTHER_CORES),
    )  # fmt: skip


def end_load(process: subprocess.Popen[str]) -> dict[str, float]:
    """What it has to say when it is through."""
    said, _ = process.communicate()
    if process.returncode:
        raise RuntimeError("the load generator failed")
    found: dict[str, float] = json.loads(said)
    return found


def load(port: int, key: str, **options: object) -> dict[str, float]:
    """Runs the load generator to its end."""
    return end_load(start_load(port, key, **options))


def others_busy() -> tuple[float, float]:
    """Busy and total seconds of the cores that are not the gateway's, since boot."""
    busy = total = 0.0
    for line in Path("/proc/stat").read_text().splitlines():
        name, *ticks = line.split()
        if name[:3] == "cpu" and name[3:].isdigit() and int(name[3:]) in OTHER_CORES:
            spent = [int(value) for value in ticks[:8]]
            total += sum(spent)
            busy += sum(spent) - spent[3] - spent[4]
    return busy, total


def database_cpu_seconds() -> float:
    """What this run's PostgreSQL server and its processes have used; 0 while there is none."""
    if not postgres_server.cache_info().currsize:
        return 0.0
    server = int((Path(postgres_server().pgdata) / "postmaster.pid").read_text().split()[0])
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            number, _, rest = path.read_text().partition(" ")
            fields = rest.rpartition(")")[2].split()
            if int(number) == server:
                ticks += sum(map(int, fields[11:15]))  # with those of its processes that have ended
            elif int(fields[1]) == server:
                ticks += sum(map(int, fields[11:13]))
    return ticks / TICKS


def floor(*arguments: object) -> dict[str, float]:
    """Runs one floor (`bench.floors`) on the gateway's core."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.floors", *map(str, arguments)], cwd=ROOT, text=True,
        stdout=subprocess.PIPE, check=True, preexec_fn=pin(GATEWAY_CORE),
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


class BareServer:
    """A floor that takes requests; the one of accepting is uvicorn and Starlette, which only take events."""

    def __init__(self, *command: str) -> None:
        """`command`: a module of the bench and its arguments; it prints its port and counts between the lines
        `go` and `stop`."""
        self._command = command or ("bench.floors", "accept")

    def __enter__(self) -> BareServer:
        begun = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", *self._command], cwd=ROOT, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, preexec_fn=pin(GATEWAY_CORE),
        )  # fmt: skip
        assert self._process.stdout
        self.port = int(self._process.stdout.readline())
        self.started_in = time.monotonic() - begun
        self.memory_mb = process_memory_mb(self._process.pid)
        return self

    def cpu_us_per_event(self, events: int, batch: int) -> float:
        """CPU microseconds for each event that it takes."""
        with self.counting() as used:
            load(self.port, "hum_live_floor", events=events, batch=batch, connections=connections(batch))
        return used[0] / events * 1e6

    @contextmanager
    def counting(self) -> Iterator[list[float]]:
        """Afterwards the list holds the CPU seconds that it used meanwhile."""
        assert self._process.stdout
        used: list[float] = []
        self._say("go")
        yield used
        self._say("stop")
        used.append(float(self._process.stdout.readline()))

    def _say(self, word: str) -> None:
        assert self._process.stdin
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()


def connections(batch: int) -> int:
    """Enough to keep the gateway busy; a batch is much work for one connection."""
    return 32 if batch == 1 else 8
