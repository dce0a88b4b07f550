"""Callers asked for by a process of its own (`bench.lookups`), beside the gateway's core."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bench.rig import OTHER_CORES, ROOT, pin

CONNECTIONS = 8  # on a timetable, without further ado


def ask(
    port: int,
    requests: list[str],
    *,
    rate: float = 0,
    connections: int = 0,
    keep: Sequence[str] = (),
    watch: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Runs the requests; every one must be answered 200. What comes back, and what `keep` and `watch` are:
    see `bench.lookups`."""
    connections = connections or (CONNECTIONS if rate else 1)
    given = {
        "port": port, "requests": requests, "rate": rate, "connections": connections, "keep": list(keep),
        "watch": watch,
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", "bench.lookups"], cwd=ROOT, text=True, check=True, stdout=subprocess.PIPE,
        preexec_fn=pin(OTHER_CORES), input=json.dumps(given),
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def resolve(key: str, org: str, number: str, *, deadline_ms: int) -> str:
    """The request for one caller, with a platform key."""
    body = json.dumps({"phone": number, "call_id": "call_1", "deadline_ms": deadline_ms})
    headers = [
        ("Authorization", f"Bearer {key}"), ("X-HUM-Org", org), ("Content-Type", "application/json"),
    ]  # fmt: skip
    return request("/api/callers/resolve", body, headers)


def request(path: str, body: str, headers: Sequence[tuple[str, str]]) -> str:
    """Any request, as it goes over the wire."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", *(f"{name}: {value}" for name, value in headers)]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", body])
