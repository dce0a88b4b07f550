"""`platform-webhooks`, and `test` of both kinds of webhooks: what goes over the wire, what is printed."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from click.testing import Result

from tests.cli.conftest import FakeGateway

Run = Callable[..., Result]
HOOK = {"id": "whk_1", "org_id": "*", "url": "https://core.example/", "events": ["webhook.disabled"],
        "organizations": None, "status": "enabled"}  # fmt: skip
TOOK = {"ok": True, "status_code": 200, "duration_ms": 12, "error": None, "error_detail": "",
        "response_body": "fine", "delivery_id": "dlv_1"}  # fmt: skip
PATH = "/api/platform/webhooks"


def test_one_is_registered_and_its_secret_shown(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"POST {PATH}", httpx.Response(201, json=HOOK | {"secret": "whsec_abc"}))
    made = run(
        "platform-webhooks", "create", "--url", "https://core.example/", "--events", "webhook.disabled",
        "--organizations", "acme, other",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "whsec_abc" in made.output
    assert json.loads(gateway.requests[0].content) == {
        "url": "https://core.example/", "events": ["webhook.disabled"], "organizations": ["acme", "other"],
    }  # fmt: skip


def test_an_update_can_widen_it_to_all(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"PATCH {PATH}/whk_1", httpx.Response(200, json=HOOK))
    assert run("platform-webhooks", "update", "whk_1", "--organizations", "all").exit_code == 0
    assert json.loads(gateway.requests[0].content) == {"organizations": None}
    assert run("platform-webhooks", "update", "whk_1").exit_code == 2


def test_the_other_commands(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"GET {PATH}", httpx.Response(200, json={"data": [HOOK], "next_cursor": None}))
    gateway.on(f"GET {PATH}/whk_1", httpx.Response(200, json=HOOK))
    gateway.on(f"GET {PATH}/whk_1/deliveries", httpx.Response(200, json={"data": [], "next_cursor": None}))
    gateway.on(f"POST {PATH}/whk_1/enable", httpx.Response(200, json=HOOK))
    gateway.on(f"POST {PATH}/whk_1/disable", httpx.Response(200, json=HOOK))
    gateway.on(f"DELETE {PATH}/whk_1", httpx.Response(204))
    for words in (
        ["list"], ["get", "whk_1"], ["deliveries", "whk_1", "--status", "failed"],
        ["enable", "whk_1", "--pending", "deliver"], ["disable", "whk_1"], ["delete", "whk_1", "--yes"],
    ):  # fmt: skip
        result = run("platform-webhooks", *words)
        assert result.exit_code == 0, (words, result.output)
    assert len(gateway.requests) == 6


@pytest.mark.parametrize(
    ("group", "path"), [("webhooks", "/api/webhooks"), ("platform-webhooks", "/api/platform/webhooks")]
)
def test_a_test_says_what_came_back(run: Run, gateway: FakeGateway, group: str, path: str) -> None:
    denied = "this address is not open to webhooks (loopback)"
    failed = TOOK | {
        "ok": False, "status_code": None, "error": "connect_refused", "error_detail": denied,
    }  # fmt: skip
    gateway.on(f"POST {path}/whk_1/test", httpx.Response(200, json=TOOK), httpx.Response(200, json=failed))
    took = run(group, "test", "whk_1", "--type", "call.completed")
    assert took.exit_code == 0, took.output
    assert "fine" in took.output
    assert json.loads(gateway.requests[0].content) == {"type": "call.completed"}
    refused = run(group, "test", "whk_1", "--json")
    assert refused.exit_code == 1
    assert json.loads(refused.stdout)["error"] == "connect_refused"
    assert gateway.requests[1].content == b""
    assert denied in run(group, "test", "whk_1").stdout
    assert "error_detail" not in took.stdout


def test_what_it_never_got_is_replayed(run: Run, gateway: FakeGateway) -> None:
    job = {"id": "job_1", "kind": "replay", "status": "running", "matched": None, "done": 0, "failed": 0}
    gateway.on(
        f"POST {PATH}/whk_1/replay", httpx.Response(200, json={"matched": 3}), httpx.Response(202, json=job)
    )
    counted = run("platform-webhooks", "replay", "whk_1", "--dry-run", "--types", "sms.received")
    assert counted.stdout == "3 events match\n"
    assert json.loads(gateway.requests[0].content) == {"types": ["sms.received"], "dry_run": True}
    assert "job_1" in run("platform-webhooks", "replay", "whk_1", "--since", "2026-11-20").stdout
    assert json.loads(gateway.requests[1].content) == {"since": "2026-11-20T00:00:00Z"}
