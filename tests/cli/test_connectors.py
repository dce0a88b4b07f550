"""`connectors`: what goes over the wire, what is printed, and the whole of it against a gateway."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.cli.conftest import FakeGateway
from tests.support.served import Served, serving

Run = Callable[..., Result]
PATH = "/api/connectors"
BRIDGE = {"id": "cnr_1", "org_id": "acme", "name": "HubSpot", "base_url": "https://bridge.example/hum",
          "status": "enabled"}  # fmt: skip
PINGED = {"ok": True, "status_code": 200, "duration_ms": 12, "error": None, "error_detail": "",
          "name": "HubSpot", "version": "1", "request_id": "att_1"}  # fmt: skip
ENTRY = {"id": "att_1", "kind": "lookup", "at": "2026-11-20T21:05:09.123Z", "duration_ms": 71,
         "status_code": 200, "error": None, "delivery_id": "dlv_1"}  # fmt: skip


def sent(gateway: FakeGateway, number: int = 0) -> Any:
    return json.loads(gateway.requests[number].content)


def test_one_is_registered_and_its_secret_shown(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.on(f"POST {PATH}", httpx.Response(201, json=BRIDGE | {"secret": "whsec_abc"}))
    monkeypatch.setenv("BRIDGE_SECRET", "the bridge's own secret")
    made = run(
        "connectors", "create", "--name", "HubSpot", "--url", "https://bridge.example/hum", "--secret-env",
        "BRIDGE_SECRET", "--create-contacts", "--no-sync-unknown", "--priority", "5", "--disabled",
    )  # fmt: skip
    assert made.exit_code == 0, made.output
    assert "whsec_abc" in made.output
    assert sent(gateway) == {
        "name": "HubSpot", "base_url": "https://bridge.example/hum", "secret": "the bridge's own secret",
        "create_contacts": True, "sync_unknown": False, "priority": 5, "enabled": False,
    }  # fmt: skip


def test_an_update_sends_what_is_given(run: Run, gateway: FakeGateway) -> None:
    moved = BRIDGE | {"secret": "whsec_new"}
    gateway.on(f"PATCH {PATH}/cnr_1", httpx.Response(200, json=moved))
    changed = run("connectors", "update", "cnr_1", "--url", "https://new.example", "--rotate-secret")
    assert changed.exit_code == 0, changed.output
    assert "whsec_new" in changed.output
    assert sent(gateway) == {"base_url": "https://new.example", "rotate_secret": True}
    assert run("connectors", "update", "cnr_1").exit_code == 2


def test_another_origin_hints_at_the_option(run: Run, gateway: FakeGateway) -> None:
    problem = {"error": "secret_rotation_required", "message": "another origin", "details": [],
               "request_id": "req_1"}  # fmt: skip
    gateway.on(f"PATCH {PATH}/cnr_1", httpx.Response(422, json=problem))
    refused = run("connectors", "update", "cnr_1", "--url", "https://new.example")
    assert refused.exit_code == 1
    assert "--rotate-secret" in refused.stderr


def test_a_ping_that_fails_is_a_failure(run: Run, gateway: FakeGateway) -> None:
    failed = PINGED | {"ok": False, "error": "refused", "error_detail": "does not take the secret"}
    gateway.on(f"POST {PATH}/cnr_1/ping", httpx.Response(200, json=PINGED), httpx.Response(200, json=failed))
    assert run("connectors", "ping", "cnr_1").exit_code == 0
    told = run("connectors", "ping", "cnr_1")
    assert told.exit_code == 1
    assert "does not take the secret" in told.output


def test_how_it_answers_lookups_is_a_column_and_some_lines(run: Run, gateway: FakeGateway) -> None:
    health = {
        "state": "open", "open_until": "2026-11-20T21:05:14.123Z", "last_answer_at": None,
        "last_answer_ms": None, "last_error": "timeout", "last_error_at": "2026-11-20T21:05:09.123Z",
    }  # fmt: skip
    spared = BRIDGE | {"lookup_health": health}
    gateway.on(f"GET {PATH}", httpx.Response(200, json={"data": [spared, BRIDGE], "next_cursor": None}))
    gateway.on(f"GET {PATH}/cnr_1", httpx.Response(200, json=spared), httpx.Response(200, json=BRIDGE))
    heads, _, first, second = run("connectors", "list").stdout.splitlines()
    at = heads.index("lookups")
    assert first[at:].startswith("spared (timeout)  ") and second[at:].startswith("-  ")
    shown = run("connectors", "get", "cnr_1").stdout
    assert "lookups state           spared\n" in shown and "lookups last_error      timeout\n" in shown
    assert "lookups" not in run("connectors", "get", "cnr_1").stdout  # of an older gateway


@pytest.mark.parametrize(
    ("state", "shown"), [("failing", "failing (timeout)  "), ("ok", "ok  "), ("slow", "slow  ")]
)
def test_why_it_does_not_answer_stands_beside_a_state_that_is_ill(
    run: Run, gateway: FakeGateway, state: str, shown: str
) -> None:
    one = BRIDGE | {"lookup_health": {"state": state, "last_error": "timeout"}}
    gateway.on(f"GET {PATH}", httpx.Response(200, json={"data": [one], "next_cursor": None}))
    heads, _, row = run("connectors", "list").stdout.splitlines()
    assert row[heads.index("lookups") :].startswith(shown)


def test_the_log_is_a_table_and_an_entry_shows_both_sides(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"GET {PATH}/cnr_1/requests", httpx.Response(200, json={"data": [ENTRY], "next_cursor": None}))
    listed = run(
        "connectors", "requests", "cnr_1", "--kind", "lookup", "--result", "failed", "--code", "500",
        "--since", "2h",
    )  # fmt: skip
    assert listed.exit_code == 0, listed.output
    assert "att_1" in listed.output
    query = dict(gateway.requests[0].url.params)
    assert {name: query[name] for name in ("kind", "result", "status_code")} == {
        "kind": "lookup", "result": "failed", "status_code": "500",
    }  # fmt: skip
    whole = ENTRY | {
        "url": "https://bridge.example/hum/contacts/lookup", "request_truncated": False,
        "request_headers": [["Authorization", "Bearer [secret]"]], "request_body": '{"phone":"+13175550123"}',
        "response_headers": [["X-Evil", "\x1b[2J"]], "response_body": '{"found": false}',
        "response_truncated": True, "error_detail": "", "payload": "kept",
    }  # fmt: skip
    gateway.on("GET /api/connector-requests/att_1", httpx.Response(200, json=whole))
    shown = run("connectors", "request", "att_1")
    assert shown.exit_code == 0, shown.output
    assert "Authorization: Bearer [secret]" in shown.output
    assert '{"found": false} …' in shown.output
    assert "\x1b[2J" not in shown.output


def test_a_range_is_counted_and_ordered(run: Run, gateway: FakeGateway) -> None:
    gateway.on(
        f"POST {PATH}/cnr_1/redeliver",
        httpx.Response(200, json={"matched": 7}),
        httpx.Response(202, json={"id": "job_1", "kind": "redeliver", "status": "running"}),
    )
    since = "2026-11-20T19:00:00Z"
    counted = run("connectors", "redeliver", "cnr_1", "--since", since, "--dry-run")
    assert "7 events match" in counted.output
    assert sent(gateway) == {"since": since, "dry_run": True}
    ordered = run("connectors", "redeliver", "cnr_1")
    assert "job_1" in ordered.output
    assert sent(gateway, 1) == {}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    with serving(f"sqlite:///{tmp_path / 'gateway.db'}") as served:
        yield served


def test_the_whole_life_of_one(served: Served) -> None:
    """Every command against a gateway; nobody listens at the connector's address."""
    runner = CliRunner(env={
        "HUM_GATEWAY_URL": served.url, "HUM_GATEWAY_KEY": served.node.key, "HUM_GATEWAY_ORG": "acme",
    })  # fmt: skip

    def run(*words: str, status: int = 0) -> Any:
        result = runner.invoke(main, ["connectors", *words, "--json"])
        assert result.exit_code == status, (words, result.output, result.stderr)
        return json.loads(result.stdout)

    made = run("create", "--name", "HubSpot", "--url", "http://127.0.0.1:9/hum")
    id_ = made["id"]
    assert [one["id"] for one in run("list")] == [id_]
    assert run("update", id_, "--timeout-ms", "900")["timeout_ms"] == 900
    rotated = run("rotate-secret", id_, "--grace-period", "60")
    assert rotated["secret"] != made["secret"]
    assert run("finish-rotation", id_)["rotation"] is None
    assert run("ping", id_, status=1)["error"] == "connect_refused"
    [entry] = run("requests", id_, "--kind", "ping")
    assert run("request", entry["id"])["error"] == "connect_refused"
    assert run("disable", id_)["status"] == "disabled"
    assert run("enable", id_, "--pending", "discard", "--yes")["status"] == "enabled"
    assert run("deliveries", id_, "--status", "failed") == []
    assert run("redeliver", id_, "--dry-run")["matched"] == 0
    assert run("redeliver", id_, "--wait")["status"] == "done"
    assert run("stats", id_, "--window", "7d")["attempts"] == 0
    assert run("get", id_)["id"] == id_
    assert run("delete", id_, "--yes") == {"id": id_, "deleted": True}
