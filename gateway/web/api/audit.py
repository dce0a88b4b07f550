"""`/api/audit`: who did what, when, from where, to what; also as a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from gateway.store import audit
from gateway.store.page import PageQuery
from gateway.web import answers
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_query, span_parameters
from gateway.web.operation import Operation

_FILTERS: Final = ("action", "object_id", "actor", "since", "until")
_CSV: Final = "text/csv"
_NDJSON: Final = "application/x-ndjson"
_COLUMNS: Final = tuple(answers.AuditEntry.__annotations__)
# What spreadsheets take for the beginning of a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


async def list_audit(call: Call) -> Answer:
    filters: dict[str, Any] = {name: call.query.get(name) for name in _FILTERS[:3]}
    filters |= zip(_FILTERS[3:], span_parameters(call), strict=True)
    async with call.reading() as conn:
        query = await page_query(call, conn)
        wanted = call.headers.get("accept", "")
        for kind, made in ((_CSV, _as_csv), (_NDJSON, _as_lines)):
            if kind in wanted:
                return Answer(stream=made(_everything(call, query, filters)), media_type=kind)
        page = await audit.page(conn, call.org_filter, query, filters)
    return list_answer([audit.shown(row) for row in page.rows], page.next_cursor)


async def _everything(
    call: Call, query: PageQuery, filters: Mapping[str, Any]
) -> AsyncIterator[list[dict[str, Any]]]:
    """All entries that match, from the cursor on, some at a time. Between two pages nothing is held open."""
    query = replace(query, limit=audit.READ_AT_ONCE)
    while True:
        async with call.reading() as conn:
            page = await audit.page(conn, call.org_filter, query, filters)
        yield [audit.shown(row) for row in page.rows]
        if len(page.rows) < audit.READ_AT_ONCE:
            return
        query = replace(query, after=page.rows[-1].position)


async def _as_lines(pages: AsyncIterator[list[dict[str, Any]]]) -> AsyncIterator[bytes]:
    async for entries in pages:
        yield b"".join(msgspec.json.encode(entry) + b"\n" for entry in entries)


async def _as_csv(pages: AsyncIterator[list[dict[str, Any]]]) -> AsyncIterator[bytes]:
    yield _csv_lines([list(_COLUMNS)])
    async for entries in pages:
        yield _csv_lines([[_cell(name, entry) for name in _COLUMNS] for entry in entries])


def _csv_lines(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _cell(name: str, entry: Mapping[str, Any]) -> str:
    value = entry[name]
    if name == "details":
        return json.dumps(value)
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


OPERATIONS = (
    Operation(
        "GET", "/api/audit", "listAudit", list_audit, "admin", "manage", "read",
        "The audit log: who did what, when, from where, to what.", query=(*PAGE_PARAMETERS, *_FILTERS),
        answers={200: answers.AuditList}, exports=(_CSV, _NDJSON),
        note="Every change leaves one entry, and so does everybody who reads a payload (within a second or "
        "so). With `Accept: application/x-ndjson` or `text/csv` everything that matches comes at once, from "
        "the cursor on. `hum-gateway audit verify` follows the chain of hashes.",
    ),
)  # fmt: skip
