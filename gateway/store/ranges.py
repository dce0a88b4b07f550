"""What a range of a webhook's history holds: read in slices, each from an index and of bounded work.

A slice is a stretch of positions with at most so many candidates in it: failed deliveries of the webhook, or
events of its organization, or for a platform's webhook of all. Which of them match is asked for that slice
alone, so that no statement grows with the tables. Ids begin with their time and positions are the order of
commits: where the stretch of all slices begins follows from the last event before the range.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, TypeVar

from sqlalchemy import TextClause, text
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.ids import first_id
from gateway.domain.job import Span
from gateway.store.organizations import PLATFORM
from gateway.store.store import Store

SLICE: Final = 1000
SLICE_WITH_PAYLOAD: Final = 20  # each may have megabytes
HIGHEST: Final = 2**63 - 1
# Events get their id before they are committed: by less than this they can be out of order.
_SKEW_MS: Final = 60_000
_LAST_ID: Final = "evt_~"
# A test counts nowhere. What was cancelled together with its job is as if it had never been ordered: else the
# same order could not be given again.
_COUNTS: Final = "NOT l.test AND NOT (l.status = 'cancelled' AND l.job_id IS NOT NULL)"
_BEFORE: Final = text("SELECT position FROM events WHERE id < :id ORDER BY id DESC LIMIT 1")
_FROM: Final = text("SELECT position FROM events WHERE id >= :id ORDER BY id LIMIT 1")

Kind = Literal["redeliver", "replay"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Range:
    """Which history: of a webhook, in this span, of what was there at the position `ceiling`."""

    kind: Kind
    org_id: str  # of the webhook; a replay for the platform's is over all organizations
    target_id: str
    span: Span
    patterns: tuple[str, ...] = ("*",)  # what a replayed event must match besides
    ceiling: int = HIGHEST
    with_payload: bool = False
    organizations: tuple[str, ...] | None = None  # or only these of them
    at_once: int | None = None  # candidates of a slice

    @property
    def slice(self) -> int:
        return SLICE_WITH_PAYLOAD if self.with_payload else self.at_once or SLICE

    @property
    def values(self) -> dict[str, Any]:
        span = self.span
        values: dict[str, Any] = {
            "org": self.org_id,
            "target": self.target_id,
            "first": first_id("evt", span.since),
            "last": _LAST_ID if span.until is None else first_id("evt", span.until),
        }
        if span.status_code is not None:
            values["code"] = span.status_code
        if span.event_ids is not None:
            values["event_ids"] = json.dumps(span.event_ids)
        if self.organizations is not None:
            values["organizations"] = json.dumps(self.organizations)
        return values

    @property
    def everywhere(self) -> bool:
        return self.org_id == PLATFORM


async def slices(store: Store, range_: Range, after: int | None) -> AsyncIterator[tuple[list[Row[Any]], int]]:
    """The matches of each slice, oldest first, and the position at which the slice ends. They begin after
    `after`, or where the range does."""
    async for found in _each_slice(store, range_, after, matches):
        yield found


async def counts(store: Store, range_: Range) -> AsyncIterator[int]:
    """How many events of each slice match, as far as SQL can tell."""
    async for found, _ in _each_slice(store, range_, None, _count):
        yield found


async def _each_slice(
    store: Store,
    range_: Range,
    after: int | None,
    ask: Callable[[AsyncConnection, Range, int, int], Awaitable[T]],
) -> AsyncIterator[tuple[T, int]]:
    async with store.looking_up() as conn:
        begin, end = await _bounds(conn, range_)
    after = begin if after is None else after
    while after < end:
        async with store.looking_up() as conn:
            last = await _end_of_slice(conn, range_, after, end)
            found = await ask(conn, range_, after, last)
        yield found, last
        after = last


async def _bounds(conn: AsyncConnection, range_: Range) -> tuple[int, int]:
    """Positions between which everything of the range lies: after the first, up to the second."""
    span, end = range_.span, range_.ceiling - 1
    before = await _position(conn, _BEFORE, span.since - _SKEW_MS)
    # The latest delivery of an event can be younger than the range: only a replay ends with its events.
    if range_.kind == "replay" and span.until is not None:
        beyond = await _position(conn, _FROM, span.until + _SKEW_MS)
        end = end if beyond is None else min(end, beyond)
    return (0 if before is None else before), end


async def _position(conn: AsyncConnection, query: TextClause, time: int) -> int | None:
    """The position of the event that stands next to this time, on the side that `query` looks at."""
    return (await conn.execute(query, {"id": first_id("evt", max(time, 0))})).scalar_one_or_none()


async def _end_of_slice(conn: AsyncConnection, range_: Range, after: int, end: int) -> int:
    if range_.span.event_ids is not None:
        return end  # few enough for one slice
    statement = boundary_statement(range_, conn.dialect.name)
    values = {**range_.values, "after": after, "end": end, "count": range_.slice}
    found = (await conn.execute(text(statement), values)).scalar_one_or_none()
    return end if found is None else int(found) - 1


async def matches(conn: AsyncConnection, range_: Range, after: int, last: int) -> list[Row[Any]]:
    """The events of a slice that match: position, event_id, event_type, accepted_at and `kept`, whether there
    is a payload; `with_payload` also org_id, timestamp and payload."""
    statement, values = _of_slice(conn, range_, after, last)
    return list((await conn.execute(text(statement), values)).all())


async def _count(conn: AsyncConnection, range_: Range, after: int, last: int) -> int:
    statement, values = _of_slice(conn, range_, after, last)
    number = await conn.execute(text(f"SELECT count(*) FROM ({statement}) AS matching"), values)  # noqa: S608
    return int(number.scalar_one())


def _of_slice(conn: AsyncConnection, range_: Range, after: int, last: int) -> tuple[str, dict[str, Any]]:
    statement, types = match_statement(range_, conn.dialect.name)
    return statement, {**range_.values, **types, "after": after, "last_position": last}


def boundary_statement(range_: Range, dialect: str) -> str:
    """Where the candidate stands that is one too many for a slice."""
    if range_.kind == "redeliver":
        status = " AND status = 'failed'" if range_.span.which == "failed" else ""
        table = f"deliveries{_by(dialect, _index(range_))} WHERE target_id = :target{status}"
    else:
        # Of listed organizations, too, events are counted whosever they are: a slice has bounded work.
        whose = "TRUE" if range_.everywhere else "org_id = :org"
        table = f"events{_by(dialect, _index_of_events(range_))} WHERE {whose}"
    return (
        f"SELECT position FROM {table} AND position > :after AND position <= :end"  # noqa: S608
        " ORDER BY position LIMIT 1 OFFSET :count"
    )


def match_statement(range_: Range, dialect: str) -> tuple[str, dict[str, str]]:
    """The statement for one slice, and the values of the types in it. How events and deliveries are found
    must not depend on what the database believes of how much there is (`_by`, `_DIALECT`)."""
    replay = range_.kind == "replay"
    column = "e.type" if replay else "d.event_type"
    types, values = _wanted(column, range_)
    of = _DIALECT[dialect]
    if replay:
        statement = (
            "SELECT e.position, e.id AS event_id, e.type AS event_type, e.accepted_at,"  # noqa: S608
            " e.payload IS NOT NULL AS kept"
            f"{', e.org_id, e.timestamp, e.payload' if range_.with_payload else ''}"
            f" FROM events e{_by(dialect, _index_of_events(range_))}"
            f" WHERE {_whose(range_, dialect)} AND e.position > :after AND e.position <= :last_position"
            f" AND e.id >= :first AND e.id < :last{types}"
            f" AND {of.no_delivery.format(event='e.id', further='')} ORDER BY e.position"
        )
    else:
        no_later = of.no_delivery.format(event="d.event_id", further=of.later)
        statement = (
            "SELECT d.position, d.event_id, d.event_type, e.accepted_at,"  # noqa: S608
            " e.payload IS NOT NULL AS kept"
            f" FROM deliveries d{_by(dialect, _index(range_))} {of.its_event}"
            f" WHERE d.target_id = :target AND {_chosen(range_.span, dialect)}"
            " AND d.position > :after AND d.position <= :last_position"
            f" AND d.event_id >= :first AND d.event_id < :last AND NOT d.test{types}"
            f" AND {no_later} ORDER BY d.position"
        )
    return statement, values


class _Parts(NamedTuple):
    """Of a statement: a delivery's event; that an event has no delivery to the target; and none that is
    later than `d`."""

    its_event: str
    no_delivery: str
    later: str


# PostgreSQL chooses by its statistics, which are old when much was written a moment ago. A sub-select with a
# limit is looked up row by row, whatever they say, and a condition on an expression leads to no other index.
_DIALECT: Final = {
    "sqlite": _Parts(
        "LEFT JOIN events e ON e.id = d.event_id",
        "NOT EXISTS (SELECT 1 FROM deliveries l INDEXED BY deliveries_by_event"  # noqa: S608
        f" WHERE l.event_id = {{event}} AND l.target_id = :target{{further}} AND {_COUNTS})",
        " AND l.position > d.position",
    ),
    "postgresql": _Parts(
        "LEFT JOIN LATERAL (SELECT accepted_at, payload FROM events WHERE id = d.event_id LIMIT 1) e ON TRUE",
        "(SELECT TRUE FROM deliveries l WHERE l.event_id = {event}"  # noqa: S608
        f" AND l.target_id || '' = :target{{further}} AND {_COUNTS} LIMIT 1) IS NULL",
        " AND l.position + 0 > d.position",
    ),
}


def _index_of_events(range_: Range) -> str:
    """By which index a replay finds its events."""
    return "events_by_position" if range_.everywhere else "events_by_org"


def _whose(range_: Range, dialect: str) -> str:
    """Condition on the organization of an event that is replayed."""
    if not range_.everywhere:
        return "e.org_id = :org"
    return "TRUE" if range_.organizations is None else f"e.org_id {_LISTED[dialect].format('organizations')}"


def _index(range_: Range) -> str:
    """By which index a redelivery finds its deliveries."""
    if range_.span.event_ids is not None:
        return "deliveries_by_event"
    return "deliveries_failed" if range_.span.which == "failed" else "deliveries_by_target"


def _chosen(span: Span, dialect: str) -> str:
    """Conditions on a delivery that may be the latest of its event."""
    chosen = "d.status = 'failed'" if span.which == "failed" else "d.status IN ('delivered', 'failed')"
    if span.status_code is not None:
        chosen += " AND d.last_status_code = :code"
    if span.event_ids is not None:
        chosen += f" AND d.event_id {_LISTED[dialect].format('event_ids')}"
    return chosen


_LISTED: Final = {
    "sqlite": "IN (SELECT value FROM json_each(:{}))",
    "postgresql": "= ANY(ARRAY(SELECT jsonb_array_elements_text(CAST(CAST(:{} AS text) AS jsonb))))",
}


def _by(dialect: str, index: str) -> str:
    return f" INDEXED BY {index}" if dialect == "sqlite" else ""


def _wanted(column: str, range_: Range) -> tuple[str, dict[str, str]]:
    """Conditions on the type, as far as SQL can tell; whoever reads the rows decides (`Span.wants`)."""
    clauses, values = "", dict[str, str]()
    for name, patterns in (("want", range_.patterns), ("type", range_.span.types or ("*",))):
        if "*" in patterns:
            continue
        parts = []
        for number, pattern in enumerate(patterns):
            key = f"{name}_{number}"
            if pattern.endswith(".*"):
                beginning = values[key] = pattern[:-1]
                parts.append(f"substr({column}, 1, {len(beginning)}) = :{key}")
            else:
                parts.append(f"{column} = :{key}")
                values[key] = pattern
        clauses += f" AND ({' OR '.join(parts)})"
    return clauses, values
