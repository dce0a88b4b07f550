"""A connector for tests: a receiver on loopback that answers as a CRM's bridge does, and its row.

    async with Receiver() as receiver:
        crm = Crm(receiver)
        connector = await crm.join(node, create_contacts=True)
        crm.knows("+13175550142", name="Ada Example")

Written from the wire contract; shares no code with the gateway's side of it, nor with the kit.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from gateway.domain.connector import Connector
from gateway.domain.ids import new_id
from gateway.domain.secret import Secret
from gateway.store import connectors
from tests.support import receiver as r
from tests.support.node import Node
from tests.support.receiver import Behaviour, Received, Receiver, Wire

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Crm:
    """Checks bearer and signature, then answers lookups and creates from its contacts."""

    def __init__(self, receiver: Receiver, secret: str = SECRET) -> None:
        self.receiver = receiver
        self.secret = secret
        self.contacts: dict[str, dict[str, Any]] = {}
        self.calls: dict[str, dict[str, Any]] = {}  # what was told of each, the newest revision
        self.delay = 0.0
        self.gate: Callable[[Received], Awaitable[None]] | None = None
        self.instead: Behaviour | None = None
        self.refused = 0
        receiver.behave(self)

    def knows(self, phone: str, **contact: Any) -> None:
        self.contacts[phone] = {"id": f"c_{len(self.contacts) + 1}", "phone": phone, **contact}

    def asked(self, event: str = "contact.lookup") -> list[Received]:
        return [request for request in self.receiver.requests if request.header("X-HUM-Event") == event]

    def phones_asked(self) -> Counter[str]:
        return Counter(request.json()["phone"] for request in self.asked())

    async def join(self, node: Node, org: str = "acme", **values: Any) -> Connector:
        """A connector of the organization that leads here."""
        return await add_connector(node, self.receiver.url("/crm"), self.secret, org, **values)

    async def __call__(self, wire: Wire, request: Received) -> bool:
        if not signed(request, self.secret):
            self.refused += 1
            return await r.answer(401, body=b'{"error": "unauthorized"}')(wire, request)
        if self.gate is not None:
            await self.gate(request)
        if self.delay:
            await asyncio.sleep(self.delay)
        if self.instead is not None:
            return await self.instead(wire, request)
        status, body = self._answer(request)
        return await json_answer(body, status)(wire, request)

    def _answer(self, request: Received) -> tuple[int, Any]:
        asked = request.json()
        match request.path.removeprefix("/crm"):
            case "/contacts/lookup":
                found = self.contacts.get(asked["phone"])
                if found is None:
                    return 200, {"found": False}
                return 200, {"found": True, "contact": found, "matches": 1, "match": "exact"}
            case "/contacts":
                found = self.contacts.get(asked["phone"])
                if found is not None:
                    return 409, {"error": "conflict", "contact": found}
                self.knows(asked["phone"])
                return 201, {"contact": self.contacts[asked["phone"]], "created": True}
            case "/calls":
                call = asked["call"]
                known = self.calls.get(call["id"])
                if known is None or call["revision"] >= known["call"]["revision"]:
                    self.calls[call["id"]] = asked
                return 200, {"activity_id": f"a_{call['id']}"}
            case "/ping":
                return 200, {"ok": True, "name": "double", "version": "1"}
        return 404, {"error": "not_found"}


def signed(request: Received, secret: str) -> bool:
    """Whether bearer and signature are both made with `secret`."""
    made = "sha256=" + hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    bearer = request.header("Authorization") == f"Bearer {secret}"
    return bearer and request.header("X-HUM-Signature") == made


def json_answer(body: Any, status: int = 200) -> Behaviour:
    content = json.dumps(body).encode()
    return r.answer(status, [("Content-Type", "application/json")], content)


async def add_connector(
    node: Node, url: str, secret: str = SECRET, org: str = "acme", **values: Any
) -> Connector:
    """A connector's row, as the API would make it."""
    gateway = node.gateway
    now = gateway.clock.now()
    view, _ = await gateway.directory.ensure(org)
    connector_id = new_id("cnr", now)
    async with gateway.store.transaction() as tx:
        fields: dict[str, Any] = {
            "id": connector_id, "org_id": org, "position": await tx.position(),
            "revision_id": new_id("rev", now), "name": "Double", "url": url.rstrip("/"),
            "secrets": (Secret(new_id("sec", now), secret, now),), "created_at": now, "updated_at": now,
        }  # fmt: skip
        connector = Connector(**(fields | values))
        await connectors.add(tx, view.organization.cipher, connector)
    return connector
