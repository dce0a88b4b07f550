"""Templates, and how values are written in them. Everything is escaped; what makes tags itself is here."""

from __future__ import annotations

import secrets
from functools import cache
from typing import Any, Final

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from gateway.clock import parse_time
from gateway.web.console.files import address
from gateway.web.console.things import place_of

_OPENING: Final = b"[{"
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("gateway.web.console", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        when=when, ago=ago, number=number, percent=percent, ms=ms, span=span, age=age, pretty=pretty
    )
    made.globals.update(once=once, file=address, place_of=place_of)
    return made


def draw(template: str, **values: Any) -> str:
    return environment().get_template(template).render(**values)


def once() -> str:
    """What tells one filling in of a form from the next."""
    return secrets.token_urlsafe(16)


def when(text: str | None) -> Markup | str:
    """A time of the API, for people: to the second, UTC."""
    if not text:
        return "–"
    shown = f"{text[:10]} {text[11:19]}"
    return Markup('<time datetime="{}" title="{}">{}</time>').format(text, text, shown)


def ago(text: str | None, now: int) -> str:
    """How long ago a time was, or how far ahead it is, by its largest unit."""
    moment = None if not text else parse_time(text)
    if moment is None:
        return "–"
    seconds = (now - moment) // 1000
    if abs(seconds) < 1:
        return "now"
    size, unit = next(found for found in _UNITS if abs(seconds) >= found[0])
    count = abs(seconds) // size
    return f"{count} {unit} ago" if seconds > 0 else f"in {count} {unit}"


def span(seconds: int) -> str:
    """A length of time by the largest unit that leaves nothing over."""
    size, unit = next(found for found in _UNITS if seconds % found[0] == 0)
    return f"{seconds // size:,} {unit}"


def age(seconds: int | None) -> str:
    """For how long something is known, by its largest unit."""
    if seconds is None:
        return "–"
    size, unit = next((found for found in _UNITS if seconds >= found[0]), _UNITS[-1])
    return f"{seconds // size} {unit}"


def number(value: int | None) -> str:
    return "–" if value is None else f"{value:,}"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} ms"


def pretty(value: Any) -> str:
    """JSON for people, its numbers as they were written: a text or bytes that hold JSON, or a value. Any
    other text as it is, and what would become many times longer."""
    if value is None:
        return ""
    if isinstance(value, str):
        raw = value.encode("utf-8", "replace")
    else:
        raw = value if isinstance(value, bytes) else msgspec.json.encode(value)
    if _grows(raw):
        return raw.decode("utf-8", "replace")
    try:
        return msgspec.json.format(raw, indent=2).decode("utf-8", "replace")
    except (msgspec.DecodeError, RecursionError):
        return raw.decode("utf-8", "replace")


def _grows(raw: bytes) -> bool:
    """Whether its indentation would be most of it. What stands in texts counts too: it is a guess from
    above."""
    depth = deepest = 0
    for one in raw.translate(None, _NO_BRACKETS):
        depth += 1 if one in _OPENING else -1
        deepest = max(deepest, depth)
    lines = raw.count(b",") + raw.count(b"[") * 2 + raw.count(b"{") * 2
    return lines * deepest * 2 > 6 * len(raw) + 16_384
