"""Rows and HUM's models, as tables."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

from connectors.kit.contract import Agent, Call, Contact, ContactRef, CreateRequest, Turn
from connectors.sql.mapping import call_row, candidate, contact, new_contact
from connectors.sql.plan import CallColumns, Contacts
from connectors.sql.schema import CallsTable, Column, ContactsTable, Creation
from connectors.sql.values import FIELDS, Unfit, as_json, fits, for_column

PLAN = Contacts(table="customers", id="id", phones=["phone", "mobile"], fields={"vip": "is_vip", "left": "l"})
FIXTURES = Path(__file__).parents[3] / "fixtures" / "events"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"id": 7}, Contact("7")),
        ({"id": 7.0, "text_name": "  ", "phone_0": None}, Contact("7")),
        ({"id": "x", "text_first_name": "Dana"}, Contact("x", name="Dana", first_name="Dana")),
        (
            {"id": 7, "text_first_name": "Dana", "text_last_name": "Quill", "text_name": "D. Quill"},
            Contact("7", name="D. Quill", first_name="Dana", last_name="Quill"),
        ),
        (
            {"id": 7, "text_first_name": "Dana", "text_last_name": "Quill"},
            Contact("7", name="Dana Quill", first_name="Dana", last_name="Quill"),
        ),
        (
            {
                "id": 7, "text_email": "d@example.com", "text_company": "Acme", "text_title": "Buyer",
                "text_notes": "VIP", "phone_0": "ask", "phone_1": 13175550142, "field_vip": True,
                "field_left": None,
            },
            Contact(
                "7", email="d@example.com", company="Acme", title="Buyer", notes="VIP", phone="+13175550142",
                fields={"vip": True},
            ),
        ),
    ],
)  # fmt: skip
def test_a_contact(row: dict[str, Any], expected: Contact) -> None:
    assert contact(row, PLAN, "US") == expected


def test_a_candidate_has_every_number_as_it_stands_there() -> None:
    row = {"id": 7, "phone_0": "(317) 555-0142", "phone_1": 3175550143, "phone_2": " "}
    assert candidate(row, PLAN, "US").phones == ("(317) 555-0142", "3175550143")


@pytest.mark.parametrize(
    ("older", "younger"),
    [
        (9, 10),
        (date(2025, 12, 31), date(2026, 1, 1)),
        (datetime(2026, 1, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC) + timedelta(minutes=1)),
        ("2025-12-31 23:59:59", "2026-01-01 00:00:00"),
    ],
)
def test_the_older_one_sorts_first(older: object, younger: object) -> None:
    def created(value: object) -> str:
        return candidate({"id": 1, "created": value}, PLAN, "US").created

    assert created(older) < created(younger)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (7, 7),
        (2.5, 2.5),
        (float("nan"), None),
        ("x", "x"),
        (Decimal("12.50"), 12.5),
        (Decimal("12.00"), 12),
        (Decimal("NaN"), None),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": [Decimal(1), b"x"]}, {"a": [1, None]}),
        (b"\x00", None),
        (object(), None),
    ],
)
def test_a_field_becomes_json(value: object, expected: object) -> None:
    assert as_json(value) == expected


TIME = "2026-11-20T22:01:12.040+01:00"
INSTANT = datetime(2026, 11, 20, 21, 1, 12, 40_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column_type", "value", "stored"),
    [
        (sa.DateTime(timezone=True), TIME, INSTANT),
        (sa.DateTime(), TIME, INSTANT.replace(tzinfo=None)),
        (sa.Date(), TIME, date(2026, 11, 20)),
        (sa.String(), TIME, TIME),
        (sa.DateTime(), "2026-11-20T21:01:12.040", INSTANT.replace(tzinfo=None)),
        (sa.Integer(), 233.8, 234),
        (sa.Integer(), 2**31, Unfit),
        (sa.BigInteger(), 2**31, 2**31),
        (sa.SmallInteger(), 40_000, Unfit),
        (sa.Numeric(6, 2), 233.8, Decimal("233.8")),
        (sa.Numeric(4, 2), 233.8, Unfit),
        (sa.Float(), 233.8, 233.8),
        (sa.Interval(), 233.8, timedelta(seconds=233.8)),
        (sa.Integer(), float("inf"), Unfit),
        (sa.Integer(), "x", Unfit),
        (sa.String(5), "abcde", "abcde"),
        (sa.String(5), "abcdef", Unfit),
        (sa.Text(), "a\x00b", "ab"),
        (sa.Enum("a", "b"), "a", "a"),
        (sa.Enum("a", "b"), "c", Unfit),
        (sa.JSON(), {"a\x00": ["\x00b"]}, {"a": ["b"]}),
        (sa.ARRAY(sa.Text), ["a", "b\x00"], ["a", "b"]),
        (sa.Uuid(), "00000000-0000-0000-0000-000000000001", uuid.UUID(int=1)),
        (sa.Uuid(), "7", Unfit),
        (sa.DateTime(), "yesterday", Unfit),
        (sa.DateTime(), "0001-01-01T00:00:00+14:00", Unfit),
    ],
    ids=str,
)
def test_a_value_takes_the_form_of_its_column(column_type: Any, value: Any, stored: Any) -> None:
    if stored is Unfit:
        with pytest.raises(Unfit):
            for_column(column_type, value, lambda: str(value))
    else:
        assert for_column(column_type, value, lambda: str(value)) == stored


@pytest.mark.parametrize(
    ("kind", "column_type", "can"),
    [
        ("time", sa.Integer(), False),
        ("object", sa.ARRAY(sa.Text), False),
        ("object", postgresql.JSONB(), True),
        ("list", sa.ARRAY(sa.Text), True),
        ("number", sa.Boolean(), False),
        ("text", sa.Integer(), False),
        ("text", sa.Enum("a"), True),
        ("id", postgresql.UUID(), True),
        ("text", sa.types.NullType(), True),
    ],
)
def test_what_a_column_can_hold(kind: Any, column_type: Any, can: bool) -> None:
    assert fits(kind, column_type) is can


CUSTOMERS = sa.Table(
    "customers", sa.MetaData(), sa.Column("id", sa.Uuid, primary_key=True), sa.Column("tel", sa.String),
    sa.Column("tail", sa.String), sa.Column("name", sa.String(10)), sa.Column("mail", sa.String),
    sa.Column("via", sa.String),
)  # fmt: skip
COLUMNS = CUSTOMERS.columns


@pytest.mark.parametrize(
    ("request_", "row"),
    [
        (CreateRequest("+13175550142"), {}),
        (CreateRequest("+13175550142", name=" Dana  Q "), {"name": "Dana Q"}),
        (CreateRequest("+13175550142", name="Dana Quillfeather"), {"name": "Dana Quil…"}),
        (CreateRequest("+13175550142", name="", email=" d@example.com\x00"), {"mail": "d@example.com"}),
    ],
)
def test_a_new_contact(request_: CreateRequest, row: dict[str, Any]) -> None:
    texts: dict[str, Column] = {"name": COLUMNS.name, "email": COLUMNS.mail}
    contacts = ContactsTable(CUSTOMERS, COLUMNS.id, (COLUMNS.tel,), (COLUMNS.tail,), None, texts, {}, {}, ())
    creation = Creation(COLUMNS.tel, COLUMNS.tail, {COLUMNS.via: "hum"}, makes_uuid=True)
    made = new_contact(contacts, creation, request_, "5550142", lambda: uuid.UUID(int=1))
    always = {"via": "hum", "tel": "+13175550142", "tail": "5550142", "id": uuid.UUID(int=1)}
    assert made == always | row


def test_a_number_goes_into_a_column_of_numbers() -> None:
    table = sa.Table("t", sa.MetaData(), sa.Column("id", sa.Integer), sa.Column("tel", sa.BigInteger))
    contacts = ContactsTable(table, table.c.id, (table.c.tel,), (), None, {}, {}, {}, ())
    creation = Creation(table.c.tel, None, {}, makes_uuid=False)
    made = new_contact(contacts, creation, CreateRequest("+13175550142"), "", uuid.uuid4)
    assert made == {"tel": 13175550142}


def calls(**types: Any) -> CallsTable:
    """A table with a column of its own for each of HUM's fields, of text unless said otherwise."""
    columns = [sa.Column(name, types.get(name, sa.Text)) for name in FIELDS]
    table = sa.Table("calls", sa.MetaData(), sa.Column("hum_id", sa.Text), *columns)
    return CallsTable(table, table.c.hum_id, table.c.hum_id, {name: table.c[name] for name in FIELDS})


