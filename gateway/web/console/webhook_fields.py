"""The form of a webhook: what stands in it, and what it asks of the API. Every rule about values is the
API's; what is no number is handed on as it is, so that the API names every mistake at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from gateway.errors import BadRequest, Detail, InvalidRequest
from gateway.web.console.forms import Form

SECRET: Final = "[secret]"  # noqa: S105  what the API shows in place of a header's value
MOST_LINES: Final = 200
_SEPARATORS: Final = re.compile(r"[\s,]+")
_LINES: Final = ("events", "headers", "organizations")

Texts = Mapping[str, str]


def listed(text: str) -> list[str]:
    """What stands between blanks, commas and line ends."""
    return [part for part in _SEPARATORS.split(text) if part]


def whole(text: str) -> int | str:
    """A whole number; any other text as it is."""
    plain = text.isascii() and text.removeprefix("-").isdigit() and len(text) <= 18
    return int(text) if plain else text


_VALUES: Final[Mapping[str, Callable[[str], Any]]] = {
    "url": str,
    "events": listed,
    "organizations": listed,
    "description": str,
    "filter": str,
    "timeout_ms": whole,
    "rate_limit_per_second": whole,
    "max_hold_seconds": whole,
    "retry_schedule": lambda text: [whole(part) for part in listed(text)],
    "ordered": bool,
}
NAMES: Final = (*_VALUES, "headers")


def texts_of(hook: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the form of a webhook before anything is filled in."""
    return {
        name: "\n".join(hook.get(name) or []) if name in _LINES else _text(hook.get(name)) for name in _VALUES
    } | {"headers": "\n".join(f"{name}: {value}" for name, value in hook.get("headers", {}).items())}


def filled_in(form: Form) -> dict[str, str]:
    """What stands in it afterwards."""
    return {name: form.raw(name).strip() for name in NAMES}


def shown_before(form: Form) -> dict[str, str]:
    """What stood in it when it was shown, which the form carries along. Raises BadRequest."""
    try:
        return msgspec.json.decode(form.raw("was"), type=dict[str, str])
    except msgspec.DecodeError:
        raise BadRequest("the form cannot be read", code="invalid_form") from None


def creation(texts: Texts) -> dict[str, Any]:
    """The request that makes a webhook: what is empty gets the API's default. Raises InvalidRequest."""
    body = {name: make(texts[name]) for name, make in _VALUES.items() if texts.get(name)}
    headers = header_lines(texts.get("headers", ""))
    _refuse_hidden(headers)
    return body | ({"headers": headers} if headers else {})


def change(texts: Texts, before: Texts) -> dict[str, Any]:
    """The merge patch of what was changed in the form; what was emptied gets its default back. Whatever
    somebody else has changed meanwhile stays. Raises InvalidRequest."""
    patch = {
        name: make(texts[name]) if texts[name] else None
        for name, make in _VALUES.items()
        if name in texts and texts[name] != before.get(name, "").strip()
    }
    headers = _changed_headers(header_lines(texts["headers"]), header_lines(before.get("headers", "")))
    return patch | ({"headers": headers} if headers else {})


def header_lines(text: str) -> dict[str, str]:
    """Headers out of lines `Name: value`. Raises InvalidRequest with every line that is none."""
    lines = text.split("\n")
    if len(lines) > MOST_LINES:
        raise InvalidRequest.field("headers", f"at most {MOST_LINES} lines are read")
    found: dict[str, str] = {}
    known: set[str] = set()
    wrong: list[Detail] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not name:
            wrong.append(Detail("headers", f"line {number} must be `Name: value`"))
        elif name.lower() in known:
            wrong.append(Detail("headers", f"line {number}: {name} is there twice"))
        else:
            found[name] = value
            known.add(name.lower())
    if wrong:
        raise InvalidRequest("; ".join(detail.message for detail in wrong), details=wrong)
    return found


def _changed_headers(given: dict[str, str], before: dict[str, str]) -> dict[str, str | None]:
    """Values typed anew, and null for what was taken out. `[secret]` stands for the value that is there."""
    known = {name.lower() for name in before}
    kept = {name for name, value in given.items() if value == SECRET and name.lower() in known}
    typed = {name: value for name, value in given.items() if name not in kept}
    _refuse_hidden(typed)
    standing = {name.lower() for name in given}
    gone: dict[str, str | None] = {name: None for name in before if name.lower() not in standing}
    return gone | typed


def _refuse_hidden(typed: Mapping[str, str]) -> None:
    """Nobody means the text `[secret]`: it was moved to another name, whose value nobody knows here."""
    wrong = [
        Detail(f"headers.{name}", "type its value: one that is hidden cannot be moved to another name")
        for name, value in typed.items()
        if value == SECRET
    ]
    if wrong:
        raise InvalidRequest("; ".join(detail.message for detail in wrong), details=wrong)


def _text(value: Any) -> str:
    if value is None or value is False:
        return ""
    if value is True:
        return "yes"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
