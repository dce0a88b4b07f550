"""Something that an operation with `{id}` in its path can be done to."""

from __future__ import annotations

from typing import Any

from gateway.web.openapi.document import build
from tests.support.node import Node

DOCUMENT = build()


def example_of(operation: dict[str, Any]) -> Any:
    """The first example of a body that the document gives; None without."""
    examples = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("examples")
    return next(iter(examples.values()))["value"] if examples else None


def noun_of(path: str) -> str:
    return path.split("/")[2]


async def make(node: Node, noun: str) -> str:
    """The id of a new thing of the organization acme: by the document's own example, where there is one."""
    if noun == "deliveries":
        await node.webhook("https://example.com/", ["held.back"], retry_schedule=[600])
        event = await node.send("held.back")
        return str((await node.deliveries(event_id=event["id"]))[0]["id"])
    if noun == "organizations":
        return "acme"
    if noun == "jobs":
        hook = await node.webhook("https://example.com/", ["held.back"])
        return str((await node.call("POST", f"/api/webhooks/{hook['id']}/replay")).json()["id"])
    if noun == "connector-requests":
        bridge = await node.connector("http://127.0.0.1:9/")
        pinged = await node.call("POST", f"/api/connectors/{bridge['id']}/ping")
        return str(pinged.json()["request_id"])
    if noun == "contacts":
        number = len((await node.call("GET", "/api/contacts", params={"limit": 200})).json()["data"])
        said = example_of(DOCUMENT["paths"]["/api/contacts/{id}"]["put"])
        made = await node.call("PUT", f"/api/contacts/+1317556{number:04}", json=said)
        return str(made.json()["id"])
    if noun == "callers":
        told = await node.call("POST", "/api/callers/resolve", json={"phone": "+13175550142"})
        return str(told.json()["resolution_id"])
    path = "/api/platform/webhooks" if noun == "platform" else f"/api/{noun}"
    answer = await node.call("POST", path, json=example_of(DOCUMENT["paths"][path]["post"]))
    assert answer.status_code in (201, 202), answer.text
    return str(answer.json()["id"])
