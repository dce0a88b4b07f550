"""Columns of files over HTTP: mapped and left out by the query, refused all at once, told in the report."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.store.tables import contacts
from tests.enrich.conftest import rows
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

CSV, LINES = "text/csv", "application/x-ndjson"
TABLE = "Mobile;Full Name;Plan;Internal Id\n(317) 555-0142;Ada Example;gold;7\n+13175550143;Bo;;8\n"
OBJECTS = (
    '{"Mobile": "(317) 555-0142", "Full Name": "Ada Example", "Plan": "gold", "Internal Id": 7}\n'
    '{"Mobile": "+13175550143", "Full Name": "Bo", "Internal Id": 8}\n'
)
QUERY = [
    ("map", "Mobile:phone"), ("map", "Full Name:name"), ("map", "Plan:fields.plan"),
    ("ignore", "Internal Id"),
]  # fmt: skip


@pytest.fixture
async def lite(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as made:
        yield made


async def bring_in(
    node: Node, content: str, query: list[tuple[str, str]], kind: str = CSV, status: int = 200, **headers: str
) -> dict[str, Any]:
    answer = await node.call(
        "POST", "/api/contacts/import", content=content, params=query,
        headers={"Content-Type": kind} | headers,
    )  # fmt: skip
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(("content", "kind"), [(TABLE, CSV), (OBJECTS, LINES)])
async def test_a_file_of_another_system_comes_in(lite: Node, content: str, kind: str) -> None:
    tried = await bring_in(lite, content, [*QUERY, ("dry_run", "true")], kind)
    assert await rows(lite, contacts) == []
    done = await bring_in(lite, content, QUERY, kind)
    assert {**tried, "dry_run": False} == done
    assert (done["created"], done["refused"]) == (2, 0)
    assert done["columns"] == [
        {"column": "Mobile", "field": "phone"}, {"column": "Full Name", "field": "name"},
        {"column": "Plan", "field": "fields.plan"}, {"column": "Internal Id", "field": None},
    ]  # fmt: skip
    ada = (await lite.call("GET", "/api/contacts/+13175550142")).json()
    assert (ada["name"], ada["fields"]) == ("Ada Example", {"plan": "gold"})
    assert (await bring_in(lite, content, QUERY, kind))["unchanged"] == 2


@pytest.mark.parametrize(("content", "kind"), [(TABLE, CSV), (OBJECTS, LINES)])
async def test_nothing_is_written_where_a_column_is_mistaken(lite: Node, content: str, kind: str) -> None:
    wrong = [*QUERY, ("map", "Mobil:nmae"), ("ignore", "Plan"), ("ignore", "Colour")]
    found = await bring_in(lite, content, wrong, kind, 422)
    assert found["error"] == "invalid_request"
    assert [(one["field"], one["message"].split(" ")[0]) for one in found["details"]] == [
        ("map[3]", "nmae"), ("ignore[1]", "Plan"), ("map[3]", "Mobil"), ("ignore[2]", "Colour"),
    ]  # fmt: skip
    assert await rows(lite, contacts) == []


async def test_an_unknown_column_says_what_can_be_done_with_it(lite: Node) -> None:
    found = await bring_in(lite, "phone,Patient\n", [], status=422)
    assert found["details"] == [
        {"field": "Patient", "message": "is not a column: map it to a field, or ignore it"}
    ]
    assert found["message"].endswith("and fields.<name> for your own")


async def test_only_these_parameters_may_stand_more_than_once(lite: Node) -> None:
    for name, value in (("region", "DE"), ("dry_run", "true")):
        found = await bring_in(lite, TABLE, [*QUERY, (name, value), (name, value)], status=422)
        assert found["details"] == [{"field": name, "message": "stands more than once"}]
    answer = await lite.call("GET", "/api/contacts", params=[("tag", "a"), ("tag", "b")])
    assert answer.json()["details"][0]["field"] == "tag"


async def test_the_columns_belong_to_the_key(lite: Node) -> None:
    key = {"Idempotency-Key": "k"}
    first = await bring_in(lite, TABLE, QUERY, **key)
    assert await bring_in(lite, TABLE, QUERY[::-1], **key) == first
    other = await bring_in(lite, TABLE, [*QUERY[:2], ("ignore", "*")], status=409, **key)
    assert other["error"] == "idempotency_conflict"


async def test_what_an_export_overrides_stays_so_under_other_names(lite: Node) -> None:
    table = "Mobile,Firm,title,overridden\n+13175550142,Example Ltd,Dr,company\n"
    await bring_in(lite, table, [("map", "Mobile:phone"), ("map", "Firm:company")])
    found = (await lite.call("GET", "/api/contacts/+13175550142")).json()
    assert list(found["overrides"]) == ["company"]
    line = json.dumps({"Mobile": "+13175550143", "title": "Dr", "overrides": {"company": {"value": "B"}}})
    await bring_in(lite, line, [("map", "Mobile:phone")], LINES)
    found = (await lite.call("GET", "/api/contacts/+13175550143")).json()
    assert list(found["overrides"]) == ["company"]
