"""`console link`: what it asks for, and that the link is alone on standard output."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
from click.testing import Result

from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

MADE: Any = samples.responses()["createConsoleLink"][201]


def test_a_link(run: Callable[..., Result], gateway: FakeGateway) -> None:
    gateway.on("POST /api/console-links", httpx.Response(201, json=MADE))
    words = ("console", "link", "--role", "operator", "--actor", "Ada at the front desk")
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert done.stdout == f"{MADE['url']}\n"
    assert MADE["expires_at"] in done.stderr
    assert body_of(gateway.requests[0]) == {
        "role": "operator", "actor": "Ada at the front desk", "expires_in": 300,
    }  # fmt: skip
    assert json.loads(run(*words, "--expires-in", "60", "--json").stdout) == MADE
    assert body_of(gateway.requests[1])["expires_in"] == 60
    assert run("console", "link", "--role", "owner", "--actor", "Ada").exit_code == 2
