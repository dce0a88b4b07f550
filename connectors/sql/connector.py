"""Contacts and calls in the tables of any SQL database."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from typing import ClassVar, Self

import sqlalchemy as sa

from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.failures import NotSupported, Refused
from connectors.kit.phones import Phone, parse
from connectors.sql import mapping, search, writing
from connectors.sql.database import Database, failure_of
from connectors.sql.mapping import Row
from connectors.sql.plan import Plan, load
from connectors.sql.schema import CallsTable, Tables, bind


class Sql(Connector):
    name: ClassVar[str] = "sql"
    version: ClassVar[str] = "1"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("SQL_URL", "the database, such as postgresql://user:password@host/name", secret=True),
        Setting("SQL_PLAN", "the TOML file that says which tables and columns hold what"),
    )

    def __init__(self, database: Database, plan: Plan) -> None:
        self._database = database
        self._plan = plan
        self.country = plan.country
        self._bound: Tables | None = None
        self._binding = asyncio.Lock()

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        try:
            plan = load(values["SQL_PLAN"])
        except ValueError as error:
            raise ValueError(f"SQL_PLAN: {error}") from None
        try:
            return cls(Database(values["SQL_URL"].strip(), plan.timeout_seconds), plan)
        except ValueError as error:
            raise ValueError(f"SQL_URL: {error}") from None

    async def open(self) -> None:
        """Holds the plan against the database. Raises ValueError naming the field that is wrong."""
        await self._tables()

    async def close(self) -> None:
        await self._database.close()

    async def ping(self) -> None:
        tables = await self._tables()
        statement = search.anybody(tables.contacts)
        await self._database.read(lambda connection: search.rows(connection, statement))

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        tables = await self._tables()
        statement = search.by_phone(tables.contacts, phone, self._database.dialect)
        rows = await self._database.read(lambda connection: search.rows(connection, statement))
        return [mapping.candidate(row, self._plan.contacts, self.country) for row in rows]

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        tables = await self._tables()
        creation, phone = tables.creation, parse(request.phone, self.country)
        if creation is None:
            raise NotSupported("this address book is not added to")
        if phone is None:
            raise Refused("phone: not a number that can be called")

        def make(connection: sa.Connection) -> tuple[Row, bool]:
            return writing.make_contact(connection, tables.contacts, creation, request, phone, self.country)

        try:
            row, made = await self._database.write(make)
        except sa.exc.IntegrityError as error:
            row, made = await self._other(tables, request, error), False
        return mapping.contact(row, self._plan.contacts, self.country), made

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        calls = self._calls(await self._tables())

        def put(connection: sa.Connection) -> str | None:
            return writing.put_call(connection, calls, call, contact, logged=activity_id is not None)

        with contextlib.suppress(sa.exc.IntegrityError):
            return await self._database.write(put) or activity_id or call.id
        # Another one has made the row at the same moment, or the table refuses it for good.
        try:
            return await self._database.write(put) or activity_id or call.id
        except sa.exc.IntegrityError as error:
            raise failure_of(error) from None

    async def find_call(self, call_id: str) -> str | None:
        calls = self._calls(await self._tables())
        return await self._database.read(lambda connection: writing.find_call(connection, calls, call_id))

    async def _tables(self) -> Tables:
        async with self._binding:
            if self._bound is None:
                self._bound = await self._database.read(lambda connection: bind(connection, self._plan))
            return self._bound

    async def _other(self, tables: Tables, request: CreateRequest, error: Exception) -> Row:
        """The contact that stands in the way of a new one: the table allows its e-mail address once."""
        email = (request.email or "").strip()
        row = await self._database.read(
            lambda connection: writing.with_email(connection, tables.contacts, email)
        )
        if row is None:
            raise failure_of(error) from None
        return row

    @staticmethod
    def _calls(tables: Tables) -> CallsTable:
        if tables.calls is None:
            raise NotSupported("this database has no table of calls")
        return tables.calls
