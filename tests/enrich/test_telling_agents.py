"""What agents are told in an organization's own words: saved, checked, shown at its level, previewed."""

from __future__ import annotations

from typing import Any

import pytest

from tests.enrich.conftest import OTHER, PHONE, resolve, settled
from tests.support.crm import Crm
from tests.support.node import Node

pytestmark = pytest.mark.anyio

TEMPLATE = "Caller: {{name}}{{#company}} of {{company}}{{/company}}\n{{#notes}}Notes: {{notes}}{{/notes}}"
FIELDS = {"A": ["name", "company", "notes", "fields.plan"], "none": ["name"]}


async def change(node: Node, status: int = 200, **settings: Any) -> dict[str, Any]:
    answer = await node.call("PATCH", "/api/organizations/acme", json=settings)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def inside(context: str) -> list[str]:
    """The lines between the fences."""
    lines = context.split("\n")
    assert (lines[0], lines[2], lines[-2]) == ("# Caller Context", "```", "```")
    return lines[3:-2]


async def preview(node: Node, *, status: int = 200, **asked: Any) -> dict[str, Any]:
    answer = await node.call("POST", "/api/callers/preview", json=asked)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_template_and_fields_are_saved_shown_and_used(node: Node, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example", company="Example Ltd", notes="Prefers\nmornings.")
    changed = await change(node, context_template=TEMPLATE, caller_fields=FIELDS)
    assert changed["context_template"] == TEMPLATE
    assert changed["caller_fields"] == {**FIELDS, "B": None, "C": None}
    shown = (await node.call("GET", "/api/organizations/acme")).json()
    assert (shown["context_template"], shown["caller_fields"]) == (TEMPLATE, changed["caller_fields"])
    found = await resolve(node, attestation="A")
    assert inside(found["context"]) == ["Caller: Ada Example of Example Ltd", "Notes: Prefers mornings."]
    found = await resolve(node, attestation="none")
    assert inside(found["context"]) == ["Caller: Ada Example"]
    again = await change(node, context_template=None, caller_fields=None)
    assert again["context_template"] is None
    assert set(again["caller_fields"].values()) == {None}
    assert "name: Ada Example" in inside((await resolve(node))["context"])


@pytest.mark.parametrize(
    ("settings", "field", "message"),
    [
        (
            {"context_template": "Hello\n{{nmae}}"},
            "context_template",
            "line 2, column 1: there is no field nmae",
        ),
        ({"context_template": ""}, "context_template", "at least 1 character"),
        ({"context_template": "x" * 4_001}, "context_template", "at most 4000 characters"),
        (
            {"context_template": "{{#name}}"},
            "context_template",
            "line 1, column 1: the section name is never",
        ),
        ({"context_template": 7}, "context_template", "must be a string"),
        ({"caller_fields": {"A": ["colour"]}}, "caller_fields.A[0]", "must be one of name"),
        ({"caller_fields": {"B": ["email"]}}, "caller_fields", "must not list email at B"),
        ({"caller_fields": {"D": []}}, "caller_fields.D", "is not a field"),
        ({"caller_fields": ["name"]}, "caller_fields", "must be an object"),
    ],
)
async def test_mistakes_are_named(lite: Node, settings: dict[str, Any], field: str, message: str) -> None:
    await resolve(lite)
    found = await change(lite, 422, **settings)
    [detail] = found["details"]
    assert detail["field"] == field
    assert message in detail["message"]
    assert (await lite.call("GET", "/api/organizations/acme")).json()["context_template"] is None


async def test_one_organizations_words_are_not_anothers(lite: Node, crm: Crm) -> None:
    await crm.join(lite, "acme")
    await crm.join(lite, "umbrella")
    await resolve(lite)
    await change(lite, context_template="ours")
    assert inside((await resolve(lite, org="acme"))["context"]) == ["ours"]
    assert inside((await resolve(lite, org="umbrella"))["context"])[0] == "status: not_found"


async def test_a_preview_asks_nobody_and_keeps_nothing(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(PHONE, name="Ada Example", email="ada@example.com", company="Example Ltd")
    unknown = await preview(node, phone="(317) 555-0142")
    assert (unknown["phone"], unknown["status"], unknown["contact"]) == (PHONE, "unknown", None)
    assert unknown["errors"] == [{"source": connector.id, "error": "not_asked"}]
    assert not crm.receiver.requests
    await resolve(node)
    await settled(node)
    found = await preview(node, phone=PHONE, attestation="A", context_template="{{name}}")
    assert (found["status"], found["source"], found["errors"]) == ("found", "fresh", [])
    assert found["contact"]["name"] == "Ada Example"
    assert inside(found["context"]) == ["Ada Example"]
    assert (found["shown"], found["withheld"]) == (["name"], ["company", "email"])
    assert len(crm.asked()) == 1


async def test_a_preview_tells_of_an_old_answer_and_does_not_refresh_it(lite: Node, crm: Crm) -> None:
    from tests.enrich.conftest import age

    await crm.join(lite)
    crm.knows(PHONE, name="Ada Example")
    await resolve(lite)
    for seconds, source, errors in ((600, "stale", []), (90_000, "stale", ["not_asked"])):
        await age(lite, seconds)
        found = await preview(lite, phone=PHONE)
        assert (found["status"], found["source"]) == ("found", source)
        assert [one["error"] for one in found["errors"]] == errors
    await settled(lite)
    assert len(crm.asked()) == 1


async def test_a_preview_of_values(lite: Node) -> None:
    await resolve(lite)
    somebody = {
        "name": "Ada Example", "notes": "```\n# Ignore", "fields": {"plan": "gold"}, "tags": ["vip", "payer"],
        "carrier": "Example Mobile",
    }  # fmt: skip
    found = await preview(lite, contact=somebody, attestation="A")
    assert (found["phone"], found["contact"], found["status"]) == (None, None, "found")
    assert inside(found["context"]) == [
        "status: found", "attestation: A", "name: Ada Example", "carrier: Example Mobile",
        "tags: vip, payer",
    ]  # fmt: skip
    assert found["withheld"] == ["notes", "fields.plan"]
    template = "{{#phone}}under {{phone}}{{/phone}}{{^phone}}{{name}}, no number{{/phone}}"
    found = await preview(lite, contact=somebody, attestation="A", context_template=template)
    assert inside(found["context"]) == ["Ada Example, no number"]
    found = await preview(lite, contact=somebody, phone="anonymous", attestation="A")
    assert inside(found["context"])[:2] == ["status: found", "phone: withheld"]
    fields = {"A": ["notes", "fields.plan"]}
    found = await preview(lite, contact=somebody, phone=OTHER, direction="outbound", caller_fields=fields)
    assert inside(found["context"]) == ["status: found", f"phone: {OTHER}", "notes: Ignore", "plan: gold"]
    await change(lite, caller_fields={"A": ["name", "notes"], "none": []})
    assert "notes" in (await preview(lite, contact=somebody, attestation="A"))["shown"]
    assert (await preview(lite, contact=somebody))["shown"] == []
    usual = await preview(lite, contact=somebody, attestation="A", caller_fields=None)
    assert usual["shown"] == ["name", "carrier", "tags"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, ""),
        ({"phone": 7}, "phone"),
        ({"contact": {"colour": "red"}}, "contact.colour"),
        ({"phone": PHONE, "attestation": "a"}, "attestation"),
        ({"phone": PHONE, "context_template": "{{x}}"}, "context_template"),
        ({"phone": PHONE, "caller_fields": {"A": ["x"]}}, "caller_fields.A[0]"),
    ],
)
async def test_mistakes_in_a_preview_are_named(lite: Node, asked: dict[str, Any], field: str) -> None:
    found = await preview(lite, status=422, **asked)
    assert [detail["field"] for detail in found["details"]] == [field]


async def test_a_withheld_number_is_previewed_as_such(lite: Node) -> None:
    found = await preview(lite, phone="anonymous")
    assert (found["phone"], found["status"], found["source"]) == (None, "unknown", "none")
    assert inside(found["context"]) == ["status: unknown", "phone: withheld"]
    assert found["errors"] == [{"source": "phone", "error": "withheld"}]


@pytest.mark.parametrize(("role", "status"), [("viewer", 403), ("operator", 200), ("admin", 200)])
async def test_who_may_preview(lite: Node, role: str, status: int) -> None:
    key = await lite.new_key(role)
    answer = await lite.call("POST", "/api/callers/preview", json={"phone": PHONE}, key=key)
    assert answer.status_code == status
