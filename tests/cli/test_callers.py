"""`callers resolve`: what it asks and prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from click.testing import Result

from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
FOUND: Any = samples.responses()["resolveCaller"][200]
RESOLVE = "POST /api/callers/resolve"


def test_who_it_is_and_how_that_is_known(run: Run, gateway: FakeGateway) -> None:
    gateway.on(RESOLVE, httpx.Response(200, json=FOUND))
    result = run("callers", "resolve", "(317) 555-0142", "--call-id", "call_1", "--attestation", "A")
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {
        "phone": "(317) 555-0142", "call_id": "call_1", "direction": "inbound", "attestation": "A",
        "deadline_ms": 900,
    }  # fmt: skip
    assert "Idempotency-Key" not in gateway.requests[0].headers
    lines = dict(line.split(maxsplit=1) for line in result.stdout.splitlines())
    assert lines["status"] == "found (fresh, 41 ms)"
    assert lines["name"] == "Ada Example  (crm, 12 s old)"
    assert lines["cnr_01k9h3x1y2z3a4b5c6d7e8f9g0"] == "https://crm.example.com/contacts/7351"
    assert json.loads(run("callers", "resolve", "1", "--json").stdout) == FOUND
    assert run("callers", "resolve", "1", "--context").stdout == FOUND["context"]


@pytest.mark.parametrize(("status", "exit_code"), [("found", 0), ("not_found", 0), ("unknown", 1)])
def test_how_it_ends(run: Run, gateway: FakeGateway, status: str, exit_code: int) -> None:
    answer = FOUND | {"status": status, "contact": None, "phone": None, "source": "none"}
    answer["errors"] = [{"source": "cnr_1", "error": "timeout"}]
    gateway.on(RESOLVE, httpx.Response(200, json=answer))
    result = run("callers", "resolve", "anonymous")
    assert result.exit_code == exit_code
    assert "no answer: cnr_1  timeout" in result.stdout


def test_no_value_steers_the_terminal(run: Run, gateway: FakeGateway) -> None:
    hostile = json.loads(json.dumps(FOUND).replace("Ada Example", "\\u001b[2JAda"))
    gateway.on(RESOLVE, httpx.Response(200, json=hostile))
    assert "\x1b" not in run("callers", "resolve", "1").stdout


def test_what_cannot_be_asked(run: Run, gateway: FakeGateway) -> None:
    assert run("callers", "resolve", "1", "--deadline-ms", "20").exit_code == 2
    assert run("callers", "resolve", "1", "--direction", "sideways").exit_code == 2
    assert not gateway.requests
