"""Resolves put to a gateway inside the test's process, with next to nothing around them: a client that costs
more than the gateway would measure itself.

    found = await ask(node, "+13175550142", deadline_ms=900)
    answers = await ask_at(node, numbers, rate=200, deadline_ms=900)
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tests.support.node import Node

PATH = "/api/callers/resolve"


@dataclass(frozen=True, slots=True)
class Asked:
    """An answer, and how many seconds it took from when it was due."""

    status_code: int
    body: dict[str, Any]
    seconds: float

    @property
    def status(self) -> str:
        return str(self.body.get("status"))


async def ask(node: Node, phone: str, *, org: str = "acme", due: float | None = None, **fields: Any) -> Asked:
    due = time.perf_counter() if due is None else due
    status, body = await _post(node, PATH, org, {"phone": phone, **fields})
    return Asked(status, json.loads(body), time.perf_counter() - due)


async def ask_at(node: Node, phones: Iterable[str], *, rate: float, **fields: Any) -> list[Asked]:
    """On a fixed timetable; the time of each counts from when it was due."""
    begun, tasks = time.perf_counter(), []
    for number, phone in enumerate(phones):
        due = begun + number / rate
        await asyncio.sleep(max(due - time.perf_counter(), 0))
        tasks.append(asyncio.create_task(ask(node, phone, due=due, **fields)))
    return list(await asyncio.gather(*tasks))


async def post(node: Node, path: str, body: Any, org: str = "acme") -> int:
    """Any other request; its status."""
    return (await _post(node, path, org, body))[0]


def percentile(values: Iterable[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def _post(node: Node, path: str, org: str, value: Any) -> tuple[int, bytes]:
    content = json.dumps(value).encode()
    headers = [
        (b"authorization", f"Bearer {node.key}".encode()), (b"x-hum-org", org.encode()),
        (b"content-type", b"application/json"), (b"content-length", str(len(content)).encode()),
    ]  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"",
        "headers": headers, "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": content, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    await node.gateway.app(scope, receive, send)
    return int(sent[0]["status"]), b"".join(message.get("body", b"") for message in sent[1:])
