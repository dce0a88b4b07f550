"""An organization in whose every field a script stands: what people, HUM, receivers and CRMs say of it.

Each text that may be long holds all of `SCRIPTS`, each short one its own.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote

from tests.support.crm import Crm
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.support.scripts import SCRIPTS

ALL = " ".join(SCRIPTS)
ORG = "acme"


class Filling:
    """Writes scripts wherever they are taken; counts the fields, and how often one was refused."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.fields: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.erasure = ""  # the job's id

    async def write(self, method: str, path: str, body: dict[str, Any], **odd: Any) -> Any:
        """`odd` are the fields with scripts; without those that are refused it is tried again."""
        while True:
            answer = await self.node.call(method, path, json=body | odd, org=ORG)
            if answer.status_code < 400:
                self.fields.update(f"{path.split('/')[2]}.{name}" for name in odd)
                return answer.json() if answer.content else None
            wrong = {
                detail["field"].partition("[")[0].partition(".")[0] for detail in answer.json()["details"]
            }
            assert wrong & odd.keys(), (path, answer.text)
            for name in wrong & odd.keys():
                self.refused[f"{path.split('/')[2]}.{name}"] += 1
                del odd[name]


@contextlib.asynccontextmanager
async def filled_node(database: str, scripts: Sequence[str] = SCRIPTS) -> AsyncIterator[tuple[Node, Filling]]:
    async with (
        Receiver() as receiver,
        Receiver() as bridge,
        running_node(database, webhook_limit=200, connector_limit=200) as node,
    ):
        receiver.respond(
            400, headers=[("X-Said", SCRIPTS[1]), ("Content-Type", "text/html")], body=ALL.encode()
        )
        filling = Filling(node)
        await node.new_key("admin", ORG)
        for number, script in enumerate(scripts):
            await _out(filling, receiver, number, script)
        await _callers(filling, Crm(bridge), scripts)
        await _around(filling, scripts)
        yield node, filling


async def _out(filling: Filling, receiver: Receiver, number: int, script: str) -> None:
    """A webhook, an event for it, and what its receiver answers."""
    kind = f"odd.n{number}"
    hook = await filling.write(
        "POST", "/api/webhooks",
        {"url": receiver.url(f"/hook{number}"), "events": [kind], "retry_schedule": [604_800]},
        description=script, headers={"X-Env": script}, filter=f"data.y != {_literal(script)}",
    )  # fmt: skip
    await filling.write("PATCH", f"/api/webhooks/{hook['id']}", {}, url=receiver.url(f"/hook?x={script}"))
    await filling.write(
        "POST", "/api/events", {"type": kind},
        data={"x": ALL if number < 5 else script, script: [script]}, ordering_key=script, external_id=script,
    )  # fmt: skip


async def _callers(filling: Filling, crm: Crm, scripts: Sequence[str]) -> None:
    """Connectors by their names, contacts by all that people and a CRM say of them."""
    for script in scripts:
        await filling.write(
            "POST", "/api/connectors",
            {"name": "bridge", "base_url": "http://127.0.0.1:9/crm", "enabled": False},
            name=script, base_url=f"http://127.0.0.1:9/crm/{_quoted(script)}",
        )  # fmt: skip
    await crm.join(filling.node, ORG, name=scripts[0])
    for number, script in enumerate(scripts):
        said, heard = f"+1317555{100 + number:04}", f"+1317556{100 + number:04}"
        texts = dict.fromkeys(("name", "first_name", "last_name", "company", "title"), script)
        await filling.write(
            "PUT", f"/api/contacts/{said}", {}, **texts, email=f"{script}@example.com",
            notes=ALL[:2_000] if number < 5 else script, tags=[script], fields={script: script},
        )  # fmt: skip
        crm.knows(
            heard, **texts, id=script, url=f"https://crm.test/{_quoted(script)}",
            notes=script, fields={script: script},
        )  # fmt: skip
        resolved = await filling.node.call(
            "POST", "/api/callers/resolve", json={"phone": heard, "call_id": script, "deadline_ms": 5_000}
        )
        assert resolved.json()["status"] == "found", resolved.text


async def _around(filling: Filling, scripts: Sequence[str]) -> None:
    """Keys, the audit log, the organization's settings, jobs."""
    node = filling.node
    for script in scripts:
        await filling.write("POST", "/api/keys", {"role": "viewer"}, name=script)
        await node.call(
            "PATCH", f"/api/organizations/{ORG}", json={"retention_days": 30}, headers={"X-HUM-Actor": script}
        )
    template = "{{name}} " + ALL.replace("{", "").replace("}", "")[:900]
    await filling.write("PATCH", f"/api/organizations/{ORG}", {}, context_template=template)
    erasure = await filling.write("POST", "/api/erasures", {"phone": "+13175559999"}, reason=scripts[0])
    filling.erasure = erasure["id"]
    made = await node.call(
        "POST", "/api/platform/webhooks", org=None,
        json={"url": "https://example.com/x", "events": ["webhook.failing"], "description": scripts[0]},
    )  # fmt: skip
    assert made.status_code == 201, made.text


def _quoted(text: str) -> str:
    """As far as a URL must be."""
    return quote(text, safe="'()=;:/")


def _literal(text: str) -> str:
    return "`" + json.dumps(text).replace("`", "\\`") + "`"
