"""vCard 3.0 and 4.0 as content lines. An edit changes one line and leaves every other byte as it was.

What the properties mean is `mapping`'s; here are lines, parameters, escaping and folding.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

FOLD_AT: Final = 75  # bytes, RFC 6350 section 3.2
MOST_CHARACTERS: Final = 1024 * 1024  # of a card, pictures included
MOST_PARAMETERS: Final = 100  # of a line that are read

_LINE = re.compile(
    r"(?P<head>(?:(?P<group>[A-Za-z0-9-]+)\.)?(?P<name>[A-Za-z0-9-]+)"
    r"(?P<parameters>(?:;(?:\"[^\"]*\"|[^\":;])*)*)):(?P<value>.*)\Z",
    re.DOTALL,
)
_PARAMETER = re.compile(r";((?:\"[^\"]*\"|[^\":;])*)")
_PART = re.compile(r"\"([^\"]*)\"|([^\",]+)")
_PIECE = re.compile(r"\\.|;|[^\\;]+|\\", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_CARET = {"^n": "\n", "^'": '"', "^^": "^"}  # RFC 6868
_PHYSICAL = re.compile(r"[^\r\n]*(?:\r\n|\n|\r|\Z)")


@dataclass(frozen=True, slots=True)
class Line:
    """One content line. `raw` is how it stands there, folds and line end included; `value` is unfolded and
    still escaped. A line that is none (a stray one) has no name and is kept as it is."""

    raw: str
    name: str = ""
    head: str = ""
    value: str = ""

    @property
    def parameters(self) -> Mapping[str, tuple[str, ...]]:
        """By upper-case name. A bare `;CELL`, as vCard 2.1 wrote it, counts as a TYPE. Those beyond the first
        hundred are not read."""
        found: dict[str, list[str]] = {}
        for parameter in islice(_PARAMETER.finditer(self.head), MOST_PARAMETERS):
            part = parameter[1]
            name, equals, values = part.partition("=")
            name, values = (name, values) if equals else ("TYPE", part)
            read = (_uncaret(quoted or bare) for quoted, bare in _PART.findall(values))
            found.setdefault(name.upper(), []).extend(read)
        return {name: tuple(read) for name, read in found.items()}

    @property
    def types(self) -> frozenset[str]:
        """In lower case; vCard 4.0 also writes several in one pair of quotes."""
        listed = ",".join(self.parameters.get("TYPE", ()))
        return frozenset(part.strip() for part in listed.lower().split(",") if part.strip())

    @property
    def text(self) -> str:
        return unescape(self.value)

    @property
    def components(self) -> tuple[str, ...]:
        """The parts of a structured value such as N or ORG."""
        parts = [""]
        for piece in _PIECE.findall(self.value):
            if piece == ";":
                parts.append("")
            else:
                parts[-1] += piece
        return tuple(unescape(part) for part in parts)

    def with_text(self, text: str, newline: str = "\r\n") -> Line:
        """The same property, group and parameters with another text as its value."""
        value = escape(text)
        return replace(self, raw=fold(f"{self.head}:{value}", newline) + newline, value=value)


@dataclass(frozen=True, slots=True)
class Card:
    """The lines of one vCard. `text` of a card that was not edited is, byte for byte, what was parsed."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        return "".join(line.raw for line in self.lines)

    @property
    def newline(self) -> str:
        return "\r\n" if self.lines[0].raw.endswith("\r\n") else "\n"

    def all(self, name: str) -> Iterator[Line]:
        return (line for line in self.lines if line.name == name)

    def first(self, name: str) -> Line | None:
        return next(self.all(name), None)

    def replaced(self, old: Line, text: str) -> Card:
        """With another text in that line."""
        new = old.with_text(text, self.newline)
        return Card(tuple(new if line is old else line for line in self.lines))

    def added(self, name: str, text: str) -> Card:
        """With one more line at the end."""
        end = next(number for number, line in enumerate(self.lines) if _is_end(line))
        new = Line("", name, name).with_text(text, self.newline)
        return Card((*self.lines[:end], new, *self.lines[end:]))


def parse(text: str) -> Card:
    """Raises ValueError when the text is no vCard, or a huge one. Lines that are none are kept and say
    nothing."""
    if len(text) > MOST_CHARACTERS:
        raise ValueError("is longer than 1 MiB")
    lines = tuple(_lines(text))
    if not lines or lines[0].name != "BEGIN" or lines[0].value.strip().upper() != "VCARD":
        raise ValueError("does not start with BEGIN:VCARD")
    if not any(_is_end(line) for line in lines):
        raise ValueError("has no END:VCARD")
    return Card(lines)


def write(properties: list[tuple[str, str]]) -> str:
    """A vCard 3.0, which every CardDAV server takes; the values must be escaped where their kind needs it."""
    inner = [("BEGIN", "VCARD"), ("VERSION", "3.0"), *properties, ("END", "VCARD")]
    return "".join(fold(f"{name}:{value}") + "\r\n" for name, value in inner)


def escape(text: str) -> str:
    text = text.replace("\\", "\\\\").replace(",", "\\,").replace(";", "\\;")
    return re.sub(r"\r\n|\r|\n", r"\\n", text)


def unescape(value: str) -> str:
    return _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value)


def fold(line: str, newline: str = "\r\n") -> str:
    """Broken where it is longer than 75 bytes, never inside a character."""
    pieces, room, piece = [], FOLD_AT, ""
    for character in line:
        size = len(character.encode("utf-8", "surrogatepass"))
        if size > room:
            pieces.append(piece)
            room, piece = FOLD_AT - 1, ""
        room, piece = room - size, piece + character
    return f"{newline} ".join([*pieces, piece])


def _lines(text: str) -> Iterator[Line]:
    raw = ""
    for physical in _PHYSICAL.findall(text):
        if raw and not physical.startswith((" ", "\t")):
            yield _line(raw)
            raw = ""
        raw += physical
    if raw:
        yield _line(raw)


def _line(raw: str) -> Line:
    unfolded = re.sub(r"(?:\r\n|\n|\r)[ \t]", "", raw).rstrip("\r\n")
    found = _LINE.match(unfolded)
    if found is None:
        return Line(raw)
    return Line(raw, found["name"].upper(), found["head"], found["value"])


def _is_end(line: Line) -> bool:
    return line.name == "END" and line.value.strip().upper() == "VCARD"


def _uncaret(value: str) -> str:
    return re.sub(r"\^[n'^]", lambda found: _CARET[found[0]], value)
