"""How people are found by name: texts in one plain form, and what was asked for in the same.

Upper and lower case, accents and spacing make no difference: `Zoë  MÜLLER` is `zoe muller`. A question is the
words in it, each of which must be part of what is known; or the digits of a number, or of a part of one.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from gateway.domain.phone import DEFAULT_REGION, Phone, parse

MOST_TEXT_BYTES: Final = 1_000  # of an entry of an index
MOST_WORDS: Final = 10
SHORTEST_DIGITS: Final = 3
SEARCHED: Final = ("name", "first_name", "last_name", "company", "email")
"""In this order: what a name begins with is found fastest."""

_OF_NUMBERS: Final = frozenset("0123456789+-()./ ")
_WITHOUT_ACCENT: Final = str.maketrans(
    {"ß": "ss", "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ı": "i"}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for: `begins` is the whole text, `words` its words; `phone` a whole number, or `digits`
    of one."""

    begins: str
    words: tuple[str, ...]
    phone: str | None = None
    digits: str | None = None


def plain(text: str) -> str:
    """The one form in which texts are compared."""
    folded = unicodedata.normalize("NFKD", text).casefold().translate(_WITHOUT_ACCENT)
    decomposed = unicodedata.normalize("NFKD", folded)
    kept = (c for c in decomposed if not unicodedata.combining(c))
    visible = "".join(" " if unicodedata.category(c)[0] in "ZC" else c for c in kept)
    return " ".join(visible.split())


def search_text(values: Mapping[str, str]) -> str:
    """Under which a contact with these values is found; empty when under none."""
    found = ""
    for name in SEARCHED:
        text = plain(values.get(name, ""))
        if text and text not in found:  # as the parts of a name mostly are
            found = f"{found} {text}" if found else text
    return found.encode()[:MOST_TEXT_BYTES].decode("utf-8", "ignore").rstrip()


def wanted(q: str, region: str = DEFAULT_REGION) -> Wanted:
    """What a question is for."""
    text = plain(q)
    number = parse(q, region)
    phone = number.e164 if isinstance(number, Phone) else None
    digits = None
    if q.strip() and set(q) <= _OF_NUMBERS:
        found = "".join(c for c in q if c.isdigit()).lstrip("0")
        digits = found if len(found) >= SHORTEST_DIGITS else None
    return Wanted(text, tuple(dict.fromkeys(text.split()[:MOST_WORDS])), phone, digits)
