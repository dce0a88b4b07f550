"""What is kept of a caller, in one statement: what connectors have answered, and what people say in the
address book. It stands in the way of every answer about a caller, so it goes to the database once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector
from gateway.domain.overrides import Override
from gateway.store import connector_contacts, contact_facts
from gateway.store.cipher import Cipher
from gateway.store.connector_contacts import Answer
from gateway.store.engine import DirectRead

_ANSWERS: Final = (
    "SELECT connector_id, state, contact, fetched_at, expires_at, NULL, NULL, NULL"
    " FROM connector_contacts WHERE org_id = {0} AND person = {1}"
)
_CONTACT: Final = (
    "SELECT c.id, 'listed', f.said, c.updated_at, 0, c.phone, c.tags, c.by_person"
    " FROM contact_phones p JOIN contacts c ON c.id = p.contact_id"
    " LEFT JOIN contact_facts f ON f.org_id = p.org_id AND f.phone = c.phone AND f.source = 'book'"
    " WHERE p.org_id = {2} AND p.phone = {3}"
)
_BOTH: Final = f"{_ANSWERS} UNION ALL {_CONTACT}"
_read: Final = DirectRead(_BOTH.format(*"????"), _BOTH.format("$1", "$2", "$1", "$3"))
_LISTED: Final = "listed"


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
    sqlite = conn.dialect.name == "sqlite"
    found = await _read(conn, (org_id, person, org_id, phone) if sqlite else (org_id, person, phone))
    answers: list[connector_contacts.Kept] = [row[:5] for row in found if row[1] != _LISTED]
    listed = next((_listed(cipher, row) for row in found if row[1] == _LISTED), None)
    return Recalled(connector_contacts.usable(cipher, person, answers, connectors, now), listed)


def _listed(cipher: Cipher, row: tuple[Any, ...]) -> Listed:
    contact_id, _, said, at, _, phone, tags, by_person = row
    overrides = contact_facts.open_book(cipher, phone, said)
    return Listed(contact_id, bool(by_person), overrides, tuple(json.loads(tags)), at)
