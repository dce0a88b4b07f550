"""Whether a text holds another, in a time that grows with their lengths alone.

Python's own search looks at each character of the one beside each of the other when the text is short, or
little longer than the part, and both repeat themselves: a millisecond for 4 kB, and more for many parts. In
long texts it does not (two-way search, since 3.10). So a text that is not long is made so.
"""

from __future__ import annotations

from typing import Final, TypeVar

Text = TypeVar("Text", str, bytes)

# What CPython's search (Objects/stringlib/fastsearch.h) goes by.
_SHORT_PART: Final = 6
_LONG_TEXT: Final = 30_000
_CHEAP: Final = 1 << 14  # both lengths multiplied: some microseconds, whatever is in them


def holds(text: str, part: str) -> bool:
    """Whether `part` stands somewhere in `text`."""
    if len(part) > len(text):
        return False
    found = lengthened(text, len(part), _CHEAP).find(part)
    return 0 <= found <= len(text) - len(part)  # else it reaches into what was added


def lengthened(text: Text, part: int, cheap: int) -> Text:
    """The text, long enough to be searched for parts of up to so many characters: with NULs at its end, if
    the search would be no cheap one (both lengths multiplied) without them."""
    if part < _SHORT_PART or len(text) * part <= cheap:
        return text
    missing = long_enough(part) - len(text)
    nul = "\0" if isinstance(text, str) else b"\0"
    return text + nul * missing if missing > 0 else text


def long_enough(part: int) -> int:
    """How long a text must be for a search of so many characters in it to take linear time."""
    return max(_LONG_TEXT, 3 * part + 16)
