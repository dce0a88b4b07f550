"""The vectors in fixtures/signatures: published by others, and our own checked by somebody else's code."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
import svix.webhooks

from gateway import fixture_files
from gateway.domain.secret import check_imported
from gateway.signing import REASONS, SignatureError, sign, verify

OURS = fixture_files.signature_vectors("ours")["vectors"]
EXTERNAL = fixture_files.signature_vectors("external")["vectors"]
REFUSED = fixture_files.signature_vectors("refused")["vectors"]


def named(vectors: list[dict[str, Any]]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("vector", vectors, ids=[vector["name"] for vector in vectors])


@named(EXTERNAL)
def test_published_vectors_are_accepted_and_made(vector: dict[str, Any]) -> None:
    body = vector["body"].encode()
    result = verify(
        body, vector["headers"], vector["secrets"], allow_body_only=True, now=vector.get("timestamp", 0)
    )
    assert result.scheme == vector["scheme"]
    made = sign(body, vector["secrets"], id=vector.get("id", "any"), timestamp=vector.get("timestamp", 0))
    assert vector["headers"].items() <= made.items()


@named(OURS)
def test_our_vectors_are_what_is_made_and_accepted(vector: dict[str, Any]) -> None:
    body, moment = vector["body"].encode(), vector["timestamp"]
    assert sign(body, vector["secrets"], id=vector["id"], timestamp=moment) == vector["headers"]
    for secret in vector["secrets"]:
        assert verify(body, vector["headers"], secret, now=moment).id == vector["id"]


@named(OURS)
@pytest.mark.parametrize("library", [standardwebhooks.Webhook, svix.webhooks.Webhook])
def test_others_compute_our_vectors_too(vector: dict[str, Any], library: Any) -> None:
    moment = datetime.fromtimestamp(vector["timestamp"], tz=UTC)
    entries = [library(secret).sign(vector["id"], moment, vector["body"]) for secret in vector["secrets"]]
    assert " ".join(entries) == vector["headers"]["webhook-signature"]


@named(REFUSED)
def test_refused_vectors_are_refused_for_their_reason(vector: dict[str, Any]) -> None:
    options = {name: vector[name] for name in ("tolerance", "allow_body_only", "now") if name in vector}
    pairs = [(name, value) for name, value in vector["headers"]]
    with pytest.raises(SignatureError) as problem:
        verify(vector["body"].encode(), pairs, vector["secrets"], **options)
    assert problem.value.reason == vector["reason"]


def test_every_reason_has_a_vector() -> None:
    assert {vector["reason"] for vector in REFUSED} == set(REASONS)


def test_the_main_vectors_use_secrets_that_the_gateway_would_import() -> None:
    for secret in {secret for vector in OURS[:10] for secret in vector["secrets"]}:
        assert check_imported(secret) == secret
