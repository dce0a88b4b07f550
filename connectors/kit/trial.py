"""Asks a connector as HUM does, without a network: for an author's own tests.

    async with Trial(MyConnector(…)) as hum:
        answer = await hum.lookup("+13175550142")
        assert answer.body["found"]

Every request is signed and goes through the whole kit: what is answered here is what HUM gets.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from connectors.kit.connector import Connector
from connectors.kit.server import application
from connectors.kit.signing import PATHS, signed

SECRET = "whsec_dGhlIHNlY3JldCBvZiBhIHRyaWFsLCAzMiBieXRlcyE="  # noqa: S105 - opens nothing


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is the decoded JSON, None when there is none."""

    status: int
    body: Any
    headers: Mapping[str, str]


class Trial:
    """A connector that is served, and HUM that asks it. Without a `ledger_path` it forgets at the end."""

    def __init__(self, connector: Connector, ledger_path: str | Path | None = None) -> None:
        self._application = application(connector, [SECRET], ledger_path)
        self._stack = AsyncExitStack()
        self._client = httpx.AsyncClient(
            transport=httpx.ASGITransport(self._application), base_url="http://connector"
        )

    async def __aenter__(self) -> Self:
        application = self._application
        await self._stack.enter_async_context(application.router.lifespan_context(application))
        await self._stack.enter_async_context(self._client)
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def lookup(self, phone: str, deadline_ms: int | None = None) -> Answer:
        headers = {} if deadline_ms is None else {"X-HUM-Deadline-Ms": str(deadline_ms)}
        body = {"phone": phone, "org_id": "acme", "call_id": "call_1", "direction": "inbound"}
        return await self.send("contact.lookup", body, headers=headers)

    async def create(
        self, phone: str, name: str | None = None, email: str | None = None, *, delivery: str | None = None
    ) -> Answer:
        body = {"phone": phone, "name": name, "email": email, "source": "hum"}
        return await self.send("contact.create", body, delivery=delivery)

    async def log_call(
        self,
        call: Mapping[str, Any],
        contact: Mapping[str, Any] | None = None,
        *,
        delivery: str | None = None,
    ) -> Answer:
        return await self.send("call.sync", {"call": call, "contact": contact}, delivery=delivery)

    async def ping(self) -> Answer:
        return await self.send("ping", {"org_id": "acme", "connector_id": "cnr_1"})

    async def send(
        self,
        event: str,
        body: Mapping[str, Any] | bytes,
        *,
        delivery: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Any request; `headers` replace those of a good one."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = signed(content, event, SECRET, delivery=delivery) | dict(headers or {})
        got = await self._client.post(PATHS[event], content=content, headers=all_headers)
        return Answer(got.status_code, got.json() if got.content else None, got.headers)
