"""The numbers that a check may use: 555-01xx, which nobody has, and numbers that look like a known one.

555-0100 to 555-0199 are set aside for fiction in every area code of North America.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

import phonenumbers

# Area codes that are in use without a gap.
_AREAS: Final = (
    *(*range(201, 211), *range(212, 221), *range(301, 311), *range(312, 322), *range(401, 411)),
    *(*range(412, 420), *range(501, 511), *range(601, 611), *range(801, 811), *range(901, 911)),
)
_ELSEWHERE: Final = (44, 49, 1, 61, 33, 81, 55)


class Numbers:
    """Fictitious numbers in E.164, each handed out once, and those that are `taken` never."""

    def __init__(self, chance: random.Random, taken: Iterable[str] = ()) -> None:
        self._chance = chance
        self._given = set(taken)

    def next(self) -> str:
        while True:
            number = f"+1{self._chance.choice(_AREAS)}55501{self._chance.randrange(100):02}"
            if number not in self._given:
                self._given.add(number)
                return number


def national_digits(e164: str) -> str:
    """`3175550142` for `+13175550142`; "" for what is no number."""
    try:
        return phonenumbers.national_significant_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return ""


def elsewhere(e164: str) -> str | None:
    """A number of another country that has the same digits behind the country's code."""
    national = national_digits(e164)
    for code in _ELSEWHERE:
        other = f"+{code}{national}"
        if national and not e164.startswith(f"+{code}") and _is_possible(other):
            return other
    return None


def same_ending(e164: str) -> str | None:
    """A number of the same country that has the same last seven digits behind another beginning."""
    national = national_digits(e164)
    code = e164.removesuffix(national)
    beginning, ending = national[:-7], national[-7:]
    for first in "29876543":
        other = code + first + beginning[1:] + ending
        if len(beginning) >= 2 and first != beginning[0] and _is_possible(other):
            return other
    return None


def _is_possible(e164: str) -> bool:
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return False
