"""One exchange with the connector: what was sent, and what came back, if anything did."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from connectors.kit.conformance.request import Request
from connectors.kit.conformance.verdict import Failed

MOST_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class Answer:
    """What came back, read raw. `elapsed` in seconds; `strict` is the mode in which it is judged."""

    exchange: Exchange
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    elapsed: float
    strict: bool

    def header(self, name: str) -> str:
        """The first value; "" when there is none."""
        return next((value for own, value in self.headers if own.lower() == name.lower()), "")

    @cached_property
    def data(self) -> dict[str, Any]:
        """The body as a JSON object. Raises Failed when it is none."""
        found = self._parsed
        if not isinstance(found, dict):
            got = "no JSON" if found is _NO_JSON else f"a JSON {_kind(found)}"
            raise Failed("a JSON object as body", got, exchange=self.exchange)
        return found

    @cached_property
    def _parsed(self) -> Any:
        try:
            return _DECODER.decode(self.body.decode("utf-8"))
        except (ValueError, RecursionError):
            return _NO_JSON

    @property
    def is_object(self) -> bool:
        return isinstance(self._parsed, dict)

    def failed(self, expected: str, got: str = "", *, hint: str = "") -> Failed:
        """What to raise when this answer is not what it should be."""
        return Failed(expected, got or f"HTTP {self.status}", exchange=self.exchange, hint=hint)


@dataclass(eq=False, slots=True)
class Exchange:
    """`silence` says why there is no `answer`."""

    request: Request
    url: str
    answer: Answer | None = None
    silence: str = ""


_NO_JSON: Final = object()


def _refuse(constant: str) -> Any:
    raise ValueError(f"{constant} is no JSON")


def _finite(text: str) -> float:
    if not math.isfinite(float(text)):
        raise ValueError("a number that nobody can hold")
    return float(text)


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a name that stands there twice: two readers could take two different ones")
    return dict(pairs)


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_each_once, parse_float=_finite, parse_constant=_refuse)


def _kind(value: object) -> str:
    return {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(value), "number")
