"""The vectors in fixtures/connector: computed by neither side, read by both."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from connectors.kit import contract
from connectors.kit.phones import parse
from connectors.kit.server import application
from connectors.kit.verify import REASONS
from gateway import signing
from tests.connectors.kit.crm import Crm
from tests.connectors.vectors import DIRECTORY, files

pytestmark = pytest.mark.anyio

Vector = dict[str, Any]


def vectors(name: str) -> list[Vector]:
    found: list[Vector] = json.loads((DIRECTORY / name).read_text("utf-8"))["vectors"]
    return found


def each(name: str) -> pytest.MarkDecorator:
    found = vectors(name)
    return pytest.mark.parametrize("vector", found, ids=[vector["name"] for vector in found])


async def send(vector: Vector) -> httpx.Response:
    """The request as it stands there, to a connector that has its secrets and its clock."""
    app = application(Crm(), vector["secrets"], clock=lambda: vector["now"])
    headers = [(name.encode(), value.encode("latin-1")) for name, value in vector["headers"]]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://connector") as client:
        return await client.post(vector["path"], content=vector["body"].encode(), headers=headers)


def test_the_files_are_what_the_script_makes() -> None:
    on_disk = {path.name: path.read_text("utf-8") for path in DIRECTORY.iterdir()}
    assert on_disk == files(), "run: python -m tests.connectors.vectors"


@each("accepted.json")
async def test_the_kit_takes_what_must_be_accepted(vector: Vector) -> None:
    answer = await send(vector)
    assert answer.status_code in (200, 201), answer.text


@each("refused.json")
async def test_the_kit_refuses_what_must_be_refused_for_its_reason(vector: Vector) -> None:
    answer = await send(vector)
    assert (answer.status_code, answer.json()["error"]) == (vector["status"], vector["reason"])


def test_every_reason_has_a_vector() -> None:
    assert {vector["reason"] for vector in vectors("refused.json") if vector["status"] == 401} == set(REASONS)


@each("accepted.json")
def test_the_gateway_signs_so(vector: Vector) -> None:
    """The other reading of the contract, on the same vectors."""
    headers = {name.lower(): value for name, value in vector["headers"]}
    body = vector["body"].encode()
    secret = headers["authorization"].split(" ", 1)[1]
    assert signing.body_signature(secret, body) == headers["x-hum-signature"]
    if "webhook-id" in headers:
        assert signing.verify(body, headers, secret, now=vector["now"]).scheme == "standard"


def test_numbers_are_invented() -> None:
    for path in DIRECTORY.iterdir():
        for number in re.findall(r"\+1[0-9]{10}", path.read_text("utf-8")):
            found = parse(number)
            assert found is not None
            assert re.search(r"55501[0-9]{2}\Z", found.digits), number


MODELS: dict[str, Callable[[Vector], object]] = {
    "found": lambda body: msgspec.convert(body, contract.Found),
    "not_found": lambda body: msgspec.convert(body, contract.NotFound),
    "created": lambda body: msgspec.convert(body, contract.Created),
    "existed": lambda body: msgspec.convert(body["contact"], contract.Contact),
    "logged": lambda body: msgspec.convert(body, contract.Logged),
    "skipped": lambda body: msgspec.convert(body, contract.Logged),
    "alive": lambda body: msgspec.convert(body, contract.Alive),
}


@each("answers.json")
def test_the_answers_are_what_the_kits_models_say(vector: Vector) -> None:
    if vector["verdict"] in MODELS:
        MODELS[vector["verdict"]](json.loads(vector["body"]))
        return
    assert vector["verdict"] == "error"
    if vector["status"] == 200:
        with pytest.raises(msgspec.MsgspecError):
            msgspec.json.decode(vector["body"], type=contract.Found)
        assert vector["body"] != '{"found":false}'
