"""Rows and HUM's models, both ways. Pure functions."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest, Turn
from connectors.kit.phones import parse
from connectors.sql.plan import Contacts
from connectors.sql.schema import CallsTable, Column, ContactsTable, Creation
from connectors.sql.values import (
    FIELDS,
    MAY_BE_CUT,
    Unfit,
    as_document,
    as_json,
    as_lines,
    as_text,
    clean,
    for_column,
    shortened,
)

Row = Mapping[str, Any]  # of `search.select`


def candidate(row: Row, plan: Contacts, country: str) -> Candidate:
    """A row of `search.select`."""
    phones = tuple(text for name in row if name.startswith("phone_") and (text := as_text(row[name])))
    return Candidate(contact(row, plan, country), phones, _sortable(row.get("created")))


def contact(row: Row, plan: Contacts, country: str) -> Contact:
    texts = {name: as_text(row.get(f"text_{name}")) for name in ("first_name", "last_name", "name")}
    phones = (as_text(row[name]) for name in row if name.startswith("phone_"))
    contact_id = as_text(row["id"]) or ""
    return Contact(
        id=contact_id,
        name=texts["name"] or " ".join(filter(None, (texts["first_name"], texts["last_name"]))) or None,
        first_name=texts["first_name"],
        last_name=texts["last_name"],
        email=as_text(row.get("text_email")),
        phone=next((found.e164 for text in phones if text and (found := parse(text, country))), None),
        company=as_text(row.get("text_company")),
        title=as_text(row.get("text_title")),
        url=plan.url(contact_id),
        notes=as_text(row.get("text_notes")),
        fields={
            name: value for name in plan.fields if (value := as_json(row.get(f"field_{name}"))) is not None
        },
    )


def new_contact(
    contacts: ContactsTable,
    creation: Creation,
    request: CreateRequest,
    tail: str,
    make_id: Callable[[], uuid.UUID],
) -> dict[str, Any]:
    """The row of a contact to be made, by the names of its columns; columns that nothing is known for are
    left to the database. `tail` is the end of the number."""
    name = " ".join((request.name or "").split())
    first, _, last = name.partition(" ")
    known = {"name": name, "first_name": first, "last_name": last, "email": (request.email or "").strip()}
    row = {column.name: value for column, value in creation.values.items()}
    row |= {
        column.name: _text(column, known[text]) for text, column in contacts.texts.items() if known.get(text)
    }
    row[creation.phone.name] = for_column(
        creation.phone.type, request.phone.lstrip("+"), lambda: request.phone
    )
    if creation.tail is not None:
        row[creation.tail.name] = tail
    if creation.makes_uuid:
        made = make_id()
        row[contacts.id.name] = for_column(contacts.id.type, made, lambda: str(made))
    return row


def call_row(calls: CallsTable, call: Call, contact: ContactRef | None) -> dict[str, Any]:
    """What HUM says of a call, by the names of the columns that take it. What HUM does not say is missing,
    so that an update never empties a column; so is what a column cannot hold."""
    said = {name: value for name, value in _said(call, contact).items() if value not in (None, [], {}, "")}
    row = {}
    for name, column in calls.columns.items():
        if name in said:
            written = partial(_written, name, said[name], call)
            with contextlib.suppress(Unfit):
                row[column.name] = for_column(column.type, said[name], written, may_cut=name in MAY_BE_CUT)
    return row


def _said(call: Call, contact: ContactRef | None) -> dict[str, Any]:
    said = {name: getattr(call, name, None) for name in FIELDS}
    return said | {
        "from": call.from_,
        "revision": call.revision or None,
        "transcript": msgspec.to_builtins(call.transcript),
        "agent_id": call.agent.id if call.agent else None,
        "agent_name": call.agent.name if call.agent else None,
        "contact_id": contact.id if contact else None,
        "contact_phone": contact.phone if contact else None,
    }


def _written(name: str, value: Any, call: Call) -> str:
    """A field as text, for a column that has no better form for it."""
    if name == "transcript":
        return "\n".join(map(_turn, call.transcript))
    if name == "tags":
        return ", ".join(value)
    if FIELDS[name] == "list":
        return as_lines(value)
    return value if isinstance(value, str) else as_document(value)


def _turn(turn: Turn) -> str:
    at = "" if turn.at is None else f"[{max(turn.at, 0) // 60:.0f}:{max(turn.at, 0) % 60:02.0f}] "
    return f"{at}{turn.role}: {' '.join(turn.text.split())}"


def _text(column: Column, text: str) -> str:
    return shortened(clean(text), getattr(column.type, "length", None))


def _sortable(created: Any) -> str:
    """Numbers, such as seconds since 1970, sort as text only with zeros before them."""
    if isinstance(created, int) and not isinstance(created, bool):
        return f"{created:020d}"
    return as_text(created) or ""
