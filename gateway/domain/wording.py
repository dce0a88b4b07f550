"""What libraries say about a mistake in a request, in the gateway's own words.

Requests of people are read by pydantic, which gives each mistake a kind; events by msgspec, which has
sentences. Every kind and sentence that can occur is known here: a library's text reaches nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

_NOT_AS_DESCRIBED: Final = "is not as described"
_NOUNS: Final = {
    "str": "a string", "int": "an integer", "float": "a number", "array": "a list", "object": "an object",
    "null": "null", "bool": "a boolean",
}  # fmt: skip
_EXPECTED: Final = re.compile(
    r"Expected `([^`]+)`(?: of length (?P<length><=|>=) (?P<count>\d+)| (?P<bound><=|>=) (?P<limit>\S+))?"
    r"(?:, got `([^`]+)`)?\Z"
)
_NAMED: Final = re.compile(r"Object (missing required|contains unknown) field `([^`]*)`\Z")
_MALFORMED: Final = re.compile(r"JSON is malformed: (.*) \(byte (\d+)\)\Z")
_HALF_PAIR: Final = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])")
_AT: Final = {">=": "at least", "<=": "at most"}


def of_pydantic(kind: str, context: Mapping[str, Any], message: str) -> str:
    """A mistake by its kind. `message` is used of our own validators alone (`value_error`)."""
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    say = PYDANTIC.get(kind)
    return _NOT_AS_DESCRIBED if say is None else say(context)


def of_msgspec(message: str) -> tuple[str, str]:
    """Where in the value a mistake is (`[2].text`; empty: the value itself), and what it is."""
    text, _, path = message.partition(" - at `$")
    path = path.rstrip("`")
    if named := _NAMED.match(text):
        said = "is required" if named[1].startswith("missing") else "is not a field"
        return f"{path}.{named[2]}", said
    if "out of range" in text:
        return path, "is out of range"
    return path, _expected(text)


def of_json(message: str, raw: bytes) -> str:
    """Why `raw` is no JSON, from msgspec's sentence about it."""
    if "surrogate" in message or ("truncated" in message and _HALF_PAIR.search(raw)):
        return "half of a surrogate pair"
    if "truncated" in message:
        return "it ends too early"
    found = _MALFORMED.match(message)
    return f"{found[1]} at byte {found[2]}" if found else "it cannot be read"


def _expected(text: str) -> str:
    found = _EXPECTED.match(text)
    if not found:
        return _NOT_AS_DESCRIBED
    if found["length"]:
        what = "characters" if found[1].startswith("str") else "entries"
        return f"must have {_AT[found['length']]} {_counted(int(found['count']), what)}"
    if found["bound"]:
        return f"must be {_AT[found['bound']]} {float(found['limit']):g}"
    got = f", got {_nouns(found[6])}" if found[6] else ""
    return f"must be {_nouns(found[1])}{got}"


def _nouns(kinds: str) -> str:
    return " or ".join(_NOUNS.get(kind, kind) for kind in kinds.split(" | "))


def _counted(count: int, what: str) -> str:
    if count != 1:
        return f"{count} {what}"
    return "1 entry" if what == "entries" else f"1 {what.removesuffix('s')}"


def _always(text: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda _: text


def _bound(name: str, words: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"must be {words} {context[name]}"


def _size(name: str, words: str, what: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda context: f"must have {words} {_counted(context[name], what)}"


# Kind → what it says, from what pydantic tells besides.
PYDANTIC: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "missing": _always("is required"),
    "extra_forbidden": _always("is not a field"),
    "string_type": _always("must be a string"),
    "int_type": _always("must be an integer"),
    "float_type": _always("must be a number"),
    "bool_type": _always("must be a boolean"),
    "list_type": _always("must be a list"),
    "dict_type": _always("must be an object"),
    "model_type": _always("must be an object"),
    "literal_error": lambda context: "must be " + str(context["expected"]).replace("'", ""),
    "greater_than": _bound("gt", "more than"),
    "greater_than_equal": _bound("ge", "at least"),
    "less_than": _bound("lt", "less than"),
    "less_than_equal": _bound("le", "at most"),
    "finite_number": _always("must be a finite number"),
    "string_too_short": _size("min_length", "at least", "characters"),
    "string_too_long": _size("max_length", "at most", "characters"),
    "string_pattern_mismatch": lambda context: f"must match {context['pattern']}",
    "too_short": _size("min_length", "at least", "entries"),
    "too_long": _size("max_length", "at most", "entries"),
}
