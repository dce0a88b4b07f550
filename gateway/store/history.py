"""The history of deliveries: which part of it is asked for, and how that is read in bounded steps.

Which index serves a list is settled here, not left to the database: one that guesses wrong reads ten million
rows to find fifty. What must not choose the index is `shielded`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, false, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.delivery import Status
from gateway.store.page import Page, PageQuery, paged
from gateway.store.scan import Effort, Found, Keep, Scan, by_index, scan_page, shielded
from gateway.store.tables import deliveries

_COLUMN = deliveries.c
# Said as text: a database proves from the words themselves that a partial index holds all such rows.
_FAILED: Any = text("status = 'failed'")


@dataclass(frozen=True, slots=True)
class DeliveryFilter:
    """What is asked for. `org_id` None: of all organizations. Times in ms, `until` exclusive."""

    org_id: str | None = None
    target_id: str | None = None
    event_id: str | None = None
    status: str | None = None
    type: str | None = None
    last_status_code: int | None = None
    last_error: str | None = None
    since: int | None = None
    until: int | None = None


async def page(
    conn: AsyncConnection,
    wanted: DeliveryFilter,
    query: PageQuery,
    *,
    effort: Effort = Effort(),  # noqa: B008
    keep: Keep | None = None,
) -> Found:
    """A page of deliveries, in commit order."""
    if wanted.event_id is not None:
        await by_index(conn)
        found = await _of_event(conn, wanted, query)
        return Found(found.rows if keep is None else [*await keep(conn, found.rows)], found.next_cursor)
    return await scan_page(conn, scan_of(wanted), query, effort=effort, keep=keep)


def scan_of(wanted: DeliveryFilter) -> Scan:
    """The list as an index serves it, and what is left to look at row by row."""
    base: list[ColumnElement[bool]] = []
    sieve = _plain_conditions(wanted)
    if wanted.target_id is not None:
        base.append(_COLUMN.target_id == wanted.target_id)
        if wanted.org_id is not None:  # a target is of one organization: this holds for all rows or for none
            base.append(shielded(_COLUMN.org_id) == wanted.org_id)
    elif wanted.org_id is not None:
        base.append(_COLUMN.org_id == wanted.org_id)
    if wanted.status == Status.FAILED and base:
        base.append(_FAILED)
    elif wanted.status is not None:
        sieve.append(_has_status(wanted.status))
    return Scan(deliveries, list(_COLUMN), _COLUMN.created_at, base, sieve, wanted.since, wanted.until)


async def _of_event(conn: AsyncConnection, wanted: DeliveryFilter, query: PageQuery) -> Page:
    """The few deliveries of one event, by the index of events and no other."""
    conditions = [_COLUMN.event_id == wanted.event_id, *_plain_conditions(wanted)]
    for column, value in ((_COLUMN.org_id, wanted.org_id), (_COLUMN.target_id, wanted.target_id)):
        if value is not None:
            conditions.append(shielded(column) == value)
    if wanted.status is not None:
        conditions.append(_has_status(wanted.status))
    if wanted.since is not None:
        conditions.append(_COLUMN.created_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(_COLUMN.created_at < wanted.until)
    return await paged(conn, select(deliveries).where(*conditions), _COLUMN.position + 0, query)


def _plain_conditions(wanted: DeliveryFilter) -> list[ColumnElement[bool]]:
    """Those on columns that are in no index."""
    pairs: tuple[tuple[ColumnElement[Any], str | int | None], ...] = (
        (_COLUMN.event_type, wanted.type),
        (_COLUMN.last_status_code, wanted.last_status_code),
        (_COLUMN.last_error, wanted.last_error),
    )
    return [column == value for column, value in pairs if value is not None]


def _has_status(status: str) -> ColumnElement[bool]:
    """`in_flight` is stored as pending, in the queue of a node's lease."""
    stored, queue = shielded(_COLUMN.status), shielded(_COLUMN.queue)
    leased = queue.like(r"lse\_%", escape="\\")
    if status == Status.IN_FLIGHT:
        return (stored == Status.PENDING.value) & leased
    if status == Status.PENDING:
        return (stored == Status.PENDING.value) & ~leased
    return stored == status if status in set(Status) else false()
