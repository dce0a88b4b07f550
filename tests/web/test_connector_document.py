"""What connectors get is as the OpenAPI document describes it, and so is what they may answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.crm import answers
from gateway.domain.connector import PATHS
from gateway.domain.exchange import Exchange
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver
from tests.web.test_openapi import DOCUMENT, check, media

pytestmark = pytest.mark.anyio

PHONE = "+13175550123"
FIXTURES = Path(__file__).parents[2] / "fixtures" / "connector"
TRANSPORT = {"host", "accept", "accept-encoding", "content-length", "content-type"}


def described(event: str) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["webhooks"][event]["post"]
    return found


def example(event: str, status: str, name: str) -> bytes:
    value = media(described(event)["responses"][status])["examples"][name]["value"]
    return json.dumps(value).encode()


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def every_request(node: Node) -> dict[str, Received]:
    """One of each kind, from a connector that answers with the document's own examples: a caller whom it does
    not know, is made a contact, and whose call is logged."""
    json_type = [("Content-Type", "application/json")]
    async with Receiver() as receiver:
        for event, status, name in (
            ("contact.lookup", "404", "nobody"), ("contact.create", "201", "made"),
            ("call.sync", "2XX", "logged"), ("ping", "2XX", "well"),
        ):  # fmt: skip
            code = int(status.replace("X", "0"))
            receiver.respond(code, json_type, example(event, status, name), path=f"/crm{PATHS[event]}")
        made = await node.connector(receiver.url("/crm"), create_contacts=True)
        await node.call("POST", f"/api/connectors/{made['id']}/ping")
        inquiry = {"phone": PHONE, "call_id": "call_1", "direction": "inbound", "deadline_ms": 5000}
        await node.call("POST", "/api/callers/resolve", json=inquiry)
        data = {"call_id": "call_1", "direction": "inbound", "from": PHONE, "to": "+13175550100",
                "started_at": "2026-11-20T21:05:09Z", "summary": "a call"}  # fmt: skip
        await node.send("call.completed", data)
        found: dict[str, Received] = {}
        async with asyncio.timeout(10):
            while set(found) != set(PATHS):
                found = {str(one.header("X-HUM-Event")): one for one in receiver.requests}
                await asyncio.sleep(0.01)
        return found


async def test_what_a_connector_gets_is_as_described(node: Node) -> None:
    requests = await every_request(node)
    for event, request in requests.items():
        operation = described(event)
        assert request.path == f"/crm{PATHS[event]}"
        body = request.json()
        check(body, media(operation["requestBody"])["schema"], strictly=False)
        assert set(body) <= set(resolved(media(operation["requestBody"])["schema"])["properties"]), event
        for parameter in operation["parameters"]:
            value = request.header(parameter["name"])
            assert value is not None or not parameter["required"], (event, parameter["name"])
            if value is not None:
                jsonschema.validate(value, parameter["schema"])
        known = {parameter["name"].lower() for parameter in operation["parameters"]} | TRANSPORT
        assert {name.lower() for name, _ in request.headers} <= known, event
    assert requests["contact.lookup"].header("X-HUM-Deadline-Ms") is not None


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found


@pytest.mark.parametrize("event", PATHS)
def test_the_examples_are_as_described(event: str) -> None:
    operation = described(event)
    body = media(operation["requestBody"])
    for one in body["examples"].values():
        check(one["value"], body["schema"], strictly=False)
    for answer in operation["responses"].values():
        if "content" in answer:
            for one in media(answer)["examples"].values():
                check(one["value"], media(answer)["schema"], strictly=False)


@pytest.mark.parametrize(
    ("event", "status", "read"),
    [
        ("contact.lookup", "200", lambda exchange: answers.read_lookup(exchange, PHONE)),
        ("contact.lookup", "404", lambda exchange: answers.read_lookup(exchange, PHONE)),
        ("contact.create", "201", lambda exchange: answers.read_create(exchange, PHONE)),
        ("contact.create", "409", lambda exchange: answers.read_create(exchange, PHONE)),
        ("ping", "2XX", answers.read_ping),
    ],
)
def test_the_gateway_takes_the_answers_that_the_document_shows(event: str, status: str, read: Any) -> None:
    for name in media(described(event)["responses"][status])["examples"]:
        code = int(status.replace("X", "0"))
        exchange = Exchange(0, 1, code, response_body=example(event, status, name))
        assert not isinstance(read(exchange), answers.Failed), name


def is_good(event: str, status: int, body: str) -> bool:
    """What the document alone says of an answer."""
    responses = described(event)["responses"]
    answer = responses.get(str(status), responses.get(f"{status // 100}XX", {}))
    if "content" not in answer:
        return False
    try:
        check(json.loads(body), media(answer)["schema"], strictly=False)
    except (json.JSONDecodeError, jsonschema.ValidationError):
        return False
    return True


VECTORS = json.loads((FIXTURES / "answers.json").read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['event']}-{vector['name']}")
def test_the_document_and_the_fixtures_call_the_same_answers_good(vector: dict[str, Any]) -> None:
    """The fixtures were made by those who write connectors, from the contract."""
    good = is_good(vector["event"], vector["status"], vector["body"])
    assert good is (vector["verdict"] != "error")
