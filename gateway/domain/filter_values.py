"""What JSON values mean to a filter: how they are read, when they are equal, which are true.

Numbers are exact: integers are `int`, all others `Decimal`, so that a 30-digit integer and `1.10` compare as
what they are. Booleans are not numbers, at any depth, although Python holds that `True == 1`.

Whatever grows with the payload is paid for from a `Work`, so that no filter can hold the others up. Which
expressions there are, and what they do with values, is `filter_nodes`.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final, TypeAlias

import msgspec

from gateway.domain.parts import holds

Number: TypeAlias = int | Decimal

MAX_STEPS: Final = 10_000
TEXT_PER_STEP: Final = 1024
MAX_SHOWN: Final = 80
_TEXT_SHOWN: Final = MAX_SHOWN - 3
_ITEMS_SHOWN: Final = 4
_NESTING_SHOWN: Final = 2


class Undecided(Exception):
    """The filter has no answer for this event; the message says why. It then counts as not matching."""


class Work:
    """How much one evaluation may still do. A step is one element or member looked at, or 1 KiB of the text
    and of what is searched in it."""

    __slots__ = ("limit", "used")

    def __init__(self, limit: float = MAX_STEPS) -> None:
        self.limit = limit
        self.used = 0

    def spend(self, steps: int) -> None:
        """Before the work is done, never after. Raises Undecided when it would be too much."""
        self.used += steps
        if self.used > self.limit:
            raise Undecided(f"it takes more than {self.limit:,} steps over this event")


def is_number(value: Any) -> bool:
    return type(value) is int or type(value) is Decimal


def is_true(value: Any) -> bool:
    """JMESPath: false, null and what is empty are false; every number is true, zero too."""
    if type(value) is bool:
        return value
    return is_number(value) or bool(value)


def equal(left: Any, right: Any, work: Work) -> bool:
    """Whether two values are the same JSON. Keeps its own stack: payloads may be nested deeply."""
    pairs = [(left, right)]
    while pairs:
        one, other = pairs.pop()
        kind = type(one)
        if kind is list:
            if type(other) is not list or len(one) != len(other):
                return False
            work.spend(len(one) + 1)
            pairs.extend(zip(one, other, strict=True))
        elif kind is dict:
            if type(other) is not dict or len(one) != len(other):
                return False
            work.spend(len(one) + 1)
            if one.keys() != other.keys():
                return False
            pairs.extend((value, other[name]) for name, value in one.items())
        elif kind is bool or type(other) is bool:
            if one is not other:
                return False
        elif one != other:
            return False
    return True


def contains(subject: list[Any] | str, search: Any, work: Work) -> bool:
    """Whether a list has an element that equals `search`, or a string has it as a part."""
    if isinstance(subject, str):
        if not isinstance(search, str):
            return False
        work.spend((len(subject) + len(search)) // TEXT_PER_STEP + 1)
        return holds(subject, search)
    work.spend(len(subject) + 1)
    if isinstance(search, str):
        return search in subject  # nothing but a string equals one, so Python's own search is exact
    return any(equal(element, search, work) for element in subject)


def decode(data: bytes) -> Any:
    """The value of JSON that the gateway has accepted; whatever was accepted is read."""
    try:
        return _decode(data)
    except RecursionError:  # accepted nearer to the bottom of the stack than this
        return _on_a_fresh_stack(_decode, data)


def decode_literal(text: str) -> Any:
    """The value of JSON in a filter. Raises ValueError when it is none."""
    try:
        return _DECODER.decode(text)
    except (*_ODD, RecursionError) as error:
        raise ValueError(str(error)) from None


def kind_of(value: Any) -> str:
    """What a value is, in the words of JSON."""
    if value is None:
        return "null"
    return {bool: "boolean", str: "string", list: "list", dict: "object"}.get(type(value), "number")


def shown(value: Any) -> str:
    """A value as JSON, for a person: shortened, whatever its size and depth."""
    return _cut(_render(value, _NESTING_SHOWN))


def _render(value: Any, nesting: int) -> str:
    if isinstance(value, str):
        return json.dumps(value[:_TEXT_SHOWN] + "…" * (len(value) > _TEXT_SHOWN), ensure_ascii=False)
    if isinstance(value, list | dict):
        opening, closing = "[]" if isinstance(value, list) else "{}"
        return opening + ", ".join(_parts(value, nesting)) + closing
    return str(value) if is_number(value) else json.dumps(value)


def _parts(value: list[Any] | dict[str, Any], nesting: int) -> Iterator[str]:
    if value and not nesting:
        yield "…"
        return
    for count, one in enumerate(value):
        if count == _ITEMS_SHOWN:
            yield "…"
            return
        member = f"{_render(one, 0)}: " if isinstance(value, dict) else ""
        yield member + _render(value[one] if isinstance(value, dict) else one, nesting - 1)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"


def _decode(data: bytes) -> Any:
    try:
        return _DECODER.decode(data)
    except _ODD:
        return json.loads(data, parse_int=_integer, parse_float=_fraction)


def _integer(text: str) -> Number:
    try:
        return int(text)
    except ValueError:
        return Decimal(text)


def _fraction(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:  # an exponent of 18 digits or more
        mantissa, _, exponent = text.lower().partition("e")
        if exponent.startswith("-") or not mantissa.strip("-0."):
            return Decimal(0)
        return Decimal("-Infinity" if mantissa.startswith("-") else "Infinity")


_DECODER: Final = msgspec.json.Decoder(float_hook=Decimal)

# In what was accepted: an integer of more than 4,300 digits, an exponent of 18 or more.
_ODD: Final = (msgspec.DecodeError, InvalidOperation)


def _on_a_fresh_stack(function: Callable[[bytes], Any], data: bytes) -> Any:
    """The result from a thread of its own, where the whole depth that Python allows is free. What is nested
    deeper still could not have been accepted; it reads as null."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(function(data))
        except RecursionError:
            results.append(None)

    thread = threading.Thread(target=run, name="filter-decode")
    thread.start()
    thread.join()
    return results[0]
