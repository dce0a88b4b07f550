"""`organizations`: what is set and taken back, and how it is shown."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from click.testing import Result

from gateway.cli.organizations import RESETTABLE
from gateway.domain.organization_settings import OrganizationUpdate
from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
ACME: Any = samples.responses()["getOrganization"][200]
HERE = "/api/organizations/acme"


@pytest.fixture
def update(run: Run, gateway: FakeGateway) -> Run:
    gateway.on(f"PATCH {HERE}", httpx.Response(200, json=ACME))
    return lambda *words: run("organizations", "update", "acme", *words)


def test_the_settings_are_shown_one_a_line(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"GET {HERE}", httpx.Response(200, json=ACME))
    result = run("organizations", "get", "acme")
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines())
    shown = {name.strip(): value.strip() for name, value in lines.items()}
    assert shown["lookups today"] == "12 of 1,000"
    assert shown["lookup_budget"] == "the default"
    assert shown["lookup_cache_days"] == "caller_name 90, line_type 30, carrier 30"
    assert shown["caller_fields A"] == "name, notes, fields.plan"
    assert shown["caller_fields B"] == "name  (as the level above allows)"
    assert shown["own_numbers"] == "+13175550100"
    assert shown["default_region"] == "DE"
    assert json.loads(run("organizations", "get", "acme", "--json").stdout) == ACME
    for budget, why in ((None, " (there is no account to charge)"), (0, "")):
        changed = ACME | {"lookup_budget": budget, "lookups_today": {"used": 3, "budget": 0}}
        gateway.on(f"GET {HERE}", httpx.Response(200, json=changed))
        last = run("organizations", "get", "acme").stdout.splitlines()[-1]
        assert last.split("  ", 1)[1].strip() == f"3 of 0{why}"


def test_budget_and_account_are_set_and_the_token_is_no_argument(
    update: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_TOKEN", "the token itself")
    done = update(
        "--lookup-budget", "500", "--lookup-account-sid", "AC1", "--lookup-token-env", "THEIR_TOKEN"
    )
    assert done.exit_code == 0, done.output
    assert body_of(gateway.requests[0]) == {
        "lookup_budget": 500,
        "lookup_credentials": {"account_sid": "AC1", "auth_token": "the token itself"},
    }
    assert update("--lookup-account-sid", "AC1").exit_code == 2
    assert update("--lookup-token-env", "THEIR_TOKEN").exit_code == 2
    monkeypatch.delenv("THEIR_TOKEN")
    refused = update("--lookup-account-sid", "AC1", "--lookup-token-env", "THEIR_TOKEN")
    assert (refused.exit_code, "THEIR_TOKEN is not set" in refused.stderr) == (1, True)
    assert len(gateway.requests) == 1


def test_how_long_lookups_are_of_use_is_set_field_by_field(update: Run, gateway: FakeGateway) -> None:
    assert update("--lookup-cache-days", "caller_name=90", "--lookup-cache-days", "carrier=7").exit_code == 0
    assert body_of(gateway.requests[0]) == {"lookup_cache_days": {"caller_name": 90, "carrier": 7}}
    for wrong in ("carrier", "carrier=", "carrier=-1", "carrier=1.5", "carrier=٣", "name=30"):
        refused = update("--lookup-cache-days", wrong)
        assert refused.exit_code == 2, wrong
    assert "none of caller_name, line_type, carrier" in update("--lookup-cache-days", "name=30").stderr
    assert update("--lookup-cache-days", "carrier=7", "--reset", "lookup-cache-days").exit_code == 2
    assert len(gateway.requests) == 1


def test_the_account_for_lookups_is_tested(run: Run, gateway: FakeGateway) -> None:
    refused: Any = samples.responses()["testLookups"][200]
    good = refused | {
        "ok": True,
        "status_code": 200,
        "error": None,
        "error_detail": "",
        "provider_code": None,
    }
    gateway.on(f"POST {HERE}/test-lookups", httpx.Response(200, json=good), httpx.Response(200, json=refused))
    assert run("organizations", "test-lookups", "acme").exit_code == 0
    told = run("organizations", "test-lookups", "acme")
    assert told.exit_code == 1
    assert "does not take the credentials" in told.stdout and "20003" in told.stdout
    told = run("organizations", "test-lookups", "acme", "--json")
    assert (told.exit_code, json.loads(told.stdout)) == (1, refused)


def test_a_region_is_set_and_its_absence_shown(update: Run, run: Run, gateway: FakeGateway) -> None:
    assert update("--default-region", "de").exit_code == 0
    assert body_of(gateway.requests[0]) == {"default_region": "DE"}
    assert update("--default-region", "DE", "--reset", "default-region").exit_code == 2
    gateway.on(f"GET {HERE}", httpx.Response(200, json=ACME | {"default_region": None}))
    lines = run("organizations", "get", "acme").stdout.splitlines()
    assert [line.split(None, 1)[1] for line in lines if line.startswith("default_region")] == [
        "none has been set"
    ]


def test_each_setting_can_be_taken_back(update: Run, gateway: FakeGateway) -> None:
    assert {name.replace("-", "_") for name in RESETTABLE} == set(OrganizationUpdate.model_fields)
    words = [word for name in RESETTABLE for word in ("--reset", name)]
    assert update(*words).exit_code == 0
    assert body_of(gateway.requests[0]) == dict.fromkeys(OrganizationUpdate.model_fields)
    assert update("--reset", "lookup-budget", "--lookup-budget", "5").exit_code == 2
    assert update().exit_code == 2
    assert len(gateway.requests) == 1


def test_only_the_levels_that_are_named_change(update: Run, gateway: FakeGateway) -> None:
    had = {"A": ["name", "notes"], "B": ["name"], "C": None, "none": []}
    gateway.on(f"GET {HERE}", httpx.Response(200, json=ACME | {"caller_fields": had}))
    assert update("--caller-fields", "A=name, email", "--caller-fields", "C=").exit_code == 0
    assert [one.method for one in gateway.requests] == ["GET", "PATCH"]
    assert body_of(gateway.requests[1]) == {
        "caller_fields": {"A": ["name", "email"], "B": ["name"], "C": [], "none": []}
    }
    assert update("--reset", "caller-fields").exit_code == 0
    assert body_of(gateway.requests[2]) == {"caller_fields": None}
    assert update("--reset", "caller-fields", "--caller-fields", "A=name").exit_code == 2


def test_what_is_told_at_a_level_that_nobody_chose_is_shown(run: Run, gateway: FakeGateway) -> None:
    for chosen, at_b in (
        ({}, "name, company, title, caller_name, line_type, carrier, tags  (the usual ones)"),
        ({"A": ["company", "notes", "name"]}, "name, company  (as the level above allows)"),
        ({"A": []}, "none  (as the level above allows)"),
    ):
        levels = dict.fromkeys(("A", "B", "C", "none")) | chosen
        gateway.on(f"GET {HERE}", httpx.Response(200, json=ACME | {"caller_fields": levels}))
        lines = run("organizations", "get", "acme").stdout.splitlines()
        (line,) = (line for line in lines if line.startswith("caller_fields B"))
        assert line.removeprefix("caller_fields B").strip() == at_b


def test_a_level_that_is_none_is_told_which_there_are(update: Run, gateway: FakeGateway) -> None:
    result = update("--caller-fields", "D=name")
    assert result.exit_code == 2
    assert "levels are A, B, C, none" in result.stderr
    assert not gateway.requests


ERASURE: Any = samples.responses()["erasePerson"][200]


def test_what_was_found_of_a_person_is_a_table(run: Run, gateway: FakeGateway) -> None:
    gateway.on(
        "POST /api/erasures", httpx.Response(200, json=ERASURE | {"found": {"events": 12, "answers": 3}})
    )
    lines = run("erasures", "create", "+13175550142", "--dry-run").stdout.splitlines()
    assert [line.split() for line in lines[-2:]] == [["answers", "3"], ["events", "12"]]
    assert "{" not in "".join(lines)


def test_a_contact_is_erased_under_its_number(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/contacts/ctc_1", httpx.Response(200, json={"phone": "+13175550142"}))
    gateway.on("POST /api/erasures", httpx.Response(200, json=ERASURE))
    assert run("erasures", "create", "ctc_1", "--yes").exit_code == 0
    assert body_of(gateway.requests[1])["phone"] == "+13175550142"
