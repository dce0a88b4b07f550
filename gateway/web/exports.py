"""Lists as CSV or as a JSON object for each line: every row that matches, streamed.

Rows are read a page at a time and nothing is held between pages, neither rows nor a connection, so that a
client may take its time. When it leaves, the reading ends.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec

from gateway.domain.csv_cells import harmless

CSV: Final = "text/csv"
LINES: Final = "application/x-ndjson"

Pages = Callable[[str | None], Awaitable[tuple[Sequence[Mapping[str, Any]], str | None]]]
"""Rows, and the cursor of the next page: from the cursor of the one before."""


def wanted_kind(accept: str) -> str | None:
    """The first kind of export that the `Accept` header names; None when it names none."""
    for part in accept.split(","):
        kind = part.partition(";")[0].strip().lower()
        if kind in (CSV, LINES):
            return kind
    return None


async def stream(
    kind: str, columns: Mapping[str, Callable[[Any], Any]], pages: Pages
) -> AsyncIterator[bytes]:
    """The pieces of the export. `columns`: name in CSV → value of a row; lines of JSON hold whole rows."""
    if kind == CSV:
        yield csv_lines([list(columns)])
    cursor: str | None = None
    while True:
        rows, following = await pages(cursor)
        if rows and kind == CSV:
            yield csv_lines([[read(row) for read in columns.values()] for row in rows])
        elif rows:
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        if following is None or following == cursor:
            return
        cursor = following


def csv_lines(rows: list[list[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([[_cell(value) for value in row] for row in rows])
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """Booleans are `true` and `false`, as in JSON."""
    return str(value).lower() if isinstance(value, bool) else harmless(value)
