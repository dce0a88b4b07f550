"""Lists of all organizations say whose each thing is."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from click.testing import Result

from tests.cli.conftest import FakeGateway

Run = Callable[..., Result]
LISTS = {
    ("webhooks", "list"): "/api/webhooks",
    ("events", "list"): "/api/events",
    ("deliveries", "list"): "/api/deliveries",
    ("jobs", "list"): "/api/jobs",
    ("connectors", "list"): "/api/connectors",
    ("connectors", "requests", "cnr_1"): "/api/connectors/cnr_1/requests",
    ("connectors", "deliveries", "cnr_1"): "/api/connectors/cnr_1/deliveries",
    ("audit", "list"): "/api/audit",
}


@pytest.mark.parametrize("words", LISTS, ids=" ".join)
def test_a_list_of_all_organizations_says_whose_each_thing_is(
    run: Run, gateway: FakeGateway, words: tuple[str, ...]
) -> None:
    row = {"id": "id_1", "org_id": "acme", "at": "2026-11-20T21:05:09.123Z", "details": {}, "events": []}
    gateway.on(f"GET {LISTS[words]}", httpx.Response(200, json={"data": [row], "next_cursor": None}))

    of_all = run(*words, "--org", "*")
    assert of_all.exit_code == 0, of_all.output
    assert "organization" in of_all.stdout
    assert "acme" in of_all.stdout

    of_one = run(*words, "--org", "acme")
    assert of_one.exit_code == 0, of_one.output
    assert "organization" not in of_one.stdout
    assert json.loads(run(*words, "--org", "*", "--json").stdout) == [row]


def test_the_environment_may_say_so(run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUM_GATEWAY_ORG", "*")
    page = {"data": [{"id": "evt_1", "org_id": "acme"}], "next_cursor": None}
    gateway.on("GET /api/events", httpx.Response(200, json=page))
    assert "acme" in run("events", "list").stdout
