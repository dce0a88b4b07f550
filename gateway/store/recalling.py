"""What is kept of a caller, in one statement: what connectors have answered, and what people say in the
address book. It stands in the way of every answer about a caller, so it goes to the database once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector
from gateway.domain.overrides import Override
from gateway.store import connector_contacts, contact_facts
from gateway.store.cipher import Cipher
from gateway.store.connector_contacts import Answer
from gateway.store.engine import DirectRead
from gateway.store.number_lookups import NOTHING, Standing, standing

_ANSWERS: Final = (
    "SELECT k.number, a.connector_id, a.state, a.contact, a.fetched_at, a.expires_at, NULL, NULL, NULL"
    " FROM {keys} JOIN connector_contacts a ON a.org_id = k.org AND a.person = k.person"
)
_CONTACT: Final = (
    "SELECT k.number, c.id, 'listed', f.said, c.updated_at, 0, c.phone, c.tags, c.by_person"
    " FROM {keys} JOIN contact_phones p ON p.org_id = k.org AND p.phone = k.phone"
    " JOIN contacts c ON c.id = p.contact_id"
    " LEFT JOIN contact_facts f ON f.org_id = p.org_id AND f.phone = c.phone AND f.source = 'book'"
)
_NUMBER: Final = (
    "SELECT k.number, 'number', 'looked up', n.record, n.asked_at, n.claimed_until, n.claim, NULL, NULL"
    " FROM {keys} JOIN number_lookups n ON n.org_id = k.org AND n.person = k.person"
)
_ALL: Final = f"{_ANSWERS} UNION ALL {_CONTACT} UNION ALL {_NUMBER}"
_POSTGRESQL: Final = _ALL.format(
    keys="unnest($1::int[], $2::text[], $3::bytea[], $4::text[]) AS k(number, org, person, phone)"
)
_read: Final = DirectRead("", _POSTGRESQL)
_decode_tags: Final = msgspec.json.Decoder(list[str]).decode

_LISTED: Final = "listed"
_LOOKED_UP: Final = "looked up"


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
    """What is kept: answers by connector, the contact, if the number has one, and what a lookup of the number
    has told."""

    answers: dict[str, Answer] = field(default_factory=dict)
    contact: Listed | None = None
    number: Standing = NOTHING


Key = tuple[str, bytes, str]
"""Organization, person, number (E.164)."""

Row = tuple[Any, ...]


async def of_callers(conn: AsyncConnection, keys: Collection[Key]) -> dict[Key, list[Row]]:
    """What is kept of these callers, as `opened` takes it."""
    asked = list(dict.fromkeys(keys))
    if conn.dialect.name == "sqlite":
        size = 1 << (len(asked) - 1).bit_length()  # few different statements: each is prepared once
        padded = [(n, *asked[n]) if n < len(asked) else (n, None, None, None) for n in range(size)]
        rows = await _sqlite(size)(conn, [value for key in padded for value in key])
    else:
        numbers = list(range(len(asked)))
        rows = await _read(conn, (numbers, *(list(column) for column in zip(*asked, strict=True))))
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(asked[row[0]], []).append(row[1:])
    return found


async def of_caller(
    conn: AsyncConnection,
    cipher: Cipher,
    org_id: str,
    phone: str,
    person: bytes,
    connectors: Iterable[Connector],
    now: int,
) -> Recalled:
    """What is kept of one caller, opened."""
    key = (org_id, person, phone)
    return opened(cipher, key, (await of_callers(conn, [key])).get(key, ()), connectors, now)


def opened(
    cipher: Cipher, key: Key, rows: Iterable[Row], connectors: Iterable[Connector], now: int
) -> Recalled:
    """What the rows of one caller say: of answers those of these connectors, neither expired nor from a
    system that the connector no longer leads to."""
    answers: list[connector_contacts.Kept] = []
    listed, number = None, NOTHING
    for row in rows:
        if row[1] == _LISTED:
            listed = _listed(cipher, row)
        elif row[1] == _LOOKED_UP:
            number = standing(cipher, key[1], *row[2:6])
        else:
            answers.append(row[:5])
    return Recalled(connector_contacts.usable(cipher, key[1], answers, connectors, now), listed, number)


@cache
def _sqlite(size: int) -> DirectRead:
    """The statement for so many callers. CROSS: they come first, and the tables' keys are looked up."""
    marks = ", ".join(["(?, ?, ?, ?)"] * size)
    keys = f"WITH k(number, org, person, phone) AS (VALUES {marks}) "
    return DirectRead(keys + _ALL.format(keys="k CROSS"), "")


def _listed(cipher: Cipher, row: tuple[Any, ...]) -> Listed:
    contact_id, _, said, at, _, phone, tags, by_person = row
    overrides = contact_facts.open_book(cipher, phone, said)
    return Listed(contact_id, bool(by_person), overrides, tuple(_decode_tags(tags)), at)
