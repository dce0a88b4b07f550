"""`keys --remote`: keys of a gateway elsewhere, over its API; nothing of this machine is touched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from gateway.cli import values
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
KEY = {
    "id": "key_1", "platform": False, "org_id": "acme", "role": "viewer", "scopes": [], "name": "dashboard",
    "hint": "hum_live_abcd…", "created_at": "2026-11-20T21:05:09.123Z", "expires_at": None,
    "revoked_at": None,
}  # fmt: skip
CORE = KEY | {"id": "key_2", "platform": True, "org_id": None, "role": None, "scopes": ["manage"]}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A directory with no database in it: nobody may make one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HUM_GATEWAY_DATABASE_URL", raising=False)
    yield
    assert list(tmp_path.iterdir()) == []


def test_a_key_is_made_elsewhere_and_shown_alone(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/keys", httpx.Response(201, json=KEY | {"key": "hum_live_new"}))
    words = ("--org", "acme", "--role", "viewer", "--expires-in", "90d", "--name", "dashboard")
    made = run("keys", "create", "--remote", *words)
    assert made.exit_code == 0, made.output
    assert made.stdout == "hum_live_new\n"
    assert "key_1" in made.stderr
    assert "hum_live_new" not in made.stderr
    assert body_of(gateway.requests[0]) == {
        "org_id": "acme", "role": "viewer", "expires_in": 7_776_000, "name": "dashboard",
    }  # fmt: skip
    assert gateway.requests[0].headers["authorization"] == "Bearer hum_live_test"


def test_whoever_names_a_gateway_or_a_key_means_it(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ADMIN", "hum_live_admin")
    gateway.on("GET /api/keys", httpx.Response(200, json={"data": [KEY], "next_cursor": None}))
    assert "key_1" in run("keys", "list", "--url", "https://gateway.example").stdout
    assert "key_1" in run("keys", "list", "--key-env", "ADMIN").stdout
    assert gateway.requests[0].url.host == "gateway.example"
    assert gateway.requests[1].headers["authorization"] == "Bearer hum_live_admin"
    nothing_said = run("keys", "list")
    assert nothing_said.exit_code == 1
    assert "--remote" in nothing_said.stderr


def test_the_callers_own_organization_needs_no_name(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/keys", httpx.Response(201, json=KEY | {"key": "hum_live_new"}))
    assert run("keys", "create", "--remote", "--role", "viewer").exit_code == 0
    assert body_of(gateway.requests[0]) == {"role": "viewer"}
    assert run("keys", "create", "--remote").exit_code == 2


def test_a_platform_key_belongs_to_no_organization_whatever_the_environment_says(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUM_GATEWAY_ORG", "acme")
    gateway.on("POST /api/keys", httpx.Response(201, json=CORE | {"key": "hum_live_new"}))
    assert run("keys", "create", "--remote", "--platform", "--scopes", "manage").exit_code == 0
    assert body_of(gateway.requests[0]) == {"platform": True, "scopes": ["manage"]}
    assert "x-hum-org" not in gateway.requests[0].headers
    assert run("keys", "create", "--remote", "--role", "viewer").exit_code == 0
    assert body_of(gateway.requests[1]) == {"org_id": "acme", "role": "viewer"}


def test_a_list_may_be_of_one_organization(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/keys", httpx.Response(200, json={"data": [KEY, CORE], "next_cursor": None}))
    assert "key_2" in run("keys", "list", "--remote").stdout
    assert "x-hum-org" not in gateway.requests[0].headers
    assert json.loads(run("keys", "list", "--remote", "--org", "acme", "--json").stdout) == [KEY]
    assert gateway.requests[1].headers["x-hum-org"] == "acme"


def test_revoking_asks_before(run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway.on("DELETE /api/keys/key_1", httpx.Response(204))
    nobody = run("keys", "revoke", "--remote", "key_1")
    assert nobody.exit_code == 1
    assert "--yes" in nobody.stderr
    monkeypatch.setattr(values, "interactive", lambda: True)
    assert run("keys", "revoke", "--remote", "key_1", input="n\n").exit_code == 1
    assert gateway.requests == []
    assert run("keys", "revoke", "--remote", "key_1", input="y\n").exit_code == 0
    assert run("keys", "revoke", "--remote", "key_1", "--yes").exit_code == 0
    assert len(gateway.requests) == 2


def test_a_refusal_is_told_as_everywhere(run: Run, gateway: FakeGateway) -> None:
    refusal = {"error": "insufficient_scope", "message": "this needs the role admin", "details": [],
               "request_id": "req_1"}  # fmt: skip
    gateway.on("POST /api/keys", httpx.Response(403, json=refusal))
    refused = run("keys", "create", "--remote", "--role", "viewer")
    assert refused.exit_code == 1
    assert "keys create --org ORG --role admin" in refused.stderr
