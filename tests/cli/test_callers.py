"""`callers`: what the commands ask and print, and how they end."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
FOUND: Any = samples.responses()["resolveCaller"][200]
RESOLVE = "POST /api/callers/resolve"
CONNECTORS = "GET /api/connectors"


@pytest.fixture(autouse=True)
def connectors(gateway: FakeGateway) -> None:
    named = {FOUND["contact"]["crm"][0]["connector_id"]: "HubSpot", "cnr_1": "Slow \x1b[2JCRM"}
    data = [{"id": connector_id, "name": name} for connector_id, name in named.items()]
    gateway.on(CONNECTORS, httpx.Response(200, json={"data": data, "next_cursor": None}))


def test_who_it_is_and_how_that_is_known(run: Run, gateway: FakeGateway) -> None:
    gateway.on(RESOLVE, httpx.Response(200, json=FOUND))
    result = run("callers", "resolve", "(317) 555-0142", "--call-id", "call_1", "--attestation", "A")
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {
        "phone": "(317) 555-0142", "call_id": "call_1", "direction": "inbound", "attestation": "A",
        "deadline_ms": 900,
    }  # fmt: skip
    assert "Idempotency-Key" not in gateway.requests[0].headers
    lines = dict(re.split(r"  +", line, maxsplit=1) for line in result.stdout.splitlines())
    assert lines["status"] == "found (fresh, 41 ms)"
    assert lines["name"] == "Ada Example  (crm, 12 s old)"
    assert lines["HubSpot (cnr_01k9h3x1y2z3a4b5c6d7e8f9g0)"] == "https://crm.example.com/contacts/7351"
    assert json.loads(run("callers", "resolve", "1", "--json").stdout) == FOUND
    assert run("callers", "resolve", "1", "--context").stdout == FOUND["context"]


@pytest.mark.parametrize(("status", "exit_code"), [("found", 0), ("not_found", 0), ("unknown", 1)])
def test_how_it_ends(run: Run, gateway: FakeGateway, status: str, exit_code: int) -> None:
    answer = FOUND | {"status": status, "contact": None, "phone": None, "source": "none"}
    answer["errors"] = [{"source": "cnr_1", "error": "timeout"}]
    gateway.on(RESOLVE, httpx.Response(200, json=answer))
    result = run("callers", "resolve", "anonymous")
    assert result.exit_code == exit_code
    assert "no answer: Slow \\x1b[2JCRM (cnr_1)  timeout" in result.stdout


def test_connectors_are_listed_once_and_a_key_that_may_not_shows_their_ids(
    run: Run, gateway: FakeGateway
) -> None:
    errors = [{"source": f"cnr_{number}", "error": "timeout"} for number in (1, 2)]
    gateway.on(RESOLVE, httpx.Response(200, json=FOUND | {"errors": errors}))
    assert "no answer: cnr_2 " in run("callers", "resolve", "1").stdout
    assert [one.url.path for one in gateway.requests].count("/api/connectors") == 1
    run("callers", "resolve", "1", "--json")
    assert [one.url.path for one in gateway.requests].count("/api/connectors") == 1
    gateway.on(CONNECTORS, httpx.Response(403, json={"error": "insufficient_scope", "message": "no"}))
    result = run("callers", "resolve", "1")
    assert (result.exit_code, "no answer: cnr_1 " in result.stdout) == (0, True)


def test_no_value_steers_the_terminal(run: Run, gateway: FakeGateway) -> None:
    hostile = json.loads(json.dumps(FOUND).replace("Ada Example", "\\u001b[2JAda"))
    gateway.on(RESOLVE, httpx.Response(200, json=hostile))
    assert "\x1b" not in run("callers", "resolve", "1").stdout


def test_what_cannot_be_asked(run: Run, gateway: FakeGateway) -> None:
    assert run("callers", "resolve", "1", "--deadline-ms", "20").exit_code == 2
    assert run("callers", "resolve", "1", "--direction", "sideways").exit_code == 2
    assert not gateway.requests


LATER: Any = samples.responses()["getResolution"][200]
PREVIEW: Any = samples.responses()["previewCaller"][200]
DIAL: Any = samples.responses()["getCallerDial"][200]


def test_who_is_still_asked_is_said_with_how_to_hear_of_it(run: Run, gateway: FakeGateway) -> None:
    gateway.on(RESOLVE, httpx.Response(200, json=FOUND | {"pending": ["cnr_2", "cnr_3"]}))
    shown = run("callers", "resolve", "1").stdout
    assert f"still asked   cnr_2, cnr_3  (callers resolution {FOUND['resolution_id']})".split() == (
        next(line for line in shown.splitlines() if line.startswith("still asked")).split()
    )


def test_what_came_later(run: Run, gateway: FakeGateway) -> None:
    gateway.on(f"GET /api/callers/resolutions/{LATER['resolution_id']}", httpx.Response(200, json=LATER))
    result = run("callers", "resolution", LATER["resolution_id"], "--wait-ms", "3000", "--after", "1")
    assert result.exit_code == 0, result.output
    assert dict(gateway.requests[0].url.params) == {"wait_ms": "3000", "after": "1"}
    assert "Ada Example  (crm, 12 s old)" in result.stdout
    assert json.loads(run("callers", "resolution", LATER["resolution_id"], "--json").stdout) == LATER
    assert run("callers", "resolution", LATER["resolution_id"], "--context").stdout == LATER["context"]
    assert run("callers", "resolution", "res_1", "--wait-ms", "20001").exit_code == 2


def test_a_preview_prints_the_block_and_what_is_withheld(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/callers/preview", httpx.Response(200, json=PREVIEW))
    result = run("callers", "preview", "+13175550142", "--attestation", "B")
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {
        "phone": "+13175550142", "direction": "inbound", "attestation": "B",
    }  # fmt: skip
    assert result.stdout == PREVIEW["context"]
    assert result.stderr == "known and not told: email\n"


def test_a_preview_of_values_with_a_template_from_a_file(
    run: Run, gateway: FakeGateway, tmp_path: Path
) -> None:
    gateway.on("POST /api/callers/preview", httpx.Response(200, json=PREVIEW))
    template = tmp_path / "template.txt"
    template.write_text("Caller: {{name}}\n", "utf-8")
    result = run(
        "callers", "preview", "--value", "name=Ada = Example", "--value", "tags=vip, payer", "--value",
        "fields.plan=gold", "--template", str(template), "--json",
    )  # fmt: skip
    assert json.loads(result.stdout) == PREVIEW
    assert body_of(gateway.requests[0]) == {
        "contact": {"name": "Ada = Example", "tags": ["vip", "payer"], "fields": {"plan": "gold"}},
        "direction": "inbound", "context_template": "Caller: {{name}}",
    }  # fmt: skip
    assert run("callers", "preview", "--value", "name").exit_code == 2


def test_a_preview_of_nobody_says_what_to_give(run: Run, gateway: FakeGateway) -> None:
    result = run("callers", "preview")
    assert result.exit_code == 2
    assert result.stderr.count("--value FIELD=VALUE") == 1
    assert not gateway.requests


def test_a_preview_names_who_would_be_asked(run: Run, gateway: FakeGateway) -> None:
    errors = [{"source": source, "error": "not_asked"} for source in ("cnr_9", "lookup")]
    errors.append({"source": "phone", "error": "short"})
    gateway.on(
        "POST /api/callers/preview", httpx.Response(200, json=PREVIEW | {"withheld": [], "errors": errors})
    )
    assert run("callers", "preview", "1").stderr == "would be asked in a call: cnr_9, lookup\n"


def test_the_dial_shows_shares_together_and_for_each_connector(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/callers/dial", httpx.Response(200, json=DIAL))
    result = run("callers", "dial")
    assert result.exit_code == 0, result.output
    assert dict(gateway.requests[0].url.params) == {"window": "7d"}
    head, _, *rows = result.stdout.splitlines()
    deadlines = (word for ms in (300, 600, 900, 1200, 1500) for word in (str(ms), "ms"))
    assert head.split() == ["callers", *deadlines, "ever"]
    assert rows[0].split() == ["all", "together", "1200", "51%", "66%", "78%", "82%", "84%", "85%"]
    assert rows[1].split()[0] == "HubSpot"
    empty = DIAL | {"callers": 0, "known": 0, "connectors": []}
    empty["deadlines"] = [{**one, "known": 0, "share": None} for one in DIAL["deadlines"]]
    gateway.on("GET /api/callers/dial", httpx.Response(200, json=empty))
    assert run("callers", "dial", "--window", "1h").stdout.splitlines()[2].split() == [
        "all", "together", "0", *("-" * 6),
    ]  # fmt: skip


def test_an_organizations_words(run: Run, gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.on(
        "PATCH /api/organizations/acme",
        httpx.Response(200, json=samples.responses()["updateOrganization"][200]),
    )
    none: Any = dict.fromkeys(("A", "B", "C", "none"))
    acme = {**samples.responses()["getOrganization"][200], "caller_fields": none}
    gateway.on("GET /api/organizations/acme", httpx.Response(200, json=acme))
    template = tmp_path / "template.txt"
    template.write_text("{{name}}\n{{company}}\n", "utf-8")
    result = run(
        "organizations", "update", "acme", "--context-template", str(template), "--caller-fields",
        "A=name, notes", "--caller-fields", "none=",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[1]) == {
        "context_template": "{{name}}\n{{company}}",
        "caller_fields": none | {"A": ["name", "notes"], "none": []},
    }
    template.write_text("", "utf-8")
    run("organizations", "update", "acme", "--context-template", str(template))
    assert body_of(gateway.requests[2]) == {"context_template": None}
