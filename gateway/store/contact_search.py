"""Finding contacts by a number, a part of one, or what a name begins with or holds: bounded work, whatever is
asked for. Names are searched in the plain form in which they stand beside each fact
(`domain.contact_search`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.contact_search import Wanted
from gateway.store.tables import contact_facts as facts
from gateway.store.tables import contact_phones as phones

MOST_LOOKED_AT: Final = 100_000
"""Of so many entries, in their order, each is held against what it is to hold; there is no index for that."""

SHORTEST_STRIDE: Final = 200
LONGER: Final = 8

_HIGHEST: Final = "\U0010ffff"


class Found(NamedTuple):
    """Ids of contacts, and whether there are more, or may be: not everything was looked at."""

    ids: list[str]
    more: bool


async def find(conn: AsyncConnection, org_id: str, wanted: Wanted, limit: int) -> Found:
    """Up to `limit` contacts: those with the number first, then those with a name that begins with the text,
    then those with all its words somewhere, each kind in the order of names."""
    found: dict[str, None] = {}
    for query in _queries(org_id, wanted):
        await _collect(conn, query, found, limit + 1)
    if len(found) > limit:
        return Found(list(found)[:limit], True)
    return Found(list(found), bool(wanted.words) and await _too_many(conn, org_id))


async def _collect(conn: AsyncConnection, query: Select[Any], found: dict[str, None], enough: int) -> None:
    """Adds what the query finds. A contact may be found under each of its facts: it is read on until there
    are enough different ones, in ever longer strides, for each looks at everything before it again."""
    offset, stride = 0, max(enough, SHORTEST_STRIDE)
    while len(found) < enough:
        ids = (await conn.execute(query.offset(offset).limit(stride))).scalars().all()
        found.update(dict.fromkeys(ids))
        if len(ids) < stride:
            return
        offset, stride = offset + stride, stride * LONGER


def _queries(org_id: str, wanted: Wanted) -> Iterator[Select[Any]]:
    number = select(phones.c.contact_id).where(phones.c.org_id == org_id)
    if wanted.phone is not None:
        yield number.where(phones.c.phone == wanted.phone)
    if wanted.digits is not None:
        some = select(phones).where(phones.c.org_id == org_id).order_by(phones.c.phone)
        looked_at = some.limit(MOST_LOOKED_AT).subquery()
        inside = looked_at.c.phone.contains(wanted.digits, autoescape=True)
        yield select(looked_at.c.contact_id).where(inside).order_by(looked_at.c.phone)
    if wanted.words:
        own = select(facts.c.phone, facts.c.search).where(facts.c.org_id == org_id).order_by(facts.c.search)
        begins = own.where(facts.c.search >= wanted.begins, facts.c.search < wanted.begins + _HIGHEST)
        yield _named(org_id, begins)
        holds = own.limit(MOST_LOOKED_AT).subquery()
        words = and_(*(holds.c.search.contains(word, autoescape=True) for word in wanted.words))
        yield _named(org_id, select(holds.c.phone, holds.c.search).where(words))


def _named(org_id: str, some: Select[Any]) -> Select[Any]:
    """Whose numbers these are, in the order of names."""
    inner = some.subquery()
    query = select(phones.c.contact_id).join(inner, inner.c.phone == phones.c.phone)
    return query.where(phones.c.org_id == org_id).order_by(inner.c.search, inner.c.phone)


async def _too_many(conn: AsyncConnection, org_id: str) -> bool:
    """Whether there are more names than are looked at."""
    query = select(facts.c.phone).where(facts.c.org_id == org_id).order_by(facts.c.search)
    return (await conn.execute(query.offset(MOST_LOOKED_AT).limit(1))).first() is not None
