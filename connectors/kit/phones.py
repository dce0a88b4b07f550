"""One phone number, the notations a CRM may hold it in, and whether a stored number is it.

A number counts when it is *possible* (its length fits its country), not only when it is valid: numbering
plans change faster than anybody's tables. Validity decides only between two ways to read the same digits.

Leaves to the connector: searching for the notations, and splitting a field that holds several numbers.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

import phonenumbers
from phonenumbers import CountryCodeSource, PhoneNumber, PhoneNumberFormat, ValidationResult

from connectors.kit.contract import Match

LONGEST = 250  # characters; a longer text is no phone number
SHORTEST_LOCAL = 7  # digits that a number without its area code must have to say anything

# What carriers send for a caller who withholds the number, typed on a keypad: ANONYMOUS, RESTRICTED, BLOCKED,
# UNKNOWN, UNAVAILABLE. Such words in letters are no numbers anyway.
WITHHELD = frozenset({"+266696687", "+7378742833", "+2562533", "+8656696", "+86282452253"})

_IN_BRACKETS = re.compile(r"[^<]*<([^<>]*)>")
_SCHEME = re.compile(r"(sips?|tel|callto):(?://)?", re.IGNORECASE)
_USER = re.compile(r"\+?[\d().\s_-]+\Z")
_REMARK = re.compile(r"[^\W\d_]|/|;|,")  # where a remark, or a second number, may begin
_OLD_MEXICAN = re.compile(r"(?:1|01|044|045)(\d{10})\Z")


@dataclass(frozen=True, slots=True)
class Phone:
    """`e164` (`+13175550142`), `digits` of it, and the number as written inside its country: `national`
    (`(317) 555-0142`) and `national_digits` (`3175550142`)."""

    e164: str
    digits: str
    national: str
    national_digits: str
    country: str

    @property
    def notations(self) -> tuple[str, ...]:
        """How a CRM may hold it, the likeliest first, each once."""
        return tuple(dict.fromkeys((self.e164, self.digits, self.national, self.national_digits)))


def parse(text: str, country: str = "US") -> Phone | None:
    """The number, however it is written; None when it is none, or one that nobody can be called back on."""
    reading = _read(text, country)
    if reading is None:
        return None
    number = reading.number
    digits = phonenumbers.national_significant_number(number)
    return Phone(
        e164=reading.e164,
        digits=reading.e164[1:],
        national=phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL),
        national_digits=digits,
        country=phonenumbers.region_code_for_number(number)
        or phonenumbers.region_code_for_country_code(number.country_code or 0),
    )


def caller(text: str, country: str = "US") -> Phone | None:
    """The number that HUM asks for: as `parse`, but a remark beside it makes it no number at all. A CRM's
    entries are written by people; what comes with a call is one number or something to be wary of."""
    bare = _bare(text)
    uri = _SCHEME.match(bare)  # a tel: URI, with parameters of its own
    number = bare[uri.end() :].partition(";")[0] if uri else bare
    return parse(text, country) if all(map(_belongs_to_a_number, number)) else None


def match(phone: Phone, stored: str, country: str = "US") -> Match | None:
    """Whether `stored` is the number: `exact` when it says so with its country, `suffix` when it leaves the
    country (or more) out and the rest is the same; None for another number, above all for one that ends
    alike in another country."""
    reading = _read(stored, country)
    if reading is not None and reading.names_country:
        return "exact" if reading.e164 == phone.e164 else None
    if reading is not None and reading.e164 == phone.e164:
        return "suffix"
    if _calling_code(phone) == phonenumbers.country_code_for_region(country):
        return "suffix" if _is_local_part(phone, stored, country) else None
    # Written as in another country than the CRM's own; but what is a number at home belongs there.
    return "suffix" if _as_written_there(phone, stored) and not _is_at_home(stored, country) else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read a text. `names_country`: the text itself says which country."""

    number: PhoneNumber
    names_country: bool

    @property
    def e164(self) -> str:
        return phonenumbers.format_number(self.number, PhoneNumberFormat.E164)


def _read(text: str, country: str) -> _Reading | None:
    """The likeliest reading of a text as a whole number; None when there is none, or it is withheld."""
    bare = _bare(text)
    readings = list(_possible(bare, country)) if bare else []
    if not readings:
        return None
    home = phonenumbers.country_code_for_region(country)
    valid = [reading for reading in readings if phonenumbers.is_valid_number(reading.number)]
    # `4915112345678` in a German CRM: Leer's area code, or a mobile with its country? The country it is.
    complete = [reading for reading in valid if reading.names_country and reading.number.country_code == home]
    best = (complete or valid or readings)[0]
    return None if best.e164 in WITHHELD else best


