"""`audit`, `organizations`, `erasures` against a real gateway; `audit verify` also on file and database."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli import main
from tests.support.node import MASTER_KEY
from tests.support.served import Served, serving

Run = Callable[..., Result]


@pytest.fixture
def served(sqlite_database: str) -> Iterator[Served]:
    with serving(sqlite_database) as found:
        for number in range(3):
            found.run(found.node.webhook(f"https://example.com/{number}"))
        found.run(found.node.call("POST", "/api/keys", json={"role": "viewer", "org_id": "globex"}))
        found.run(found.node.send("test.call", {"from": "+13175550142"}))
        yield found


@pytest.fixture
def run(served: Served, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("HUM_GATEWAY_URL", served.url)
    monkeypatch.setenv("HUM_GATEWAY_KEY", served.node.key)
    monkeypatch.setenv("HUM_GATEWAY_ORG", "acme")
    return lambda *words, **options: CliRunner().invoke(main, words, **options)


def test_the_log_is_listed_exported_and_verified(run: Run, tmp_path: Path) -> None:
    listed = json.loads(run("audit", "list", "--action", "createWebhook", "--json").output)
    assert [entry["number"] for entry in listed] == [3, 2, 1]
    assert "createWebhook" in run("audit", "list").output
    exported = run("audit", "export").output
    assert [json.loads(line)["number"] for line in exported.splitlines()] == [1, 2, 3]
    assert run("audit", "export", "--csv").output.startswith("id,org_id,number,at,actor")
    over_api = run("audit", "verify", "--json")
    assert over_api.exit_code == 0, over_api.output
    assert [(one["org"], one["broken"]) for one in json.loads(over_api.output)] == [("acme", None)]
    everything = json.loads(run("audit", "verify", "--org", "*", "--json").output)
    assert [(one["org"], one["broken"]) for one in everything] == [("acme", None), ("globex", None)]
    file = tmp_path / "audit.ndjson"
    file.write_text(exported)
    assert run("audit", "verify", "--file", str(file)).exit_code == 0
    file.write_text(exported.replace("createWebhook", "deleteWebhook", 1))
    found = run("audit", "verify", "--file", str(file))
    assert found.exit_code == 1
    assert "entry 1" in found.output


def test_an_organization_is_changed_and_a_person_erased(run: Run) -> None:
    changed = run("organizations", "update", "acme", "--retention-days", "90", "--json")
    assert json.loads(changed.output)["retention_days"] == 90
    assert json.loads(run("organizations", "get", "acme", "--json").output)["retention_days"] == 90
    assert "acme" in run("organizations", "list").output
    counted = run("erasures", "create", "+13175550142", "--dry-run", "--json")
    assert json.loads(counted.output)["matched"] == 1
    assert "--yes" in run("erasures", "create", "+13175550142").output, "nobody was there to ask"
    assert json.loads(run("erasures", "create", "+13175550142", "--yes", "--json").output)["done"] == 1
    assert run("organizations", "erase", "acme").exit_code != 0
    assert run("organizations", "erase", "acme", "--yes").exit_code == 0
    assert run("organizations", "get", "acme").exit_code != 0


def test_a_database_is_verified_where_it_lies(sqlite_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(sqlite_database) as served:
        served.run(served.node.webhook("https://example.com/"))
    monkeypatch.setenv("HUM_GATEWAY_DATABASE_URL", sqlite_database)
    monkeypatch.setenv("HUM_GATEWAY_MASTER_KEY", MASTER_KEY)
    runner = CliRunner()
    made = runner.invoke(main, ["keys", "create", "--platform"])
    assert made.exit_code == 0, made.output
    good = runner.invoke(main, ["audit", "verify", "--local", "--json"])
    found = {one["org"]: (one["entries"], one["broken"]) for one in json.loads(good.output)}
    assert found == {"*": (1, None), "acme": (1, None)}
    with sqlite3.connect(sqlite_database.removeprefix("sqlite:///")) as conn:
        conn.execute("UPDATE audit_log SET actor = 'nobody' WHERE org_id = '*'")
    bad = runner.invoke(main, ["audit", "verify", "--local"])
    assert bad.exit_code == 1
    assert "was changed" in bad.output


def test_an_export_as_csv_is_no_chain_to_follow(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "audit.csv"
    file.write_text(run("audit", "export", "--csv").output)
    refused = run("audit", "verify", "--file", str(file))
    assert refused.exit_code == 1
    assert "line 1 is not JSON" in refused.output
