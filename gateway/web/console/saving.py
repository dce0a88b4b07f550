"""Lists as files: an operation's export, in the format that the address names."""

from __future__ import annotations

from typing import Final

from gateway.clock import format_time
from gateway.errors import InvalidRequest
from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Download, Visit
from gateway.web.exports import CSV, LINES

FILES: Final = {"csv": CSV, "ndjson": LINES}
"""Media types, by the ending of a file."""


async def as_file(
    noun: str, visit: Visit, operation_id: str, path: dict[str, str], query: dict[str, str | None]
) -> Download:
    """An operation's export in the format that the address names: CSV, or a JSON object for each line."""
    kind = visit.query.get("format", "")
    media_type = FILES.get(kind)
    if media_type is None:
        raise InvalidRequest.field("format", "must be " + " or ".join(FILES))
    pieces = await visit.stream(operation_id, media_type, query, path)
    return Download(pieces, media_type, _file_name(noun, visit, kind))


def _file_name(noun: str, visit: Visit, ending: str) -> str:
    whose = "all" if visit.org_id in (None, ALL_ORGS) else visit.org_id
    stamp = format_time(visit.now)[:19].replace("-", "").replace(":", "")
    return f"{noun}-{whose}-{stamp}Z.{ending}"