def _possible(bare: str, country: str) -> Iterator[_Reading]:
    """Every reading that makes a possible number, as written first."""
    for text, names_country in _spellings(bare):
        number = _parsed(text, country)
        if number is not None and _is_possible(number):
            source = number.country_code_source
            yield _Reading(number, names_country or source != CountryCodeSource.FROM_DEFAULT_COUNTRY)


def _spellings(bare: str) -> Iterator[tuple[str, bool]]:
    """What to parse, and whether it names a country for certain."""
    yield bare, False
    remark = _REMARK.search(bare)
    if remark is not None:  # "+1 317 555 0142 mobile": the letters would be read as a keypad's
        yield bare[: remark.start()], False
        return
    digits = _digits(bare)
    if bare.startswith("+"):
        return
    if digits.startswith("00"):  # the prefix of most countries, written where another one is dialled
        yield "+" + digits[2:], True
    elif not digits.startswith("0") and not bare.startswith("("):
        yield "+" + digits, True


def _parsed(text: str, country: str) -> PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None
    number.extension = None  # whoever calls from behind a switchboard shows the number of the switchboard
    if number.country_code == 52:
        old = _OLD_MEXICAN.match(phonenumbers.national_significant_number(number))
        if old:  # mobiles were dialled with these until 2019, and are stored so to this day
            source = number.country_code_source
            number = PhoneNumber(52, int(old[1]), country_code_source=source, raw_input=number.raw_input)
    return number


def _is_possible(number: PhoneNumber) -> bool:
    # Not `is_possible_number`: that one takes numbers without their area code, too.
    return phonenumbers.is_possible_number_with_reason(number) == ValidationResult.IS_POSSIBLE


def _bare(text: str) -> str:
    """The text without URI, display name and invisible characters."""
    if not isinstance(text, str) or len(text) > LONGEST:
        return ""
    found = "".join(_visible(character) for character in text).strip()
    if (inside := _IN_BRACKETS.match(found)) is not None:
        found = inside[1].strip()
    scheme = _SCHEME.match(found)
    if scheme is None:
        return found
    if scheme[1].lower() == "tel":
        return found  # parameters of RFC 3966 (`;ext=`, `;phone-context=`) are the parser's to read
    user = unquote(found[scheme.end() :].partition("@")[0]).partition(";")[0].partition(":")[0]
    return user if _USER.match(user) else ""  # `sip:alice7@…` is nobody's number


def _belongs_to_a_number(character: str) -> bool:
    return (
        character in "+＋./ "
        or character.isdecimal()
        or unicodedata.category(character) in ("Pd", "Ps", "Pe")  # dashes and brackets
    )


def _visible(character: str) -> str:
    kind = unicodedata.category(character)
    return "" if kind in ("Cf", "Cc") else " " if kind.startswith("Z") else character


def _digits(text: str) -> str:
    return phonenumbers.normalize_digits_only(text)


def _calling_code(phone: Phone) -> int:
    return int(phone.digits[: len(phone.digits) - len(phone.national_digits)])


def _is_local_part(phone: Phone, stored: str, country: str) -> bool:
    """Whether `stored` is the end of the number: the area code is left out, or a part of it."""
    number = _parsed(_bare(stored), country)
    if number is None or number.country_code_source != CountryCodeSource.FROM_DEFAULT_COUNTRY:
        return False
    local = phonenumbers.national_significant_number(number)
    complete = not _digits(number.raw_input or "").startswith(local)  # with trunk prefix: nothing left out
    return not complete and len(local) >= SHORTEST_LOCAL and phone.national_digits.endswith(local)


def _is_at_home(stored: str, country: str) -> bool:
    """Whether it is somebody's number in `country`, with or without its area code."""
    number = _parsed(_bare(stored), country)
    if number is None:
        return False
    length = phonenumbers.is_possible_number_with_reason(number)
    return phonenumbers.is_valid_number(number) or length == ValidationResult.IS_POSSIBLE_LOCAL_ONLY


def _as_written_there(phone: Phone, stored: str) -> bool:
    digits = _digits(_bare(stored))
    return len(digits) >= SHORTEST_LOCAL and digits in (phone.national_digits, _digits(phone.national))
