"""A migrated, open store on each database, further nodes on the same one, and rows to put into it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from gateway.domain.connector import Connector
from gateway.domain.ids import new_id
from gateway.domain.secret import Secret
from gateway.domain.webhook import Webhook
from gateway.store.cipher import MasterKeys
from gateway.store.engine import Database
from gateway.store.migrate import migrate
from gateway.store.store import Store, open_store

NOW = 1_795_000_000_000
KEYS = MasterKeys([b"k" * 32])
Opener = Callable[[], AbstractAsyncContextManager[Store]]


@dataclass
class TurnedClock:
    """Wall time stands still until a test turns it."""

    time: int = NOW

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / 1000

    async def sleep(self, seconds: float) -> None:
        self.time += round(seconds * 1000)


@asynccontextmanager
async def opened(url: str, keys: MasterKeys = KEYS, clock: TurnedClock | None = None) -> AsyncIterator[Store]:
    database = Database(url)
    try:
        await migrate(database)
        yield await open_store(database, keys, clock or TurnedClock())
    finally:
        await database.close()


@pytest.fixture
async def store(any_database: str) -> AsyncIterator[Store]:
    async with opened(any_database) as opened_store:
        yield opened_store


@pytest.fixture
async def pg_store(postgres_database: str) -> AsyncIterator[Store]:
    async with opened(postgres_database) as opened_store:
        yield opened_store


@pytest.fixture
def another_node(any_database: str) -> Opener:
    """Opens the same database once more, as a second process would."""
    return lambda: opened(any_database)


@pytest.fixture
def another_pg_node(postgres_database: str) -> Opener:
    return lambda: opened(postgres_database)


def event_row(position: int, **values: Any) -> tuple[Any, ...]:
    """A row of `insert_events`."""
    row = {
        "id": new_id("evt", NOW), "position": position, "org_id": "acme", "type": "call.completed",
        "timestamp": NOW, "accepted_at": NOW, "external_id": None, "ordering_key": None, "priority": 0,
        "expires_at": None, "verified": None, "schema_valid": True, "traceparent": None, "deliveries": 0,
        "payload": b"{}",
    }  # fmt: skip
    return tuple((row | values).values())


def delivery_row(delivery_id: str, **values: Any) -> tuple[Any, ...]:
    """A row of `insert_deliveries`, waiting for its time."""
    row = {
        "id": delivery_id, "position": 1, "org_id": "acme", "event_id": "evt_1",
        "event_type": "call.completed", "target_type": "webhook", "target_id": "whk_1", "status": "pending",
        "queue": "due", "due_at": NOW, "attempts_made": 0, "steps_used": 0, "ordering_key": None,
        "priority": 0, "expires_at": NOW + 86_400_000, "created_at": NOW, "redelivery_of": None,
        "job_id": None, "test": False,
    }  # fmt: skip
    assert not values.keys() - row.keys(), values
    return tuple((row | values).values())


def make_webhook(name: str = "whk_1", **values: Any) -> Webhook:
    """A webhook with everything that has a default."""
    fields = {
        "id": name, "org_id": "acme", "position": 1, "revision_id": f"rev_{name}_1",
        "url": "https://hooks.example.com/in?token=hidden_in_url", "headers": {"X-Env": "hidden_in_header"},
        "events": ("call.completed", "sms.*"),
        "secrets": (Secret(f"sec_{name}_1", "whsec_hidden_secret", NOW),),
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Webhook(**(fields | values))


def make_connector(connector_id: str = "cnr_1", **values: Any) -> Connector:
    """A connector with everything that has a default."""
    fields = {
        "id": connector_id, "org_id": "acme", "position": 1, "revision_id": f"rev_{connector_id}_1",
        "name": "HubSpot", "url": "https://bridge.example.com/hidden_in_url",
        "secrets": (Secret(f"sec_{connector_id}_1", "whsec_hidden_secret", NOW),),
        "created_at": NOW, "updated_at": NOW,
    }  # fmt: skip
    return Connector(**(fields | values))
