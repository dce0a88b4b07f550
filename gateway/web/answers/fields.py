"""What stands in many answers: times, counts, ids, cursors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from msgspec import Meta

_MOMENT = Meta(extra_json_schema={"format": "date-time", "examples": ["2026-11-20T21:05:09.123Z"]})
Time = Annotated[str, _MOMENT]
Milliseconds = Annotated[int, Meta(ge=0)]
Count = Annotated[int, Meta(ge=0)]
OrgId = Annotated[str, Meta(description="The organization it belongs to.")]


def one_of(values: Iterable[str]) -> Meta:
    return Meta(extra_json_schema={"enum": list(values)})


def either(*names: str, null: bool = False) -> Meta:
    # msgspec makes no schema of a union of typed dicts.
    kinds = [{"$ref": f"#/components/schemas/{name}"} for name in names]
    return Meta(extra_json_schema={"anyOf": [*kinds, *([{"type": "null"}] if null else [])]})


def id_of(prefix: str) -> Meta:
    example = f"{prefix}_01k9h3v5q8x2m4n6p7r9s1t3w5"
    return Meta(pattern=f"^{prefix}_[a-z0-9_]{{1,60}}$", extra_json_schema={"examples": [example]})


EventId = Annotated[str, id_of("evt")]
WebhookId = Annotated[str, id_of("whk")]
DeliveryId = Annotated[str, id_of("dlv")]
JobId = Annotated[str, id_of("job")]
AttemptId = Annotated[str, id_of("att")]
KeyId = Annotated[str, id_of("key")]
Header = tuple[str, str]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Cursor = Annotated[
    str | None,
    Meta(
        description="For the next page; null at the end. An ascending list keeps one at its end, to follow."
    ),
]
SearchedUntil = Annotated[
    Time | None,
    Meta(
        description="Set when the page ends because enough was looked at: everything up to this time was. "
        "`next_cursor` goes on from there."
    ),
]
