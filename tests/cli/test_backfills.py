"""`contacts backfill`: nothing is ordered before its cost was seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from gateway.cli import backfills, main
from gateway.demo.twilio import TwilioDouble
from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of
from tests.support.served import serving

Run = Callable[..., Result]
ESTIMATE: Any = samples.responses()["backfillContacts"][200]
JOB: Any = samples.responses()["backfillContacts"][202]
PHONE = "+13175550142"
BACKFILL = "POST /api/contacts/backfill"
NOTHING = {"matched": 0, "cost": {"currency": "USD", "amount": "0.00"}}


def answers(gateway: FakeGateway, *found: Any) -> None:
    gateway.on(BACKFILL, *(httpx.Response(202 if "id" in one else 200, json=one) for one in found))


def asked(gateway: FakeGateway) -> list[Any]:
    return [body_of(one) for one in gateway.requests if one.method == "POST"]


def test_a_dry_run_shows_numbers_and_cost(run: Run, gateway: FakeGateway) -> None:
    answers(gateway, ESTIMATE)
    result = run("contacts", "backfill", "twilio", "--dry-run", "--all")
    assert (result.exit_code, result.stdout) == (0, "446 numbers, about 8.028 USD\n")
    assert asked(gateway) == [{"source": "twilio", "only_missing": False, "dry_run": True}]
    assert json.loads(run("contacts", "backfill", "twilio", "--dry-run", "--json").stdout) == ESTIMATE
    answers(gateway, {"matched": 1, "cost": {"currency": "USD", "amount": "0.00"}})
    assert run("contacts", "backfill", "connectors", "--dry-run").stdout == "1 number, free of charge\n"


def test_where_nobody_can_be_asked_it_says_what_to_give(run: Run, gateway: FakeGateway) -> None:
    answers(gateway, ESTIMATE)
    result = run("contacts", "backfill", "twilio")
    assert result.exit_code == 1
    assert "446 numbers, about 8.028 USD" in result.stderr and "--confirm-cost 8.028" in result.stderr
    assert asked(gateway) == [{"source": "twilio", "only_missing": True, "dry_run": True}]


@pytest.mark.parametrize(("said", "ordered"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_person_is_asked(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, said: str, ordered: bool
) -> None:
    monkeypatch.setattr(backfills, "interactive", lambda: True)
    answers(gateway, ESTIMATE, JOB)
    result = run("contacts", "backfill", "twilio", input=said)
    assert (result.exit_code == 0) is ordered
    assert "about 8.028 USD. Ask for them?" in result.stderr
    last = asked(gateway)[-1]
    assert last.get("confirm_cost") == ("8.028" if ordered else None)
    assert (JOB["id"] in result.stdout) is ordered


def test_a_confirmed_amount_is_ordered_and_followed(run: Run, gateway: FakeGateway) -> None:
    done = JOB | {"status": "done", "done": 440, "failed": 6, "finished_at": JOB["updated_at"]}
    answers(gateway, JOB)
    gateway.on(f"GET /api/jobs/{JOB['id']}", httpx.Response(200, json=JOB), httpx.Response(200, json=done))
    result = run("contacts", "backfill", "twilio", "--confirm-cost", "8.028", "--wait", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == done
    assert asked(gateway)[:1] == [{"source": "twilio", "only_missing": True, "confirm_cost": "8.028"}]
    refused = done | {"status": "failed", "error": "backfill_refused"}
    gateway.on(f"GET /api/jobs/{JOB['id']}", httpx.Response(200, json=refused))
    result = run("contacts", "backfill", "twilio", "--confirm-cost", "8.028", "--wait")
    assert result.exit_code == 1
    assert "failed (backfill_refused)" in result.stdout


def test_connectors_cost_nothing_and_are_asked_at_once(run: Run, gateway: FakeGateway) -> None:
    answers(gateway, JOB)
    assert run("contacts", "backfill", "connectors").exit_code == 0
    assert asked(gateway) == [{"source": "connectors", "only_missing": True}]


def test_where_nothing_is_missing_there_is_no_job(run: Run, gateway: FakeGateway) -> None:
    answers(gateway, NOTHING)
    result = run("contacts", "backfill", "twilio")
    assert (result.exit_code, result.stdout) == (0, "nothing is missing\n")
    assert len(gateway.requests) == 1


def test_another_cost_by_then_is_told_with_what_to_do(run: Run, gateway: FakeGateway) -> None:
    problem = {
        "error": "cost_changed",
        "message": "it costs 9.00 by now",
        "details": [],
        "request_id": "req_1",
    }
    gateway.on(BACKFILL, httpx.Response(409, json=problem))
    result = run("contacts", "backfill", "twilio", "--confirm-cost", "8.028")
    assert result.exit_code == 1
    assert "it costs 9.00 by now (409 cost_changed)" in result.stderr and "--dry-run" in result.stderr
    for amount in ("much", "-1", "NaN"):
        assert run("contacts", "backfill", "twilio", "--confirm-cost", amount).exit_code == 2


def test_the_whole_way_at_a_gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Estimated, confirmed, followed to its end; then nothing is missing, and nothing more is charged."""
    with TwilioDouble() as twilio:
        settings = {name.lower(): value for name, value in twilio.settings.items()}
        with serving(f"sqlite:///{tmp_path / 'gateway.db'}", **settings) as served:
            monkeypatch.setenv("HUM_GATEWAY_URL", served.url)
            served.run(served.node.new_key("admin"))  # so that the organization is there
            monkeypatch.setenv("HUM_GATEWAY_KEY", served.node.key)
            monkeypatch.setenv("HUM_GATEWAY_ORG", "acme")

            def run(*words: str) -> str:
                result = CliRunner().invoke(main, words)
                assert result.exit_code == 0, result.output
                return result.stdout

            assert "installation" in run("organizations", "test-lookups", "acme")
            assert not twilio.charged()
            twilio.asked.clear()
            run("contacts", "set", PHONE, "--tag", "vip")
            run("contacts", "set", "+4930123456", "--tag", "vip")
            told = run("contacts", "backfill", "twilio", "--dry-run")
            amount = told.split()[3]
            assert (told, twilio.asked) == (f"2 numbers, about {amount} USD\n", [])
            job = json.loads(
                run("contacts", "backfill", "twilio", "--confirm-cost", amount, "--wait", "--json")
            )
            assert (job["status"], job["done"], job["failed"]) == ("done", 2, 0)
            assert "Sergio Suarez  (lookup, " in run("contacts", "get", PHONE)
            assert run("contacts", "backfill", "twilio") == "nothing is missing\n"
            assert "lookups today           0 of 1,000" in run("organizations", "get", "acme")
            assert len(twilio.asked) == 2
