"""Proof H2, HubSpot: every request is right by HubSpot's own OpenAPI documents."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.kit.contract import Call, ContactRef, CreateRequest, Turn
from connectors.kit.phones import parse
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.documents import Documents, documents_or_skip
from tests.connectors.hubspot.double import HubSpot

pytestmark = pytest.mark.anyio

# HubSpot documents it on the page about calls, and in neither of the two documents.
UNDESCRIBED = "PUT /crm/v3/objects/calls/{id}/associations/contacts/{id}/{id}"

FIXTURES = Path(__file__).parents[3] / "fixtures" / "events"
NUMBERS = ("+13175550142", "+4915112345678", "+390669812345", "+442079460018", "+5215512345678")
NAMES = (None, "", "Dana", "Dana van Quillfeather", 'O"Brien <b>', "山田 太郎", "a" * 300)
CALLS = (
    Call("call_bare"),
    Call("call_odd", direction="sideways", status="abducted", duration_seconds=1e300, started_at="soon"),
    Call("call/../slash?", summary="</p><script>", outcome={"a": [1, {"b": None}]}, tags=["é", "\U0001f600"]),
    Call("call_long", transcript=[Turn("caller", "x" * 300, float(number)) for number in range(900)]),
    Call("call_http", recording_url="http://r.example/1.mp3"),
)


@pytest.fixture
def judges() -> Documents:
    return documents_or_skip()


@pytest.mark.proof
async def test_every_request_is_valid_by_hubspots_own_documents(
    judges: Documents, hubspot: HubSpot, connect: Connect
) -> None:
    await everything(hubspot, connect)
    objections = {
        index: judges.request(asked.method, asked.path, asked.query, asked.body)
        for index, asked in enumerate(hubspot.requests)
        if judges.describes(asked.method, asked.path)
    }
    kinds = {hubspot.requests[index].kind for index in objections}
    valid = sum(not found for found in objections.values())
    others = hubspot.kinds() - Counter(hubspot.requests[index].kind for index in objections)
    print(f"{len(objections)} requests of {len(kinds)} kinds, {valid} valid against HubSpot's documents")
    print(f"{others.total()} more of a kind that these leave out: {', '.join(others)}")
    assert [found for found in objections.values() if found] == []
    assert {*others} == {UNDESCRIBED}
    assert len(objections) > 60
    assert kinds == {
        "GET /crm/v3/objects/contacts",
        "GET /crm/v3/objects/contacts/{id}",
        "POST /crm/v3/objects/contacts",
        "POST /crm/v3/objects/contacts/search",
        "GET /crm/v3/objects/calls/{id}",
        "POST /crm/v3/objects/calls",
        "PATCH /crm/v3/objects/calls/{id}",
        "POST /crm/v3/objects/calls/search",
    }


async def everything(hubspot: HubSpot, connect: Connect) -> None:
    """All that a connector ever asks, with values of every kind, and by a process that remembers nothing."""
    taken = hubspot.has_contact(email="taken@example.com")
    for number in NUMBERS:
        for name in NAMES:
            hubspot.clock.now += 2
            email = "taken@example.com" if name == "Dana" else None
            await connect(fields=("vip_level",)).create(CreateRequest(number, name=name, email=email))
        phone = parse(number)
        assert phone is not None
        await connect().lookup(phone)
    data = json.loads((FIXTURES / "call.completed.json").read_text("utf-8"))["data"]
    whole: Any = msgspec.convert({**data, "id": data["call_id"]}, Call)
    for call in (*CALLS, whole):
        hubspot.clock.now += 2
        connector = connect()
        assert await connector.find_call(call.id) is None
        activity = await connector.log_call(call, None, None)
        await connect().log_call(call, ContactRef(taken), activity)
        await connect().log_call(Call(call.id, recording_url="https://r.example/1.mp3"), None, activity)
    await connect().ping()


RIGHT = {
    "properties": {"hs_timestamp": "1795208472040"},
    "associations": [
        {
            "to": {"id": "501"},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}],
        }
    ],
}
SEARCH = {"filterGroups": [{"filters": [{"propertyName": "phone", "operator": "EQ", "value": "+1"}]}]}


def changed(body: dict[str, Any], *path: Any, to: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(body))
    place = copy
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = to
    return copy


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("POST", "/crm/v3/objects/calls", {}, changed(RIGHT, "properties", "hs_timestamp", to=1795208472040)),
        ("POST", "/crm/v3/objects/calls", {}, changed(RIGHT, "associations", 0, "to", to="501")),
        ("POST", "/crm/v3/objects/calls", {}, changed(RIGHT, "associations", 0, "types", 0, to={})),
        (
            "POST", "/crm/v3/objects/calls", {},
            changed(RIGHT, "associations", 0, "types", 0, "associationCategory", to="HUBSPOT"),
        ),
        (
            "POST", "/crm/v3/objects/calls", {},
            changed(RIGHT, "associations", 0, "types", 0, "associationTypeId", to=2**31),
        ),
        ("POST", "/crm/v3/objects/calls", {}, {"properties": {}}),
        ("POST", "/crm/v3/objects/calls", {}, changed(RIGHT, "associatons", to=[])),
        ("POST", "/crm/v3/objects/calls", {}, None),
        ("POST", "/crm/v3/objects/calls", {"idProperty": "x"}, RIGHT),
        ("POST", "/crm/v3/objects/contacts/search", {}, {}),
        (
            "POST", "/crm/v3/objects/contacts/search", {},
            changed(SEARCH, "filterGroups", 0, "filters", 0, "operator", to="CONTAINS"),
        ),
        ("POST", "/crm/v3/objects/contacts/search", {}, changed(SEARCH, "limit", to="10")),
        ("POST", "/crm/v3/objects/contacts/search", {}, changed(SEARCH, "filterGroup", to=[])),
        ("PATCH", "/crm/v3/objects/calls/501", {}, {"hs_call_body": "x"}),
        ("PATCH", "/crm/v3/objects/calls/501", {}, {"properties": {"hs_call_body": None}}),
        ("PUT", "/crm/v3/objects/calls/501", {}, {"properties": {}}),
        ("GET", "/crm/v3/objects/contacts", {"limit": "ten"}, None),
        ("GET", "/crm/v3/objects/contacts/501", {"fields": "email"}, None),
        ("GET", "/crm/v3/objects/contacts/501", {}, {"a": 1}),
        ("POST", "/crm/v3/objects/call", {}, RIGHT),
    ],
)  # fmt: skip
async def test_the_control_a_wrong_request_is_refused(
    judges: Documents, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None
) -> None:
    raw = b"" if body is None else json.dumps(body).encode()
    assert judges.request(method, path, query, raw) != []


async def test_and_a_right_one_is_not(judges: Documents) -> None:
    assert judges.request("POST", "/crm/v3/objects/calls", {}, json.dumps(RIGHT).encode()) == []
    assert judges.request("POST", "/crm/v3/objects/contacts/search", {}, json.dumps(SEARCH).encode()) == []
