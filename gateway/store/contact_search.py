"""Finding contacts by a number, a part of one, or what a name begins with or holds: bounded work, whatever is
asked for. Names are searched in the plain form in which they stand beside each fact
(`domain.contact_search`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.contact_search import Wanted
from gateway.store.tables import contact_facts as facts
from gateway.store.tables import contact_phones as phones

# A contact may be found under each of its facts: so many more rows are read than contacts are wanted.
_FACTS: Final = 4
_HIGHEST: Final = "\U0010ffff"


async def find(conn: AsyncConnection, org_id: str, wanted: Wanted, limit: int) -> list[str]:
    """Ids of up to `limit` contacts: those with the number first, then those with a name that begins with the
    text, then those with all its words somewhere, each kind in the order of names."""
    found: dict[str, None] = {}
    for query in _queries(org_id, wanted):
        left = limit - len(found)
        if left <= 0:
            break
        rows = await conn.execute(query.limit(left * _FACTS))
        found.update(dict.fromkeys(_ids(rows)))
    return list(found)[:limit]


def _queries(org_id: str, wanted: Wanted) -> Sequence[Select[Any]]:
    number = select(phones.c.contact_id).where(phones.c.org_id == org_id)
    queries = []
    if wanted.phone is not None:
        queries.append(number.where(phones.c.phone == wanted.phone))
    if wanted.digits is not None:
        inside = phones.c.phone.contains(wanted.digits, autoescape=True)
        queries.append(number.where(inside).order_by(phones.c.phone))
    if wanted.words:
        begins = and_(facts.c.search >= wanted.begins, facts.c.search < wanted.begins + _HIGHEST)
        holds = and_(*(facts.c.search.contains(word, autoescape=True) for word in wanted.words))
        queries += [_names(org_id, begins), _names(org_id, holds)]
    return queries


def _names(org_id: str, condition: ColumnElement[bool]) -> Select[Any]:
    same = and_(phones.c.org_id == facts.c.org_id, phones.c.phone == facts.c.phone)
    query = select(phones.c.contact_id).select_from(facts.join(phones, same))
    return query.where(facts.c.org_id == org_id, condition).order_by(facts.c.search)


def _ids(rows: Iterable[Any]) -> Iterable[str]:
    return (row.contact_id for row in rows)
