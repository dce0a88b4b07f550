"""`contacts`: what it sends and prints, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
CONTACT: Any = samples.responses()["getContact"][200]
REPORT: Any = samples.responses()["importContacts"][200]
CONNECTORS = httpx.Response(
    200,
    json={
        "data": [{"id": link["connector_id"], "name": "HubSpot"} for link in CONTACT["crm"]],
        "next_cursor": None,
    },
)
PHONE = "+13175550142"
HERE = f"/api/contacts/{PHONE}"


def test_a_contact_is_shown_with_the_source_and_age_of_each_value(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"GET {HERE}", httpx.Response(200, json=CONTACT))
    gateway.on("GET /api/connectors", CONNECTORS)
    result = run("contacts", "get", PHONE)
    assert result.exit_code == 0, result.output
    lines = dict(line.split("  ", 1) for line in result.stdout.splitlines() if "  " in line)
    assert lines["name"].strip() == "Ada Example  (override, 86400 s old)"
    assert lines[f"HubSpot ({CONTACT['crm'][0]['connector_id']})"] == CONTACT["crm"][0]["url"]
    assert lines["fields.plan"].strip() == "gold"
    assert "by jo@example.com" in lines["said of name"]
    assert json.loads(run("contacts", "get", PHONE, "--json").stdout) == CONTACT
    assert gateway.requests[0].url.raw_path == b"/api/contacts/%2B13175550142"


def test_what_is_said_is_sent_and_what_is_forgotten_is_null(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"PATCH {HERE}", httpx.Response(200, json=CONTACT | {"crm": []}))
    gateway.on(f"PUT {HERE}", httpx.Response(201, json=CONTACT | {"crm": []}))
    run("contacts", "set", PHONE, "--name", "Ada", "--field", "plan=gold=x", "--tag", "vip", "--tag", "b")
    run("contacts", "set", PHONE, "--forget", "name", "--forget", "fields.plan", "--no-tags")
    run("contacts", "set", PHONE, "--replace", "--first-name", "Ada")
    run("contacts", "set", PHONE, "--replace")
    assert [(one.method, body_of(one)) for one in gateway.requests] == [
        ("PATCH", {"name": "Ada", "fields": {"plan": "gold=x"}, "tags": ["vip", "b"]}),
        ("PATCH", {"name": None, "fields": {"plan": None}, "tags": []}),
        ("PUT", {"first_name": "Ada"}),
        ("PUT", {}),
    ]
    assert run("contacts", "set", PHONE).exit_code == 2
    assert run("contacts", "set", PHONE, "--field", "plan").exit_code == 2
    assert len(gateway.requests) == 4


def test_lists_and_searches(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/contacts", httpx.Response(200, json={"data": [CONTACT], "next_cursor": None}))
    gateway.on("POST /api/contacts/search", httpx.Response(200, json={"data": [CONTACT], "more": True}))
    listed = run("contacts", "list", "--tag", "vip")
    assert "Ada Example" in listed.stdout
    assert gateway.requests[0].url.params["tag"] == "vip"
    found = run("contacts", "search", "ada ex")
    assert PHONE in found.stdout
    assert "there are more" in found.stderr
    assert "Idempotency-Key" not in gateway.requests[1].headers
    assert json.loads(run("contacts", "search", "ada", "--json").stdout) == [CONTACT]


@pytest.mark.parametrize(
    ("errors", "contact", "exit_code"),
    [([], CONTACT, 0), ([], None, 0), ([{"source": "cnr_1", "error": "timeout"}], CONTACT, 1)],
)
def test_a_refresh_says_who_did_not_answer(
    run: Run, gateway: FakeGateway, errors: Any, contact: Any, exit_code: int
) -> None:
    answer = httpx.Response(200, json={"contact": contact, "errors": errors})
    gateway.on("GET /api/connectors", httpx.Response(403, json={"error": "insufficient_scope"}))
    gateway.on(f"POST {HERE}/refresh", answer)
    result = run("contacts", "refresh", PHONE, "--deadline-ms", "900")
    assert result.exit_code == exit_code
    assert body_of(gateway.requests[0]) == {"deadline_ms": 900}
    assert ("no answer: cnr_1  timeout" in result.stderr) == bool(errors)
    assert ("nobody knows" in result.stderr) == (contact is None)


def test_merging_and_deleting(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"POST {HERE}/merge", httpx.Response(200, json=CONTACT))
    gateway.on(f"DELETE {HERE}", httpx.Response(204))
    assert run("contacts", "merge", PHONE, "ctc_1", "--yes", "--json").exit_code == 0
    assert body_of(gateway.requests[0]) == {"from": "ctc_1"}
    assert run("contacts", "delete", PHONE).exit_code == 1
    assert run("contacts", "delete", PHONE, "--yes").exit_code == 0
    assert [one.method for one in gateway.requests] == ["POST", "DELETE"]


def said(**values: Any) -> Any:
    overrides = {name: {"value": value, "at": "…", "by": "jo"} for name, value in values.items()}
    return httpx.Response(200, json=CONTACT | {"overrides": overrides})


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (
            {"name": "Ada", "company": "One"}, {"first_name": "Bob", "company": "Two", "email": "b@x"},
            ["first_name: Bob goes, the rest of the name stays", "company: Two goes, One stays"],
        ),
        ({"company": "One"}, {"company": "One", "name": "Bob"}, ["nothing is lost"]),
        ({"company": "One"}, None, ["ctc_1 is nobody's yet"]),
    ],
)  # fmt: skip
def test_a_merge_says_what_would_go_and_asks(
    run: Run, gateway: FakeGateway, first: Any, second: Any, told: list[str]
) -> None:
    missing = httpx.Response(404, json={"error": "not_found", "message": "no"})
    gateway.on(f"GET {HERE}", said(**first))
    gateway.on("GET /api/contacts/ctc_1", missing if second is None else said(**second))
    result = run("contacts", "merge", PHONE, "ctc_1")
    assert (result.exit_code, [one.method for one in gateway.requests]) == (1, ["GET", "GET"])
    lines = result.stderr.splitlines()
    assert [line[: len(begins)] for line, begins in zip(lines, told, strict=False)] == told
    assert "cannot be undone" in lines[-1] and len(lines) == len(told) + 1


def test_a_file_comes_in_and_refused_lines_are_told(run: Run, gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.on("POST /api/contacts/import", httpx.Response(200, json=REPORT))
    table, lines = tmp_path / "people.csv", tmp_path / "people.ndjson"
    table.write_bytes(b"phone\n+13175550142\n")
    lines.write_bytes(b'{"phone": "+13175550142"}\n')
    result = run("contacts", "import", str(table), "--region", "DE", "--dry-run")
    assert result.exit_code == 1, "a line was refused"
    assert result.stdout == "3 contacts: 1 created, 1 updated, 0 unchanged, 1 refused\n"
    assert result.stderr == "line 4  phone: is too short to be anybody's in particular\n"
    run("contacts", "import", str(lines))
    run("contacts", "import", "-", "--format", "ndjson", input=b"{}")
    kinds = [one.headers["Content-Type"] for one in gateway.requests]
    assert kinds == ["text/csv", "application/x-ndjson", "application/x-ndjson"]
    assert dict(gateway.requests[0].url.params) == {"region": "DE", "dry_run": "true"}
    assert [one.content for one in gateway.requests] == [table.read_bytes(), lines.read_bytes(), b"{}"]
    one = {"lines": 1, "created": 1, "updated": 0, "refused": 0, "errors": []}
    gateway.on("POST /api/contacts/import", httpx.Response(200, json=REPORT | one))
    result = run("contacts", "import", str(table))
    assert (result.exit_code, result.stdout.partition(",")[0]) == (0, "1 contact: 1 created")


def test_columns_are_mapped_and_a_dry_run_shows_what_each_became(
    run: Run, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.on("POST /api/contacts/import", httpx.Response(200, json=REPORT | {"dry_run": True}))
    table = tmp_path / "people.csv"
    table.write_bytes(b"Mobile,a=b,Internal Id\n+13175550142,gold,7\n")
    mapped = ("--map", "Mobile = phone", "--map", "a=b=fields.plan")
    ignored = ("--ignore", "Internal Id", "--ignore", "*")
    result = run("contacts", "import", str(table), *mapped, *ignored, "--dry-run")
    assert gateway.requests[0].url.params.multi_items() == [
        ("map", "Mobile:phone"), ("map", "a=b:fields.plan"), ("ignore", "Internal Id"), ("ignore", "*"),
        ("dry_run", "true"),
    ]  # fmt: skip
    lines = [line.split("  ") for line in result.stdout.splitlines()]
    shown = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert shown[2:-2] == [["Mobile", "phone"], ["Internal Id", "-"]]
    assert shown[-1] == ["3 contacts: 1 created, 1 updated, 0 unchanged, 1 refused (dry run)"]
    for wrong in ("Mobile", "=phone", "Mobile="):
        assert run("contacts", "import", str(table), "--map", wrong).exit_code == 2
    twice = run("contacts", "import", str(table), "--map", "Mobile=phone", "--map", "Mobile=name")
    assert (twice.exit_code, "'Mobile' is mapped twice" in twice.stderr) == (2, True)
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("more", "told"),
    [(499, "499 more lines were refused; the first 1 are shown"), (1, "1 more line was refused"), (0, None)],
)
def test_of_refused_lines_that_are_not_described_it_is_said_how_many(
    run: Run, gateway: FakeGateway, tmp_path: Path, more: int, told: str | None
) -> None:
    counts = {"refused": 1 + more, "lines": 3 + more}
    gateway.on("POST /api/contacts/import", httpx.Response(200, json=REPORT | counts))
    result = run("contacts", "import", "-", input=b"phone\n")
    assert result.exit_code == 1
    _, *rest = result.stderr.splitlines()
    assert [line[: len(told or "")] for line in rest] == ([] if told is None else [told])
    assert result.stdout.endswith(f"{1 + more} refused\n")
    as_json = run("contacts", "import", "-", "--json", input=b"phone\n")
    assert (as_json.exit_code, json.loads(as_json.stdout)["refused"], as_json.stderr) == (1, 1 + more, "")


def test_the_book_goes_out(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/contacts", httpx.Response(200, content=b"phone\r\n+13175550142\r\n"))
    result = run("contacts", "export", "--tag", "vip")
    assert result.stdout_bytes == b"phone\r\n+13175550142\r\n"
    assert gateway.requests[0].headers["Accept"] == "text/csv"
    run("contacts", "export", "--json")
    assert gateway.requests[1].headers["Accept"] == "application/x-ndjson"


def test_an_organizations_own_numbers_are_set_and_taken_back(run: Run, gateway: FakeGateway) -> None:
    answer: Any = samples.responses()["updateOrganization"][200]
    gateway.on("PATCH /api/organizations/acme", httpx.Response(200, json=answer))
    run("organizations", "update", "acme", "--own-number", PHONE, "--own-number", "+13175550100")
    run("organizations", "update", "acme", "--no-own-numbers", "--retention-days", "9")
    assert [body_of(one) for one in gateway.requests] == [
        {"own_numbers": [PHONE, "+13175550100"]}, {"retention_days": 9, "own_numbers": []},
    ]  # fmt: skip
