"""What commands say when they fail: a hint that names the setting, the same as JSON, and exit statuses."""

from __future__ import annotations

import json
from collections.abc import Callable

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli import main, values
from gateway.cli.reference import commands
from tests.cli.conftest import FakeGateway

Run = Callable[..., Result]


def problem(status: int, code: str, message: str = "no", **headers: str) -> httpx.Response:
    body = {"error": code, "message": message, "details": [], "request_id": "req_9"}
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (problem(401, "api_key_invalid"), "HUM_GATEWAY_KEY"),
        (problem(403, "insufficient_scope", "this needs a key with the scope manage"), "--scopes manage"),
        (problem(403, "insufficient_scope", "this needs the role admin; the key has viewer"), "--role admin"),
        (problem(400, "organization_required"), "--org or HUM_GATEWAY_ORG"),
        (problem(403, "wrong_organization"), "unset HUM_GATEWAY_ORG"),
        (problem(422, "target_denied"), "HUM_GATEWAY_ALLOW_NETWORKS"),
        (problem(404, "organization_unknown"), "HUM_GATEWAY_CREATE_ORGS"),
        (httpx.Response(404, text="<html>"), "HUM_GATEWAY_URL or --gateway-url"),
        (httpx.Response(302, headers={"Location": "https://x"}), "HUM_GATEWAY_URL or --gateway-url"),
    ],
)
def test_a_hint_says_what_to_change(
    run: Run, gateway: FakeGateway, answer: httpx.Response, hint: str
) -> None:
    gateway.on("GET /api/webhooks", answer)
    result = run("webhooks", "list")
    assert result.exit_code == 1
    assert hint in result.stderr.splitlines()[-1]
    assert result.stderr.splitlines()[-1].startswith("  hint: ")


@pytest.mark.parametrize("identifier", ["", "..", "."])
def test_what_is_no_id_is_said(run: Run, gateway: FakeGateway, identifier: str) -> None:
    result = run("webhooks", "get", identifier)
    assert (result.exit_code, result.stderr) == (1, f"Error: {identifier!r} is not an id\n")
    assert gateway.requests == []


def test_an_error_without_a_hint_has_none(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/webhooks/whk_1", problem(404, "not_found", "there is no webhook whk_1"))
    assert run("webhooks", "get", "whk_1").stderr.splitlines() == [
        "Error: there is no webhook whk_1 (404 not_found)",
        "  request: req_9",
    ]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (problem(404, "not_found"), 1),
        (problem(500, "internal_error"), 1),
        (problem(503, "overloaded", **{"Retry-After": "900"}), 3),
        (problem(429, "rate_limited", **{"Retry-After": "900"}), 3),
        (httpx.ConnectError("refused"), 3),
    ],
)
def test_the_exit_status_says_whether_later_may_help(
    run: Run, gateway: FakeGateway, answer: httpx.Response | Exception, status: int
) -> None:
    gateway.on("GET /api/webhooks", answer)
    assert run("webhooks", "list").exit_code == status


def test_with_json_an_error_is_json_too(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/webhooks", problem(401, "api_key_invalid", "the key is unknown\x1b[2J"))
    result = run("webhooks", "list", "--json")
    assert result.stdout == ""
    said = json.loads(result.stderr)
    assert said["error"] == "api_key_invalid"
    assert said["message"] == "the key is unknown\x1b[2J"
    assert said["request_id"] == "req_9"
    assert "HUM_GATEWAY_KEY" in said["hint"]
    assert "\x1b" not in result.stderr


def test_with_json_a_refusal_of_the_command_itself_is_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUM_GATEWAY_KEY")
    result = run("events", "list", "--json")
    assert result.exit_code == 1
    assert "HUM_GATEWAY_KEY" in json.loads(result.stderr)["message"]


@pytest.mark.parametrize("path", [path for path, _ in commands(main, ())], ids=lambda path: " ".join(path))
def test_every_command_takes_json(path: tuple[str, ...]) -> None:
    command: click.Command = main
    for word in path:
        assert isinstance(command, click.Group)
        command = command.commands[word]
    takes = any("--json" in param.opts for param in command.params)
    assert takes != (path in {("serve",), ("demo",)})


def test_keygen_as_json() -> None:
    assert len(json.loads(CliRunner().invoke(main, ["keygen", "--json"]).stdout)["master_key"]) == 44


def test_revoking_a_key_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    database = f"{tmp_path}/gateway.db"
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", f"sqlite:///{database}")
    made = CliRunner().invoke(main, ["keys", "create", "--platform", "--json"])
    key_id = json.loads(made.stdout)["id"]
    refused = CliRunner().invoke(main, ["keys", "revoke", key_id])
    assert (refused.exit_code, "--yes" in refused.stderr) == (1, True)
    monkeypatch.setattr(values, "interactive", lambda: True)
    assert CliRunner().invoke(main, ["keys", "revoke", key_id], input="n\n").exit_code == 1
    done = CliRunner().invoke(main, ["keys", "revoke", key_id, "--yes", "--json"])
    assert json.loads(done.stdout) == {"id": key_id, "revoked": True}


def test_an_unreachable_postgresql_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", "postgresql://hum:hunter2@127.0.0.1:1/hum")
    monkeypatch.setenv("HUM_GATEWAY_MASTER_KEY", CliRunner().invoke(main, ["keygen"]).stdout.strip())
    result = CliRunner().invoke(main, ["keys", "list"])
    assert result.exit_code == 1
    assert "the database cannot be reached: PostgreSQL at 127.0.0.1:1: " in result.stderr
    assert "hunter2" not in result.stderr
