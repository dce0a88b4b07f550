"""A call of the API as a value: what is sent, and how its answer is read. Nothing here talks to anybody.

`Request` is one exchange, `Listing` a list that comes in pages. Their type parameter is what the caller gets:
`Request[Webhook]` answers a Webhook, `Listing[Event]` gives Events one after the other.
"""

from __future__ import annotations

import json as jsonlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar
from urllib.parse import quote

Json = dict[str, Any]
Params = Mapping[str, str | int | bool | Sequence[str] | None]
"""Of a query. A sequence stands there once for each of its entries."""
T = TypeVar("T")


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for NaN and infinities."""
    return jsonlib.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def decode(answer: bytes) -> Any:
    """The JSON of an answer; None when it is empty."""
    return jsonlib.loads(answer) if answer.strip() else None


def data_of(answer: bytes) -> Any:
    """The rows of a list that has one page."""
    return decode(answer)["data"]


@dataclass(frozen=True, slots=True)
class Request(Generic[T]):
    """One exchange. `json` is a value to encode, or bytes that are JSON already and stay so; parameters that
    are None are left out. `answers` are statuses that are an answer as good as a 2xx. A POST is `keyed`
    unless it makes nothing. `media` is the type of a body that is no JSON. `budget` is for an answer that is
    of use only at once: so many seconds for everything, and one try, where the client was not made with a
    `retry` or `timeout` of its own."""

    method: str
    path: str
    params: Params | None = None
    json: object = None
    idempotency_key: str | None = None
    read: Callable[[bytes], Any] = field(default=decode, repr=False)
    answers: tuple[int, ...] = ()
    repeat: bool = True
    keyed: bool = True
    media: str = "application/json"
    budget: float | None = None

    @property
    def content(self) -> bytes | None:
        if self.json is None or isinstance(self.json, bytes):
            return self.json
        return encode(self.json)


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list of the API: at most `limit` rows of it, all when that is None."""

    path: str
    params: Params | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """An answer that may be too long to hold: it comes in pieces. `accept` is its media type."""

    path: str
    params: Params | None = None
    accept: str = "application/octet-stream"


class NotAnIdError(ValueError):
    """An id that would lead to another place of the API."""


def segment(identifier: str) -> str:
    """An id as one segment of a path: it cannot leave its place. Raises NotAnIdError for what no encoding
    keeps there: nothing at all, `.` and `..`."""
    if identifier in ("", ".", ".."):
        raise NotAnIdError(f"{identifier!r} is not an id")
    return quote(identifier, safe="")


def query_of(params: Params | None) -> dict[str, str | list[str]] | None:
    """The parameters that were given, as text. None rather than nothing: httpx would cut the path's own."""
    return {name: _text(value) for name, value in (params or {}).items() if value is not None} or None


def _text(value: str | int | bool | Sequence[str]) -> str | list[str]:
    if isinstance(value, str | int):
        return str(value).lower() if isinstance(value, bool) else str(value)
    return list(value)


def raw_json(data: bytes | Json) -> bytes:
    """`data` as JSON bytes; bytes stay as they are, down to `1.10` and 30-digit integers.

    Raises ValueError when bytes are not exactly one JSON value in UTF-8: they are set into a larger body, and
    must not be able to end it.
    """
    if not isinstance(data, bytes):
        return encode(data)
    try:
        # parse_int: Python refuses integers of more than 4,300 digits, the gateway does not.
        jsonlib.loads(data.decode(), parse_int=str, parse_float=str, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("the data is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"the data is not JSON: {error}") from None
    return data.strip(b" \t\r\n")


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def event_body(type: str, data: bytes | Json, **optional: object) -> bytes:  # noqa: A002
    """The body of `POST /api/events`; members that are None are left out. Raises ValueError as `raw_json`."""
    members = {name: encode(value) for name, value in optional.items() if value is not None}
    members = {"type": encode(type), "data": raw_json(data)} | members
    return b"{" + b",".join(encode(name) + b":" + value for name, value in members.items()) + b"}"
