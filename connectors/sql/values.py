"""One value of HUM's and the type of the column that takes it, and the way back into JSON."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

Kind = Literal["text", "time", "number", "list", "object", "id"]

FIELDS: Final[dict[str, Kind]] = {
    "direction": "text",
    "from": "text",
    "to": "text",
    "started_at": "time",
    "answered_at": "time",
    "ended_at": "time",
    "duration_seconds": "number",
    "status": "text",
    "summary": "text",
    "key_points": "list",
    "next_actions": "list",
    "transcript": "object",
    "recording_url": "text",
    "outcome": "object",
    "tags": "list",
    "agent_id": "text",
    "agent_name": "text",
    "sentiment": "text",
    "revision": "number",
    "updated_at": "time",
    "contact_id": "id",
    "contact_phone": "text",
}
# Half of an address or of a number would be another one.
MAY_BE_CUT: Final = frozenset(
    ("summary", "key_points", "next_actions", "transcript", "tags", "agent_name", "sentiment")
)
_TAKES: Final[dict[Kind, tuple[type[TypeEngine[Any]], ...]]] = {
    "text": (sa.String,),
    "time": (sa.DateTime, sa.Date, sa.String),
    "number": (sa.Integer, sa.Numeric, sa.Float, sa.Interval, sa.String),
    "list": (sa.JSON, sa.ARRAY, sa.String),
    "object": (sa.JSON, sa.String),
    "id": (sa.String, sa.Integer, sa.Numeric, sa.Uuid),
}
CUT: Final = "…"


class Unfit(Exception):
    """The value cannot stand in this column, and is left out."""


def fits(kind: Kind, column_type: TypeEngine[Any]) -> bool:
    """Whether a column of this type can hold what HUM sends. Unknown types are given the benefit."""
    return isinstance(column_type, (*_TAKES[kind], sa.types.NullType))


def for_column(
    column_type: TypeEngine[Any], value: Any, written: Callable[[], str], *, may_cut: bool = False
) -> Any:
    """`value` for a column; `written` is how it reads as text. Raises Unfit for what the column cannot take,
    such as a status that its list does not have, or a text too long for it unless that may be cut."""
    match column_type:
        case sa.Enum():
            return _one_of(column_type.enums, written())
        case sa.JSON():
            return clean(value)
        case sa.ARRAY():
            return [clean(item) for item in value]
        case sa.DateTime():
            instant = _instant(value)
            return instant if column_type.timezone else instant.replace(tzinfo=None)
        case sa.Date():
            return _instant(value).date()
        case sa.Interval():
            return timedelta(seconds=_finite(value))
        case sa.Integer():
            return _within(round(_finite(value)), 2 ** _bits(column_type))
        case sa.Float():
            return _finite(value)
        case sa.Numeric():
            number = _within(_finite(value), _most(column_type))
            return Decimal(str(number)) if column_type.asdecimal else number
        case sa.Uuid():
            return _uuid(value)
    text, length = clean(written()), getattr(column_type, "length", None)
    if not may_cut and length is not None and len(text) > length:
        raise Unfit
    return shortened(text, length)


def shortened(text: str, length: int | None) -> str:
    return text if length is None or len(text) <= length else text[: max(length - 1, 0)] + CUT[:length]


def clean(value: Any) -> Any:
    """Without NUL, which PostgreSQL takes in no text."""
    if isinstance(value, str):
        return value.replace("\x00", "")
    if isinstance(value, list):
        return [clean(item) for item in value]
    if isinstance(value, dict):
        return {clean(name): clean(item) for name, item in value.items()}
    return value


def as_text(value: Any) -> str | None:
    """A value of a column as a person reads it; None when there is nothing."""
    if value is None or isinstance(value, bytes | memoryview):
        return None
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() or None


def as_json(value: Any) -> Any:
    """A value of a column as HUM gets it; None for what JSON does not have."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return (
                (int(value) if value == value.to_integral() else float(value)) if value.is_finite() else None
            )
        case datetime() | date() | time():
            return value.isoformat()
        case uuid.UUID():
            return str(value)
        case list() | tuple():
            return [as_json(item) for item in value]
        case dict():
            return {str(name): as_json(item) for name, item in value.items()}
    return None


def as_lines(items: list[str]) -> str:
    return "\n".join(f"- {' '.join(item.split())}" for item in items)


def as_document(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _instant(value: Any) -> datetime:
    try:
        found = datetime.fromisoformat(value)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError):
        raise Unfit from None


def _finite(value: Any) -> float:
    try:
        found = float(value)
    except (ValueError, OverflowError):
        raise Unfit from None
    if not math.isfinite(found):
        raise Unfit
    return found


def _within(number: float, limit: float) -> Any:
    if not -limit < number < limit:
        raise Unfit
    return number


def _bits(column_type: sa.Integer) -> int:
    if isinstance(column_type, sa.SmallInteger):
        return 15
    return 63 if isinstance(column_type, sa.BigInteger) else 31


def _most(column_type: sa.Numeric[Any]) -> float:
    if column_type.precision is None:
        return math.inf
    return float(10 ** (column_type.precision - (column_type.scale or 0)))


def _one_of(choices: list[str], text: str) -> str:
    if text not in choices:
        raise Unfit
    return text


def _uuid(value: Any) -> uuid.UUID:
    try:
        return uuid.UUID(str(value))
    except ValueError:
        raise Unfit from None