def test_nothing_that_hum_says_of_a_call_is_lost() -> None:
    data = json.loads((FIXTURES / "call.completed.json").read_text("utf-8"))["data"]
    whole = msgspec.convert({**data, "id": data["call_id"]}, Call)
    row = call_row(
        calls(transcript=sa.JSON, outcome=sa.JSON), whole, ContactRef("7", data["contact"]["phone"])
    )
    assert row == {
        **{name: data[name] for name in FIELDS if name in data},
        "duration_seconds": "233.8",
        "revision": "1",
        "key_points": "\n".join(f"- {point}" for point in data["key_points"]),
        "next_actions": "\n".join(f"- {action}" for action in data["next_actions"]),
        "tags": ", ".join(data["tags"]),
        "agent_id": data["agent"]["id"],
        "agent_name": data["agent"]["name"],
        "contact_id": "7",
        "contact_phone": "+13175550142",
    }
    assert {*data} - {*FIELDS} == {"call_id", "agent", "contact"}, "and these are in columns of their own"


@pytest.mark.parametrize(
    ("call", "row"),
    [
        (Call("c"), {}),
        (Call("c", summary="", tags=[], outcome={}, agent=Agent()), {}),
        (Call("c", duration_seconds=0), {"duration_seconds": "0"}),
        (Call("c", from_="+1", to="+2"), {"from": "+1", "to": "+2"}),
        (Call("c", revision=4, updated_at=TIME), {"revision": "4", "updated_at": TIME}),
        (Call("c", transcript=[Turn("caller", "a\nb", 3725.0)]), {"transcript": "[62:05] caller: a b"}),
        (Call("c", transcript=[Turn("caller", "a")]), {"transcript": "caller: a"}),
        (Call("c", outcome={"a": "é"}), {"outcome": '{"a": "é"}'}),
        (Call("c", summary="<b>bold</b>"), {"summary": "<b>bold</b>"}),
    ],
)
def test_only_what_is_known_is_written(call: Call, row: dict[str, Any]) -> None:
    assert call_row(calls(), call, None) == row


