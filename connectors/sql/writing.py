"""The statements that make contacts and log calls. Each function is one piece of work in one transaction."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Callable
from typing import Any, Final

import sqlalchemy as sa

from connectors.kit.contract import Call, ContactRef, CreateRequest
from connectors.kit.phones import Phone, match
from connectors.sql import search
from connectors.sql.mapping import Row, call_row, new_contact
from connectors.sql.schema import CallsTable, ContactsTable, Creation
from connectors.sql.values import as_text

MADE: Final = True
WAS_THERE: Final = False


def make_contact(
    connection: sa.Connection,
    contacts: ContactsTable,
    creation: Creation,
    request: CreateRequest,
    phone: Phone,
    country: str,
    make_id: Callable[[], uuid.UUID] = uuid.uuid4,
) -> tuple[Row, bool]:
    """The contact's row, and whether it was made now. On PostgreSQL one number is made by one at a time, from
    however many machines; elsewhere the kit sees to that on one machine."""
    if connection.dialect.name == "postgresql":
        number = int.from_bytes(hashlib.sha256(phone.e164.encode()).digest()[:8], "big", signed=True)
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(number)))
    there = _with_number(connection, contacts, phone, country)
    if there is not None:
        return there, WAS_THERE
    tail = phone.national_digits[-search.TAIL :]
    values = new_contact(contacts, creation, request, tail, make_id)
    result = connection.execute(sa.insert(contacts.table).values(values))
    made = result.inserted_primary_key
    assert made is not None
    [row] = search.rows(connection, search.by_id(contacts, made[0])) or [{"id": made[0]}]
    return row, MADE


def with_email(connection: sa.Connection, contacts: ContactsTable, email: str) -> Row | None:
    """The contact with an e-mail address, where such a column is known."""
    if not email or "email" not in contacts.texts:
        return None
    return next(iter(search.rows(connection, search.by_email(contacts, email))), None)


def put_call(
    connection: sa.Connection, calls: CallsTable, call: Call, contact: ContactRef | None, logged: bool
) -> str | None:
    """Makes the call's row, or brings it up to date unless it is of a later revision. Returns the activity's
    id. `logged`: it had a row before; one that a person has deleted stays deleted, and None is returned.
    Raises IntegrityError when another one has just made the row: then it is there to be updated."""
    known = connection.execute(_known(calls, call.id).with_for_update()).mappings().first()
    values = call_row(calls, call, contact)
    if known is None:
        if logged:
            return None
        row = {**values, calls.call_id.name: call.id}
        connection.execute(sa.insert(calls.table).values(row))
    elif values and not _is_later(known["revision"], call.revision):
        connection.execute(sa.update(calls.table).where(calls.call_id == call.id).values(values))
    return find_call(connection, calls, call.id)


def find_call(connection: sa.Connection, calls: CallsTable, call_id: str) -> str | None:
    known = connection.execute(_known(calls, call_id)).mappings().first()
    return as_text(known["activity_id"]) if known is not None else None


def _known(calls: CallsTable, call_id: str) -> sa.Select[Any]:
    revision = calls.columns.get("revision")
    return sa.select(
        calls.activity_id.label("activity_id"),
        revision.label("revision") if revision is not None else sa.null().label("revision"),
    ).where(calls.call_id == call_id)


def _is_later(stored: Any, given: int) -> bool:
    try:
        return int(stored) > given
    except (TypeError, ValueError):
        return False


def _with_number(
    connection: sa.Connection, contacts: ContactsTable, phone: Phone, country: str
) -> Row | None:
    for row in search.rows(connection, search.by_phone(contacts, phone, connection.dialect.name)):
        stored = (as_text(value) for name, value in row.items() if name.startswith("phone_"))
        if any(text is not None and match(phone, text, country) for text in stored):
            return row
    return None
