"""A gateway inside the test's own process, reached through its ASGI application without a socket.

`Node` gives the client and the built parts; deliveries go out over real loopback sockets.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from gateway.app import Gateway, open_gateway
from gateway.clock import Clock
from gateway.config import Settings
from gateway.manage import keys as manage_keys
from gateway.manage.keys import KeyCreate
from gateway.store import organizations

MASTER_KEY = base64.b64encode(b"k" * 32).decode()


@dataclass
class Node:
    """A started gateway with a platform key that has every scope."""

    gateway: Gateway
    http: httpx.AsyncClient
    key: str

    async def new_key(self, role: str | None, org: str = "acme", **fields: Any) -> str:
        """The text of a new key: of the organization with a role, or the platform's when role is None."""
        request = KeyCreate(platform=role is None, role=role, **fields)
        now = self.gateway.clock.now()
        async with self.gateway.store.transaction() as tx:
            if role is not None:
                await organizations.create(tx, self.gateway.store.keys, org, now)
            _, token = await manage_keys.create(tx, request, None if role is None else org, now)
        return token

    async def call(
        self, method: str, path: str, *, org: str | None = "acme", key: str | None = None, **kw: Any
    ) -> httpx.Response:
        """A request with the platform key for `org`, or with another key and no organization header."""
        headers = dict(kw.pop("headers", {}))
        if key is None and org is not None:
            headers.setdefault("X-HUM-Org", org)
        headers.setdefault("Authorization", f"Bearer {key or self.key}")
        return await self.http.request(method, path, headers=headers, **kw)

    async def webhook(self, url: str, events: list[str] | None = None, **fields: Any) -> dict[str, Any]:
        """A new webhook, as the API answers it."""
        body = {"url": url, "events": events or ["*"], **fields}
        answer = await self.call("POST", "/api/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def connector(self, base_url: str, **fields: Any) -> dict[str, Any]:
        """A new connector, as the API answers it."""
        body = {"name": "bridge", "base_url": base_url, **fields}
        answer = await self.call("POST", "/api/connectors", json=body)
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def send(self, type_: str = "test.event", data: Any = None, **fields: Any) -> dict[str, Any]:
        """An accepted event, as the API answers it."""
        body = {"type": type_, "data": data or {}, **fields}
        answer = await self.call("POST", "/api/events", json=body)
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def delivery(self, delivery_id: str) -> dict[str, Any]:
        answer = await self.call("GET", f"/api/deliveries/{delivery_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def deliveries(self, **query: Any) -> list[dict[str, Any]]:
        """The newest 200, oldest first. A list that is read upwards would end, on PostgreSQL, below the
        oldest transaction that runs anywhere on the server, in another test's database too."""
        answer = await self.call("GET", "/api/deliveries", params={"limit": 200, **query})
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["data"]
        return found[::-1]


@asynccontextmanager
async def running_node(
    url: str, *, clock: Clock | None = None, stop_patience: float = 0.5, **settings: Any
) -> AsyncIterator[Node]:
    """A node on the database `url`; further settings as in the environment, without the prefix."""
    environ = {
        "HUM_GATEWAY_DATABASE_URL": url,
        "HUM_GATEWAY_MASTER_KEY": MASTER_KEY,
        "HUM_GATEWAY_ALLOW_NETWORKS": "127.0.0.0/8,::1/128",
        "HUM_GATEWAY_TWILIO_LOOKUP_URL": "http://127.0.0.1:9",  # never the real one
    } | {f"HUM_GATEWAY_{name.upper()}": str(value) for name, value in settings.items()}
    gateway = await open_gateway(Settings.load(environ), clock)
    await gateway.start()
    transport = httpx.ASGITransport(app=gateway.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        node = Node(gateway, http, "")
        node.key = await node.new_key(None, scopes=["all"])
        try:
            yield node
        finally:
            await gateway.stop(stop_patience)