def test_what_a_column_cannot_take_is_left_out_and_the_rest_is_kept() -> None:
    table = calls(started_at=sa.DateTime, status=sa.Enum("completed"), contact_id=sa.Integer)
    call = Call("c", started_at="soon", status="abducted", summary="S")
    assert call_row(table, call, ContactRef("not a number")) == {"summary": "S"}


@pytest.mark.parametrize(
    ("field", "value", "row"),
    [
        ("summary", "abcdefghij", {"summary": "abcdefg…"}),
        ("sentiment", "overjoyed", {"sentiment": "overjoy…"}),
        ("tags", ["first", "second"], {"tags": "first, …"}),
        ("summary", "abcdefgh", {"summary": "abcdefgh"}),
        ("recording_url", "https://r.example/1", {}),
        ("from_", "+13175550142", {}),
        ("outcome", {"kept": True}, {}),
    ],
)
def test_a_text_is_cut_to_its_column_and_what_would_be_wrong_then_is_left_out(
    field: str, value: Any, row: dict[str, str]
) -> None:
    narrow = calls(**dict.fromkeys(FIELDS, sa.String(8)))
    assert call_row(narrow, Call("c", **{field: value}), None) == row


def test_every_field_of_the_plan_has_a_kind() -> None:
    assert {name.rstrip("_") for name in CallColumns.__struct_fields__} == {*FIELDS}
