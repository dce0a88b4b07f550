"""A connector on each kind of database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.sql.connector import Sql
from tests.connectors.sql.databases import AddressBook, Kind, postgresql_book, sqlite_book
from tests.support.databases import postgres_url

Connect = Callable[..., Sql]

PLAN = """
timeout_seconds = 30

[contacts]
table = "customers"
id = "id"
phones = ["phone", "mobile", "office"]
name = "full_name"
email = "email"
company = "firm"
created = "created_at"
link = "https://crm.example/customers/{id}"
where = {active = true}
where_null = ["deleted_at"]

[contacts.fields]
vip = "vip"
owed = "owed"

[create]

[calls]
table = "calls"
call_id = "hum_call_id"

[calls.columns]
direction = "direction"
started_at = "began"
ended_at = "day"
duration_seconds = "seconds"
status = "status"
summary = "summary"
key_points = "points"
next_actions = "steps"
transcript = "said"
outcome = "outcome"
tags = "tags"
agent_name = "agent"
sentiment = "mood"
recording_url = "recording"
revision = "rev"
contact_id = "customer_id"
contact_phone = "caller"
"""


@pytest.fixture(scope="session")
def one_postgres() -> Iterator[str]:
    """One database for all of these tests: each begins with its schema made anew."""
    with postgres_url() as url:
        yield url


@pytest.fixture(params=["sqlite", "sqlite in threads", "postgresql"])
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture
async def book(request: pytest.FixtureRequest, kind: Kind, tmp_path: Path) -> AddressBook:
    if kind == "postgresql":
        return await postgresql_book(request.getfixturevalue("one_postgres"))
    return sqlite_book(kind, tmp_path)


@pytest.fixture
async def connect(book: AddressBook, tmp_path: Path) -> AsyncIterator[Connect]:
    """Makes a connector from settings, as the command does: `plan` is the text of the file."""
    made = []

    def connected(plan: str = PLAN, **settings: Any) -> Sql:
        file = tmp_path / f"plan_{len(made)}.toml"
        file.write_text(plan, "utf-8")
        made.append(Sql.from_settings({"SQL_URL": book.url, "SQL_PLAN": str(file), **settings}))
        return made[-1]

    yield connected
    for connector in made:
        await connector.close()


@pytest.fixture
def connector(connect: Connect) -> Sql:
    return connect()
