"""JSON from strangers: UTF-8, no NaN, no number beyond a float, no name twice, no endless depth."""

from __future__ import annotations

import json
import math
from typing import Any


class NotJson(ValueError):
    """The sentence says why, and nothing of what stood there."""


def decode(body: bytes) -> Any:
    """The value. Raises NotJson."""
    if not body.strip():
        raise NotJson("it is empty")
    try:
        return _decoder.decode(body.decode("utf-8"))
    except UnicodeDecodeError:
        raise NotJson("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"{error.msg} at character {error.pos}") from None
    except RecursionError:
        raise NotJson("it is nested too deeply") from None
    except NotJson:
        raise
    except ValueError:  # an integer of thousands of digits
        raise NotJson("a number in it is too long") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise NotJson("a name stands twice in one object")
    return result


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise NotJson("a number in it is too large")
    return value


def _no_constant(name: str) -> None:
    raise NotJson(f"{name} is no JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_no_constant)
