"""The check's own signing, against vectors of other people, the project's own, and two other verifiers."""

from __future__ import annotations

import ast
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import standardwebhooks

from connectors.kit.conformance import signing
from connectors.kit.conformance.request import CALLS, CREATE, LOOKUP, PING
from connectors.kit.verify import verify
from tests.connectors.signing import SECRET

ROOT = Path(__file__).parents[3]
FIXTURES = ROOT / "fixtures" / "signatures"
PACKAGE = ROOT / "connectors" / "kit" / "conformance"


def vectors(name: str) -> list[dict[str, Any]]:
    return json.loads((FIXTURES / name).read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("vector", vectors("external.json") + vectors("ours.json"), ids=lambda v: v["name"])
def test_vectors(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    headers = vector["headers"]
    if "X-HUM-Signature" in headers:
        assert signing.body_signature(vector["secrets"][0], body) == headers["X-HUM-Signature"]
    if "webhook-signature" in headers:
        made = [
            signing.standard_signature(secret, vector["id"], vector["timestamp"], body)
            for secret in vector["secrets"]
        ]
        assert " ".join(made) == headers["webhook-signature"]


@pytest.mark.parametrize(
    "secret", [SECRET, "whsec_" + "AQID" * 12, "a secret-without-a-prefix!".replace(" ", "-")]
)
def test_requests_verify_with_the_connectors_side_and_the_library(secret: str) -> None:
    now = int(datetime.now(UTC).timestamp())
    body = '{"phone":"+13175550142","name":"Zoë ☎️"}'.encode()
    for endpoint in (LOOKUP, CREATE, CALLS, PING):
        headers = signing.headers(
            secret, body, event=endpoint.event, delivery="dlv_1", message_id="evt_1", timestamp=now
        )
        verify([(k.encode(), v.encode()) for k, v in headers], body, [secret], now=now)
        if secret.startswith("whsec_"):
            standardwebhooks.Webhook(secret).verify(body, dict(headers))
        assert dict(headers)["X-HUM-Event"] == endpoint.event
        assert dict(headers)["User-Agent"] == "bluehive-hum-crm/1.0"
        assert dict(headers)["Authorization"] == f"Bearer {secret}"


def connector_vectors() -> list[dict[str, Any]]:
    return json.loads((ROOT / "fixtures" / "connector" / "accepted.json").read_text("utf-8"))["vectors"]


@pytest.mark.parametrize("vector", connector_vectors(), ids=lambda vector: vector["name"])
def test_requests_to_connectors(vector: dict[str, Any]) -> None:
    given = {name.lower(): value for name, value in vector["headers"]}
    secret = given["authorization"].split()[-1]
    body = vector["body"].encode()
    assert signing.body_signature(secret, body) == given["x-hum-signature"]
    if "webhook-id" in given:
        made = signing.standard_signature(secret, given["webhook-id"], int(given["webhook-timestamp"]), body)
        assert made in given["webhook-signature"].split()


def test_behind_whsec_there_must_be_base64() -> None:
    with pytest.raises(ValueError, match="base64"):
        signing.standard_key("whsec_no base64 at all")


def test_it_is_a_reading_of_its_own() -> None:
    """A mistake in the connector's side must not confirm itself here."""
    forbidden = {
        "connectors.kit.verify",
        "connectors.kit.signing",
        "connectors.kit.server",
        "connectors.kit.requests",
    }
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            assert not forbidden & set(names), path
            assert not any(name.startswith(("gateway", "tests")) for name in names), path
