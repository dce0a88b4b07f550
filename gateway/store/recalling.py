"""What is kept of a caller, in one statement: what connectors have answered, and what people say in the
address book. It stands in the way of every answer about a caller, so it goes to the database once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector
from gateway.domain.overrides import Override
from gateway.store import connector_contacts, contact_facts
from gateway.store.cipher import Cipher
from gateway.store.connector_contacts import Answer

_QUERY: Final = text(
    "SELECT 'answer' AS kind, connector_id AS id, state, contact AS sealed, fetched_at AS at, expires_at,"
    " NULL AS phone, NULL AS tags, NULL AS by_person"
    " FROM connector_contacts WHERE org_id = :org AND person = :person"
    " UNION ALL "
    "SELECT 'contact', c.id, '', f.said, c.updated_at, 0, c.phone, c.tags, c.by_person"
    " FROM contact_phones p JOIN contacts c ON c.id = p.contact_id"
    " LEFT JOIN contact_facts f ON f.org_id = p.org_id AND f.phone = c.phone AND f.source = 'book'"
    " WHERE p.org_id = :org AND p.phone = :phone"
)


@dataclass(frozen=True, slots=True)
class Listed:
    """The number's contact in the address book. `by_person`: a person made it, or wrote to it."""

    id: str
    by_person: bool
    overrides: dict[str, Override]
    tags: tuple[str, ...]
    at: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is kept: answers by connector, and the contact, if the number has one."""

    answers: dict[str, Answer] = field(default_factory=dict)
    contact: Listed | None = None


async def of_caller(
    conn: AsyncConnection,
    cipher: Cipher,
    org_id: str,
    phone: str,
    person: bytes,
    connectors: Iterable[Connector],
    now: int,
) -> Recalled:
    """What is kept of the person with this number: of answers those of these connectors, neither expired nor
    from a system that the connector no longer leads to."""
    found = (await conn.execute(_QUERY, {"org": org_id, "person": person, "phone": phone})).all()
    rows = [row for row in found if row.kind == "answer"]
    answers = connector_contacts.usable(cipher, person, rows, connectors, now)
    listed = next((_listed(cipher, row) for row in found if row.kind == "contact"), None)
    return Recalled(answers, listed)


def _listed(cipher: Cipher, row: Any) -> Listed:
    overrides = contact_facts.open_book(cipher, row.phone, row.sealed)
    return Listed(row.id, bool(row.by_person), overrides, tuple(json.loads(row.tags)), row.at)
