"""The statements that find contacts.

A search by phone asks for the last seven digits, wherever they stand in the column, and the kit compares what
comes back. Where columns hold just these digits (`tails`), it asks for those alone, and an index answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import sqlalchemy as sa

from connectors.kit.phones import Phone
from connectors.sql.mapping import Row
from connectors.sql.schema import Column, ContactsTable

TAIL: Final = 7  # digits: what a number has at least without its area code
MOST: Final = 500  # rows that end alike
_BETWEEN: Final = " -().+/\u00a0"  # what stands between digits


def by_phone(contacts: ContactsTable, phone: Phone, dialect: str) -> sa.Select[Any]:
    """Everybody whose number ends like this one."""
    if contacts.tails:
        ends = sorted(tails_of(phone))
        either = [column.in_(ends) for column in contacts.tails]
    else:
        end = f"%{phone.national_digits[-TAIL:]}%"
        either = [_digits(column, dialect).like(end) for column in contacts.phones]
    return select(contacts).where(sa.or_(*either)).limit(MOST)


def by_email(contacts: ContactsTable, email: str) -> sa.Select[Any]:
    return select(contacts).where(contacts.texts["email"] == email).limit(1)


def by_id(contacts: ContactsTable, contact_id: Any) -> sa.Select[Any]:
    return select(contacts).where(contacts.id == contact_id)


def anybody(contacts: ContactsTable) -> sa.Select[Any]:
    return sa.select(contacts.id).limit(1)


def select(contacts: ContactsTable) -> sa.Select[Any]:
    """Rows in the form that mapping.py reads."""
    return sa.select(*(_raw(column).label(name) for name, column in selected(contacts))).where(*contacts.only)


def selected(contacts: ContactsTable) -> Iterator[tuple[str, Column]]:
    """What is read of a contact, under names that cannot clash."""
    yield "id", contacts.id
    if contacts.created is not None:
        yield "created", contacts.created
    yield from ((f"phone_{index}", column) for index, column in enumerate(contacts.phones))
    yield from ((f"text_{name}", column) for name, column in contacts.texts.items())
    yield from ((f"field_{name}", column) for name, column in contacts.fields.items())


def rows(connection: sa.Connection, statement: sa.Select[Any]) -> list[Row]:
    """What a statement finds, as mapping.py reads it."""
    result = connection.execute(statement)
    names = tuple(result.keys())
    return [dict(zip(names, row, strict=True)) for row in result]


def tails_of(phone: Phone) -> set[str]:
    """The last seven digits of the number, as it is written with its country, without, and at home."""
    at_home = "".join(character for character in phone.national if character.isdigit())
    return {digits[-TAIL:] for digits in (phone.digits, phone.national_digits, at_home)}


def _digits(column: Column, dialect: str) -> sa.ColumnElement[str]:
    """The column without what stands between digits, as text."""
    text: sa.ColumnElement[str] = column
    if not isinstance(column.type, sa.String):
        text = sa.cast(column, sa.String(50))
    if dialect == "postgresql":
        return sa.func.regexp_replace(text, "[^0-9]", "", "g", type_=sa.String)
    for character in _BETWEEN:
        text = sa.func.replace(text, character, "", type_=sa.String)
    return text


def _raw(column: Column) -> sa.ColumnElement[Any]:
    """SQLite keeps times as anybody wrote them: read as they stand, not as SQLAlchemy would have them."""
    if isinstance(column.type, sa.DateTime | sa.Date | sa.Time):
        return sa.type_coerce(column, sa.types.NullType())
    return column
