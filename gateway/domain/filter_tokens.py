"""The pieces that a filter's text is made of, and the pieces of JMESPath that filters do not have, by name.

What may follow what is `filter_syntax`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_LENGTH: Final = 512

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n]+) | (?P<name>[A-Za-z_][A-Za-z0-9_]*) | (?P<number>-?[0-9]+)
      | (?P<quoted>"(?:[^"\\]|\\.)*") | (?P<text>'(?:[^'\\]|\\.)*') | (?P<json>`(?:[^`\\]|\\.)*`)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!.()\[\],]) | (?P<foreign>.)""",
    re.VERBOSE | re.DOTALL,
)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ENTRY: Final = re.compile(r"\[\s*(\?|\*|\])|\[[\s0-9-]*:")
_ENTRIES: Final = {
    "?": "`[?` projections are not part of filters",
    "*": "`[*]` projections are not part of filters",
    "]": "`[]` flattening is not part of filters",
    None: "slices such as [0:2] are not part of filters",
}
_FOREIGN: Final = {
    "|": "`|` pipes are not part of filters; or is written ||",
    "&": "`&` expression references are not part of filters; and is written &&",
    "*": "`*` wildcards are not part of filters",
    "@": "`@` is not part of filters: write the field, such as data.status",
    "{": "`{` multi-select hashes are not part of filters",
    "=": "equal is written ==",
    "'": "the text that begins here has no closing '",
    '"': 'the name that begins here has no closing "',
    "`": "the literal that begins here has no closing `",
}


class FilterError(ValueError):
    """A text that is no filter: where, and what was expected."""

    def __init__(self, index: int, message: str) -> None:
        self.column = index + 1
        super().__init__(f"column {self.column}: {message}")


@dataclass(frozen=True, slots=True)
class Token:
    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def check_text(source: str) -> None:
    """Raises FilterError for what cannot be kept or read at all."""
    if len(source) > MAX_LENGTH:
        raise FilterError(MAX_LENGTH, f"a filter has at most {MAX_LENGTH} characters, not {len(source)}")
    if not source.strip():
        raise FilterError(0, "the filter is empty")
    if control := _CONTROL.search(source):
        raise FilterError(control.start(), "control characters are written as escapes, in backticks")
    try:
        source.encode()
    except UnicodeEncodeError as error:
        raise FilterError(error.start, "this is half of a surrogate pair") from None


def tokens(source: str) -> list[Token]:
    """The text in pieces, spaces left out, with an end that no rule accepts."""
    found = []
    for match in _TOKEN.finditer(source):
        kind, text, start = str(match.lastgroup), match.group(), match.start()
        if kind == "foreign":
            raise FilterError(start, _FOREIGN.get(text, f"`{text}` is not part of filters"))
        if text == "[" and (entry := _ENTRY.match(source, start)):
            raise FilterError(start, _ENTRIES[entry.group(1)])
        if kind != "space":
            found.append(Token(kind, text, start))
    return [*found, Token("end", "", len(source))]
