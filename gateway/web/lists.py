"""What all lists share: limit, cursor, order, and times as filters."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final, Protocol, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import parse_time
from gateway.domain.event_types import CATALOGUE, RESERVED_TYPES, check_type
from gateway.domain.near_miss import nearest
from gateway.errors import InvalidRequest
from gateway.store.page import Order, PageQuery, decode_cursor, encode_cursor
from gateway.web.call import Answer, Call

PAGE_PARAMETERS: Final = ("limit", "cursor", "order")
MOST: Final = 200
DEFAULT: Final = 50


async def page_query(call: Call, conn: AsyncConnection) -> PageQuery:
    """The page a client asks for. Raises InvalidRequest, and BadRequest `invalid_cursor`."""
    order = _order(call)
    cursor = call.query.get("cursor")
    horizon = await call.services.store.positions.horizon(conn) if order == "asc" else None
    return PageQuery(_limit(call), order, decode_cursor(cursor, order) if cursor else None, horizon)


def time_parameter(call: Call, name: str) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    try:
        return parse_time(text)
    except ValueError as error:
        message = str(error)
        if not message.startswith("must"):
            message = "must be an ISO 8601 time such as 2026-11-20T21:05:09.123Z"
        raise InvalidRequest.field(name, message) from None


def span_parameters(call: Call) -> tuple[int | None, int | None]:
    """`since` and `until`, in ms. Raises InvalidRequest when nothing can lie between them."""
    since, until = time_parameter(call, "since"), time_parameter(call, "until")
    if since is not None and until is not None and since > until:
        raise InvalidRequest.field("until", "must not be earlier than since")
    return since, until


def type_parameter(call: Call) -> str | None:
    """`type`: any that an event may have, also one that is not in the catalogue."""
    text = call.query.get("type")
    if text is None:
        return None
    if text.endswith("*"):
        raise InvalidRequest.field("type", "must be one type in full: patterns are for webhooks")
    try:
        check_type(text)
    except ValueError as error:
        meant = _did_you_mean(text, {*CATALOGUE, *RESERVED_TYPES})
        raise InvalidRequest.field("type", str(error) + meant) from None
    return text


def choice_parameter(call: Call, name: str, choices: Iterable[str]) -> str | None:
    value = call.query.get(name)
    if value is not None and value not in (allowed := list(choices)):
        meant = _did_you_mean(value, allowed)
        raise InvalidRequest.field(name, "must be one of " + ", ".join(allowed) + meant)
    return value


def _did_you_mean(text: str, known: Collection[str]) -> str:
    lowered = text.lower()
    meant = lowered if lowered in known else nearest(lowered, known)
    return f"; did you mean {meant}?" if meant else ""


def number_parameter(call: Call, name: str, least: int, most: int) -> int | None:
    text = call.query.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and least <= int(text) <= most):
        raise InvalidRequest.field(name, f"must be {least} to {most}")
    return int(text)


class Placed(Protocol):
    """Something with a place in commit order."""

    @property
    def position(self) -> int: ...


P = TypeVar("P", bound=Placed)


def page_of(found: Iterable[P], query: PageQuery) -> tuple[list[P], str | None]:
    """A page of what is in memory as a whole, and the cursor of the next."""
    descending = query.order == "desc"
    rows = sorted(found, key=lambda row: row.position, reverse=descending)
    if query.after is not None:
        after = query.after
        rows = [row for row in rows if (row.position < after if descending else row.position > after)]
    page = rows[: query.limit]
    more = len(rows) > query.limit or (not descending and page)
    return page, encode_cursor(query.order, page[-1].position) if more else None


def list_answer(data: list[Any], next_cursor: str | None) -> Answer:
    return Answer({"data": data, "next_cursor": next_cursor})


def _limit(call: Call) -> int:
    text = call.query.get("limit", str(DEFAULT))
    if not (text.isascii() and text.isdigit() and len(text) <= 4 and 1 <= int(text) <= MOST):
        raise InvalidRequest.field("limit", f"must be 1 to {MOST}")
    return int(text)


def _order(call: Call) -> Order:
    order = call.query.get("order", "desc")
    if order == "asc":
        return "asc"
    if order == "desc":
        return "desc"
    raise InvalidRequest.field("order", "must be asc or desc")
