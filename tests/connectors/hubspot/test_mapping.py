"""HUM's fields and HubSpot's properties, as tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from connectors.hubspot.body import render, sections
from connectors.hubspot.mapping import (
    Links,
    Record,
    associations,
    candidate,
    changes,
    contact,
    contact_search,
    new_call,
    new_contact,
    title,
)
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.phones import parse

NOW = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
FIXTURES = Path(__file__).parents[3] / "fixtures" / "events"


def record(**properties: str | None) -> Record:
    return Record("501", properties, "2026-11-19T21:00:00.000Z")


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({}, Contact("501")),
        ({"firstname": None, "email": "", "company": "  "}, Contact("501")),
        ({"firstname": "Dana"}, Contact("501", name="Dana", first_name="Dana")),
        ({"lastname": "Quillfeather"}, Contact("501", name="Quillfeather", last_name="Quillfeather")),
        (
            {
                "firstname": "Dana", "lastname": "Quillfeather", "email": "dana@example.com",
                "phone": "(317) 555-0142", "company": "Acme", "jobtitle": "Buyer", "vip_level": "gold",
            },
            Contact(
                "501", name="Dana Quillfeather", first_name="Dana", last_name="Quillfeather",
                email="dana@example.com", phone="+13175550142", company="Acme", title="Buyer",
                fields={"vip_level": "gold"},
            ),
        ),
        ({"phone": "ask Bob", "mobilephone": "+44 20 7946 0018"}, Contact("501", phone="+442079460018")),
        ({"phone": "none"}, Contact("501")),
    ],
)  # fmt: skip
def test_a_contact(properties: dict[str, str | None], expected: Contact) -> None:
    assert contact(record(**properties), Links(), ("vip_level",)) == expected


@pytest.mark.parametrize(
    ("links", "url"),
    [
        (Links(), None),
        (Links("48"), "https://app.hubspot.com/contacts/48/record/0-1/501"),
        (
            Links("48", "https://app-eu1.hubspot.com/"),
            "https://app-eu1.hubspot.com/contacts/48/record/0-1/501",
        ),
    ],
)
def test_the_link_to_the_record(links: Links, url: str | None) -> None:
    assert contact(record(), links).url == url


def test_a_candidate_has_every_number_as_it_stands_there() -> None:
    found = candidate(record(phone="(317) 555-0142", mobilephone="317.555.0143 x2"), Links())
    assert found.phones == ("(317) 555-0142", "317.555.0143 x2")
    assert found.created == "2026-11-19T21:00:00.000Z"


@pytest.mark.parametrize(
    ("number", "national"),
    [("+13175550142", "3175550142"), ("+4915112345678", "15112345678"), ("+390669812345", "0669812345")],
)
def test_the_search_asks_for_every_notation_at_once(number: str, national: str) -> None:
    phone = parse(number)
    assert phone is not None
    rules = [group["filters"] for group in contact_search(phone, ("vip_level",))["filterGroups"]]
    assert [(one["propertyName"], one["operator"], one["value"]) for [one] in rules] == [
        ("phone", "EQ", number),
        ("mobilephone", "EQ", number),
        ("hs_searchable_calculated_phone_number", "CONTAINS_TOKEN", f"*{national}"),
        ("hs_searchable_calculated_mobile_number", "CONTAINS_TOKEN", f"*{national}"),
        ("phone", "CONTAINS_TOKEN", f"*{national}"),
    ]
    assert "vip_level" in contact_search(phone, ("vip_level",))["properties"]


@pytest.mark.parametrize(
    ("request_", "properties"),
    [
        (CreateRequest("+13175550142"), {"phone": "+13175550142"}),
        (CreateRequest("+1", name="Dana"), {"phone": "+1", "firstname": "Dana"}),
        (
            CreateRequest("+1", name=" Dana  van  Quill ", email="dana@example.com"),
            {"phone": "+1", "firstname": "Dana", "lastname": "van Quill", "email": "dana@example.com"},
        ),
        (CreateRequest("+1", name="", email="dana at example"), {"phone": "+1"}),
        (CreateRequest("+1", email="a@b@c.de"), {"phone": "+1"}),
    ],
)
def test_a_new_contact(request_: CreateRequest, properties: dict[str, str]) -> None:
    assert new_contact(request_) == properties


@pytest.mark.parametrize(
    ("call", "properties"),
    [
        (Call("c"), {}),
        (Call("c", duration_seconds=233.8), {"hs_call_duration": "233800"}),
        (Call("c", duration_seconds=0), {"hs_call_duration": "0"}),
        (Call("c", duration_seconds=-3), {}),
        (Call("c", duration_seconds=float("inf")), {}),
        (Call("c", direction="sideways", status="abducted"), {}),
        (Call("c", direction="inbound"), {"hs_call_direction": "INBOUND", "hs_call_title": "Inbound call"}),
        (
            Call("c", direction="outbound"),
            {"hs_call_direction": "OUTBOUND", "hs_call_title": "Outbound call"},
        ),
        (Call("c", status="completed"), {"hs_call_status": "COMPLETED"}),
        (Call("c", status="missed"), {"hs_call_status": "NO_ANSWER"}),
        (Call("c", status="voicemail"), {"hs_call_status": "NO_ANSWER"}),
        (Call("c", status="busy"), {"hs_call_status": "BUSY"}),
        (Call("c", status="failed"), {"hs_call_status": "FAILED"}),
        (Call("c", status="canceled"), {"hs_call_status": "CANCELED"}),
        (
            Call("c", from_="+1317", to="+1800"),
            {"hs_call_from_number": "+1317", "hs_call_to_number": "+1800"},
        ),
        (
            Call("c", recording_url="https://r.example/1.mp3"),
            {"hs_call_recording_url": "https://r.example/1.mp3"},
        ),
        (Call("c", recording_url="http://r.example/1.mp3"), {}),
        (Call("c", recording_url="https:///nowhere"), {}),
        (Call("c", started_at="2026-11-20T21:01:12.040Z"), {"hs_timestamp": "1795208472040"}),
        (Call("c", started_at="2026-11-20T22:01:12.040+01:00"), {"hs_timestamp": "1795208472040"}),
        (Call("c", started_at="yesterday"), {}),
    ],
)
def test_what_is_known_of_a_call(call: Call, properties: dict[str, str]) -> None:
    assert changes(call, "") == properties


@pytest.mark.parametrize(
    ("call", "milliseconds"),
    [
        (Call("c", started_at="2026-11-20T21:01:12.040Z", ended_at="2026-11-20T21:05:09Z"), "1795208472040"),
        (Call("c", answered_at="2026-11-20T21:01:15Z"), "1795208475000"),
        (Call("c", started_at="?", ended_at="2026-11-20T21:05:09"), "1795208709000"),
        (Call("c"), "1795208400000"),
        (Call("c", started_at="0001-01-01T00:00:00Z"), "-62135596800000"),
    ],
)
def test_a_new_call_always_has_a_time_and_its_id(call: Call, milliseconds: str) -> None:
    made = new_call(call, "", NOW)
    assert (made["hs_timestamp"], made["hs_call_external_id"]) == (milliseconds, "c")
    assert made["hs_call_title"] == "Call"


@pytest.mark.parametrize(
    ("direction", "status", "expected"),
    [
        ("inbound", "completed", "Inbound call from +13175550142"),
        ("inbound", "missed", "Missed call from +13175550142"),
        ("inbound", "voicemail", "Voicemail from +13175550142"),
        ("outbound", "missed", "Outbound call to +18005550100"),
        (None, "completed", None),
    ],
)
def test_the_title_names_the_other_party(direction: str | None, status: str, expected: str | None) -> None:
    call = Call("c", direction=direction, status=status, from_="+13175550142", to="+18005550100")
    assert title(call) == expected


def test_one_contact_and_one_association() -> None:
    assert associations(None) == []
    assert associations(ContactRef("501", "+13175550142")) == [
        {
            "to": {"id": "501"},
            "types": [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 194}],
        }
    ]


def test_nothing_that_hum_says_of_a_call_is_lost() -> None:
    """Every value of HUM's sample stands in some property, in HubSpot's form where it has one of its own."""
    data = json.loads((FIXTURES / "call.completed.json").read_text("utf-8"))["data"]
    call = msgspec.convert({**data, "id": data.pop("call_id")}, Call)
    made = new_call(call, render(sections(call)), NOW)
    everything = "\n".join(made.values())
    own_form = {
        "inbound": "INBOUND",
        "2026-11-20T21:01:12.040Z": "1795208472040",
        "233.8": "233800",
        "0": "0:00",
        "3.3": "0:03",
        "8.9": "0:08",
        "17.2": "0:17",
        "24.6": "0:24",
        "31.0": "0:31",
        "36.5": "0:36",
        **{role: f"{role.capitalize()}: " for role in ("agent", "caller", "system")},
    }
    # Whose contact it is becomes the association; the revision is the ledger's.
    said = {name: value for name, value in data.items() if name not in ("contact", "revision", "updated_at")}
    for value in leaves(said):
        expected = own_form.get(str(value), str(value)).replace("'", "&#x27;")
        assert expected in everything, value


def leaves(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [leaf for one in value.values() for leaf in leaves(one)]
    if isinstance(value, list):
        return [leaf for one in value for leaf in leaves(one)]
    return [value]
