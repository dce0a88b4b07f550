"""Pages of a list, in commit order, by cursor.

A cursor is the position of the last row seen. Followed upwards to its end again and again, each row comes
exactly once: on PostgreSQL an ascending page ends below the oldest transaction that is still running
(`Positions.horizon`).
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.errors import BadRequest

Order = Literal["asc", "desc"]

_HIGHEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a client asked for. `horizon` is None where every committed row is below it."""

    limit: int = 50
    order: Order = "desc"
    after: int | None = None
    horizon: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows, and where the next page begins; None at the end of a descending list. An ascending list keeps
    its cursor at the end too, so that a follower can ask again later."""

    rows: list[Row[Any]]
    next_cursor: str | None


async def paged(
    conn: AsyncConnection, statement: Select[Any], position: ColumnElement[int], query: PageQuery
) -> Page:
    """Runs `statement` for one page of it, ordered by `position`."""
    if query.order == "asc":
        if query.after is not None:
            statement = statement.where(position > query.after)
        if query.horizon is not None:
            statement = statement.where(position < query.horizon)
        statement = statement.order_by(position.asc())
    else:
        if query.after is not None:
            statement = statement.where(position < query.after)
        statement = statement.order_by(position.desc())
    rows = list((await conn.execute(statement.limit(query.limit + 1))).all())
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    last = rows[-1].position if rows else query.after
    if query.order == "asc":
        return Page(rows, None if last is None else encode_cursor("asc", last))
    return Page(rows, encode_cursor("desc", last) if more and last is not None else None)


def encode_cursor(order: Order, position: int) -> str:
    """Opaque to clients; carries the order, so that it cannot be used the other way round."""
    return base64.urlsafe_b64encode(f"{order[0]}{position}".encode()).decode().rstrip("=")


def decode_cursor(cursor: str, order: Order) -> int:
    """The position in a cursor. Raises BadRequest `invalid_cursor`."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True).decode("ascii")
    except ValueError:
        text = ""
    if not text[1:].isdigit() or len(text) > 20 or text[0] not in "ad" or int(text[1:]) > _HIGHEST:
        raise BadRequest("cursor: is not one that this list has given", code="invalid_cursor")
    if text[0] != order[0]:
        raise BadRequest("cursor: was given for the other order", code="invalid_cursor")
    return int(text[1:])
