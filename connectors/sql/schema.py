"""The plan held against the database: tables are reflected, and every name in the plan must be among them.

From here on statements are built of reflected columns. A name that the operator wrote goes into none of them,
so a mistyped or hostile one ends here, with the names that there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from connectors.sql.plan import Calls, Contacts, Create, Plan
from connectors.sql.values import FIELDS, fits

Column = sa.Column[Any]

_TEXTS = ("name", "first_name", "last_name", "email", "company", "title", "notes")


@dataclass(frozen=True, slots=True)
class ContactsTable:
    """`texts` by HUM's name, `fields` by the name they are answered under."""

    table: sa.Table
    id: Column
    phones: tuple[Column, ...]
    tails: tuple[Column, ...]
    created: Column | None
    texts: dict[str, Column]
    fields: dict[str, Column]
    where: dict[Column, Any]
    where_null: tuple[Column, ...]

    @property
    def only(self) -> tuple[sa.ColumnElement[bool], ...]:
        """The rows that count."""
        return (
            *(column == value for column, value in self.where.items()),
            *(column.is_(None) for column in self.where_null),
        )


@dataclass(frozen=True, slots=True)
class Creation:
    """`phone` takes the number, `tail` its last digits where the database does not derive them."""

    phone: Column
    tail: Column | None
    values: dict[Column, Any]
    makes_uuid: bool


@dataclass(frozen=True, slots=True)
class CallsTable:
    """`columns` by HUM's name of the field."""

    table: sa.Table
    call_id: Column
    activity_id: Column
    columns: dict[str, Column]


@dataclass(frozen=True, slots=True)
class Tables:
    contacts: ContactsTable
    creation: Creation | None
    calls: CallsTable | None


def bind(connection: sa.Connection, plan: Plan) -> Tables:
    """Raises ValueError that names the field of the plan, and what the database has instead."""
    contacts = _contacts(connection, plan.contacts)
    return Tables(
        contacts=contacts,
        creation=_creation(contacts, plan.create) if plan.create is not None else None,
        calls=_calls(connection, plan.calls) if plan.calls is not None else None,
    )


def _contacts(connection: sa.Connection, plan: Contacts) -> ContactsTable:
    table = _reflected(connection, plan.table, plan.db_schema, "contacts")
    named = {name: getattr(plan, name) for name in _TEXTS}
    phones = tuple(_columns(table, plan.phones, "contacts.phones"))
    for phone in phones:
        if isinstance(phone.type, sa.ARRAY | sa.JSON):
            raise ValueError(
                f"contacts.phones: {phone.name} holds several numbers: make a view with one a row"
            )
    tails = tuple(_columns(table, plan.tails, "contacts.tails"))
    for tail in tails:
        if not isinstance(tail.type, sa.String):
            raise ValueError(f"contacts.tails: {tail.name} must be text, since digits may begin with 0")
    return ContactsTable(
        table=table,
        id=_column(table, plan.id, "contacts.id"),
        phones=phones,
        tails=tails,
        created=_column(table, plan.created, "contacts.created") if plan.created else None,
        texts={name: _column(table, column, f"contacts.{name}") for name, column in named.items() if column},
        fields={name: _column(table, column, "contacts.fields") for name, column in plan.fields.items()},
        where={_column(table, name, "contacts.where"): value for name, value in plan.where.items()},
        where_null=tuple(_columns(table, plan.where_null, "contacts.where_null")),
    )


def _creation(contacts: ContactsTable, plan: Create) -> Creation:
    table = contacts.table
    if [*table.primary_key.columns] != [contacts.id]:
        raise ValueError(f"create: {contacts.id.name} must be the primary key of {table.name}")
    if plan.id == "database" and not _makes_ids(contacts.id):
        raise ValueError(f'create.id: the database makes no {contacts.id.name} by itself; say id = "uuid"')
    phone = _column(table, plan.phone, "create.phone") if plan.phone else contacts.phones[0]
    index = contacts.phones.index(phone)
    paired = len(contacts.tails) == len(contacts.phones)
    tail = contacts.tails[index] if paired and contacts.tails[index].computed is None else None
    values = {_column(table, name, "create.values"): value for name, value in plan.values.items()}
    # What is made must be among the rows that count.
    return Creation(phone, tail, {**contacts.where, **values}, makes_uuid=plan.id == "uuid")


def _makes_ids(column: Column) -> bool:
    generated = column.server_default is not None or column.identity is not None
    return generated or column.table.autoincrement_column is column


def _calls(connection: sa.Connection, plan: Calls) -> CallsTable:
    table = _reflected(connection, plan.table, plan.db_schema, "calls")
    call_id = _column(table, plan.call_id, "calls.call_id")
    if not _is_unique(connection, table, call_id):
        raise ValueError(
            f"calls.call_id: {call_id.name} needs a unique index: a call must not become two rows"
        )
    primary = [*table.primary_key.columns]
    activity_id = _column(table, plan.id, "calls.id") if plan.id else None
    if activity_id is None:
        activity_id = primary[0] if len(primary) == 1 else call_id
    columns = {}
    for name, column_name in plan.columns.named().items():
        column = columns[name] = _column(table, column_name, f"calls.columns.{name}")
        if not fits(FIELDS[name], column.type):
            raise ValueError(f"calls.columns.{name}: {column.name} is {column.type!s}, which cannot hold it")
    return CallsTable(table, call_id, activity_id, columns)


def _is_unique(connection: sa.Connection, table: sa.Table, column: Column) -> bool:
    inspector = sa.inspect(connection)
    unique = [
        [*table.primary_key.columns.keys()],
        *(one["column_names"] for one in inspector.get_unique_constraints(table.name, table.schema)),
        *(one["column_names"] for one in inspector.get_indexes(table.name, table.schema) if one["unique"]),
    ]
    return [column.name] in unique


def _reflected(connection: sa.Connection, name: str, schema: str | None, field: str) -> sa.Table:
    try:
        return sa.Table(name, sa.MetaData(), schema=schema, autoload_with=connection, resolve_fks=False)
    except sa.exc.NoSuchTableError:
        inspector = sa.inspect(connection)
        there = sorted((*inspector.get_table_names(schema), *inspector.get_view_names(schema)))
        raise ValueError(f"{field}.table: there is no table {name!r}; there are {_listed(there)}") from None


def _columns(table: sa.Table, names: Iterable[str], field: str) -> Iterator[Column]:
    for name in names:
        yield _column(table, name, field)


def _column(table: sa.Table, name: str, field: str) -> Column:
    if name not in table.columns:
        raise ValueError(
            f"{field}: {table.name} has no column {name!r}; it has {_listed(table.columns.keys())}"
        )
    return table.columns[name]


def _listed(names: Iterable[str]) -> str:
    shown = [*names]
    return ", ".join(shown[:40] + ["…"] * (len(shown) > 40)) or "none"
