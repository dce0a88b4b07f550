"""An address book of a small company, on each kind of database, and a hand that reaches into it directly."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import asyncpg

Kind = Literal["sqlite", "sqlite in threads", "postgresql"]

SQLITE = """
CREATE TABLE customers (
    id INTEGER PRIMARY KEY, full_name TEXT, phone VARCHAR(40), mobile TEXT, office INTEGER, email TEXT UNIQUE,
    firm TEXT, vip BOOLEAN, owed NUMERIC(10, 2), active BOOLEAN NOT NULL DEFAULT 1, deleted_at TIMESTAMP,
    created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE calls (
    id INTEGER PRIMARY KEY, hum_call_id TEXT NOT NULL UNIQUE, direction TEXT, began TIMESTAMP, day DATE,
    seconds INTEGER, minutes REAL, status TEXT, summary TEXT, points TEXT, steps TEXT, said TEXT,
    outcome JSON, tags TEXT, agent TEXT, mood VARCHAR(8), recording VARCHAR(200), rev INTEGER,
    customer_id INTEGER, caller TEXT);
CREATE TABLE addresses (customer_id INTEGER, number TEXT);
CREATE VIEW everybody AS
    SELECT c.id, c.full_name, a.number, c.created_at
    FROM customers c JOIN addresses a ON a.customer_id = c.id;
"""

POSTGRESQL = """
CREATE TYPE call_status AS ENUM ('completed', 'missed');
CREATE TABLE customers (
    id SERIAL PRIMARY KEY, full_name TEXT, phone VARCHAR(40), mobile TEXT, office BIGINT, email TEXT UNIQUE,
    firm TEXT, vip BOOLEAN, owed NUMERIC(10, 2), active BOOLEAN NOT NULL DEFAULT true, deleted_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ DEFAULT now());
CREATE TABLE calls (
    id BIGSERIAL PRIMARY KEY, hum_call_id TEXT NOT NULL UNIQUE, direction TEXT, began TIMESTAMPTZ, day DATE,
    seconds INTEGER, minutes NUMERIC(6, 2), status call_status, summary TEXT, points TEXT[], steps TEXT,
    said JSONB, outcome JSONB, tags TEXT, agent TEXT, mood VARCHAR(8), recording VARCHAR(200), rev INTEGER,
    customer_id INTEGER REFERENCES customers (id), caller TEXT);
CREATE TABLE addresses (customer_id INTEGER, number TEXT);
CREATE VIEW everybody AS
    SELECT c.id, c.full_name, a.number, c.created_at
    FROM customers c JOIN addresses a ON a.customer_id = c.id;
"""


class AddressBook:
    """`url` is what a connector gets. Statements are the test's own and run at once."""

    def __init__(self, kind: Kind, url: str, path: Path | None) -> None:
        self.kind = kind
        self.url = url
        self.path = path

    async def run(self, statement: str) -> list[dict[str, Any]]:
        """The rows that come back, if any."""
        if self.path is not None:
            with closing(sqlite3.connect(self.path)) as connection:
                connection.row_factory = sqlite3.Row
                rows = [dict(row) for row in connection.execute(statement)]
                connection.commit()
                return rows
        connection = await asyncpg.connect(self.url)
        try:
            return [dict(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    async def script(self, statements: str) -> None:
        """Several statements."""
        if self.path is not None:
            with closing(sqlite3.connect(self.path)) as connection:
                connection.executescript(statements)
            return
        connection = await asyncpg.connect(self.url)
        try:
            await connection.execute(statements)
        finally:
            await connection.close()

    async def add(self, **customer: object) -> str:
        """A customer; returns the id."""
        names = ", ".join(customer)
        values = ", ".join(literal(value) for value in customer.values())
        await self.run(f"INSERT INTO customers ({names}) VALUES ({values})")
        return str((await self.run("SELECT max(id) AS id FROM customers"))[0]["id"])


def literal(value: object) -> str:
    if isinstance(value, bool | int | float):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def sqlite_book(kind: Kind, directory: Path) -> AddressBook:
    path = directory / "book.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(SQLITE)
    driver = "sqlite" if kind == "sqlite" else "sqlite+pysqlite"
    return AddressBook(kind, f"{driver}:///{path}", path)


async def postgresql_book(url: str) -> AddressBook:
    """A database that may have been used before."""
    book = AddressBook("postgresql", url, None)
    await book.script("DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + POSTGRESQL)
    return book
