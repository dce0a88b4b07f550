"""Somebody else's server as a process of its own, on loopback, ended by its pid."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], url: str, log: Path, *, env: Mapping[str, str] | None = None, wait: float = 30
) -> Iterator[None]:
    """Starts it, waits until it answers HTTP at `url`, and ends it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, cwd=log.parent, env=env
        )
    try:
        _until_answered(process, url, log, wait)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _until_answered(process: subprocess.Popen[bytes], url: str, log: Path, wait: float) -> None:
    deadline = time.monotonic() + wait
    while time.monotonic() < deadline and process.poll() is None:
        try:
            httpx.get(url, timeout=5)
        except httpx.TransportError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError(f"the server did not start:\n{log.read_text('utf-8', 'replace')[-2000:]}")
