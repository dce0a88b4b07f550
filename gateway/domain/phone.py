"""One phone number out of whatever text names a caller, or the reason why there is none to look up.

A number counts when it is possible, not only when it is valid: numbering plans change faster than their
description. Digits without a plus are read as the region writes them, or as the whole number that they are
when they begin with a country's code, which is how many carriers send it.

`connectors.kit.phones` is another reading of the same question, by intent.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, ValidationResult

Reason = Literal["withheld", "short", "invalid"]

DEFAULT_REGION: Final = "US"
REGIONS: Final = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Countries (ISO 3166, two letters) of which there is a numbering plan."""
LONGEST: Final = 250  # as long as phonenumbers itself reads
SHORTEST_COMPARED: Final = 7

# What carriers send for callers who withhold their number: words, and the same words typed on a keypad
# (ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN, UNAVAILABLE), with which they look like numbers.
_WITHHELD_DIGITS: Final = frozenset({"266696687", "7378742833", "2562533", "8656696", "86282452253"})
_WITHHELD_WORDS: Final = frozenset(
    {
        "anonymous", "restricted", "unavailable", "unknown", "blocked", "private", "withheld", "hidden",
        "null", "none", "nocallerid", "callerid", "idunavailable", "unknowncaller", "privatenumber",
        "privatecaller", "numberwithheld", "numberunavailable", "notavailable", "anonymouscaller",
        "outofarea", "payphone", "coinphone", "anonymousinvalid",
    }
)  # fmt: skip

_SCHEME: Final = re.compile(r"\s*(sips?|tel|callto|whatsapp|fax|sms)\s*:", re.IGNORECASE)
_ANGLE: Final = re.compile(r"<([^<>]*)>")
# What people write between digits; letters, which a keypad maps to digits, are no number of a caller.
_CORE: Final = re.compile(r"\+?[0-9 ().\-/]*\Z")
_EXTENSION: Final = re.compile(
    r"(?:[,;]?\s*(?:ext(?:ension)?|extn|x|#)\.?\s*[0-9]{1,7}|[,;][0-9,;#*]*)\s*\Z", re.I
)
_INTERNATIONAL_PREFIX: Final = re.compile(r"00([1-9][0-9]{6,14})\Z")
_OLD_MEXICAN_MOBILE: Final = re.compile(r"\+521([0-9]{10})\Z")
_E164: Final = re.compile(r"\+[1-9][0-9]{6,14}\Z")
# As HUM sends nearly all of them: whatever else is asked of a number of this form, the answer is yes.
_PLAIN: Final = re.compile(r"\+1[2-9][0-9]{9}\Z")
_SHORT: Final = frozenset({ValidationResult.TOO_SHORT, ValidationResult.IS_POSSIBLE_LOCAL_ONLY})
_DASHES: Final = dict.fromkeys(map(ord, "‐‑‒–—―−ー⁃"), "-")


@dataclass(frozen=True, slots=True)
class Phone:
    """A number that somebody can have: `e164` is `+13175550142`."""

    e164: str


@dataclass(frozen=True, slots=True)
class Unusable:
    """No number to look up, keep or create: `withheld` by the caller, too `short` to be anybody's in
    particular, or `invalid`."""

    reason: Reason


def parse(text: str, region: str = DEFAULT_REGION) -> Phone | Unusable:
    """The number in `text`: in any notation, as a SIP or tel URI, with a name around it. `region` is where
    numbers without a country code belong. Takes any string and raises nothing."""
    if _PLAIN.match(text):
        return Phone(text)
    if len(text) > LONGEST:
        return Unusable("invalid")
    core = _core(text)
    letters = "".join(character for character in core.lower() if character.isalnum())
    if letters in _WITHHELD_WORDS or letters in _WITHHELD_DIGITS or not letters.strip("0"):
        return Unusable("withheld")
    core = _EXTENSION.sub("", core)
    if not _CORE.match(core):
        return Unusable("invalid")
    digits = "".join(character for character in core if character.isdigit())
    if not digits:
        return Unusable("invalid")
    if core.lstrip(" (").startswith("+"):
        return _international("+" + digits)
    return _national(digits, region)


def is_national(text: str) -> bool:
    """Whether the number does not say its country: it is taken for one of the region."""
    return (text[:1].isdigit() and not text.startswith("00")) or text[:1] == "("


def is_assigned(phone: Phone) -> bool:
    """Whether the numbering plan of its country knows such numbers; possible ones are many more."""
    number = _number(phone.e164, None)
    return number is not None and phonenumbers.is_valid_number(number)


def contradicts(given: str, phone: str) -> bool:
    """Whether `given`, in whatever notation, is another number than `phone` (E.164). Without a country it is
    read as one of the number's own; the digits of less than a whole number must be its last. A text that is
    no number (`n/a`, an extension) contradicts nothing."""
    asked = _number(phone, None)
    code = asked.country_code if asked is not None else None
    read = parse(given, phonenumbers.region_code_for_country_code(code) if code else DEFAULT_REGION)
    if isinstance(read, Phone):
        return read.e164 != phone
    digits = "".join(character for character in _core(given[:LONGEST]) if character.isdigit())
    return len(digits) >= SHORTEST_COMPARED and not phone.endswith(digits)


def _core(text: str) -> str:
    """What stands in place of the number: without scheme, host, parameters and display name, in ASCII as far
    as there is an ASCII form."""
    inside = _ANGLE.search(text)
    if inside is not None and inside[1].strip():
        text = inside[1]
    if (scheme := _SCHEME.match(text)) is not None:
        text = unquote(text[scheme.end() :]).partition(";")[0]
        text = text.partition("?")[0]
    text = text.partition("@")[0]
    return _ascii_digits(unicodedata.normalize("NFKC", text)).translate(_DASHES).strip()


def _ascii_digits(text: str) -> str:
    """Digits of other scripts as 0 to 9; what cannot be seen is left out."""
    found = []
    for character in text:
        value = unicodedata.decimal(character, None)
        if value is not None:
            found.append(str(value))
        elif unicodedata.category(character) == "Zs":
            found.append(" ")
        elif unicodedata.category(character) not in ("Cc", "Cf"):
            found.append(character)
    return "".join(found)


def _international(text: str) -> Phone | Unusable:
    """`+` and digits."""
    mexican = _OLD_MEXICAN_MOBILE.match(text)
    if mexican is not None:
        text = f"+52{mexican[1]}"  # the 1 for mobiles was dropped in 2019; many systems still send it
    return _judge(_number(text, None), text)


def _national(digits: str, region: str) -> Phone | Unusable:
    """Digits without a plus. The first reading that the numbering plan knows, else the first possible one."""
    readings = [_number(digits, region), _number("+" + digits, None)]
    own_code = phonenumbers.country_code_for_region(region)
    if own_code and digits.startswith(str(own_code)):
        readings.reverse()
    if (prefixed := _INTERNATIONAL_PREFIX.match(digits)) is not None:
        readings.append(_number("+" + prefixed[1], None))
    found = [number for number in readings if number is not None]
    for fits in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
        for number in found:
            if fits(number):
                return _judge(number, digits)
    return _judge(_number(digits, region), digits)


def _number(text: str, region: str | None) -> PhoneNumber | None:
    try:
        return phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None


def _judge(number: PhoneNumber | None, text: str) -> Phone | Unusable:
    if number is None:
        return Unusable("short" if len(text.lstrip("+")) < SHORTEST_COMPARED else "invalid")
    result = phonenumbers.is_possible_number_with_reason(number)
    if result in _SHORT:
        return Unusable("short")
    e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
    if result != ValidationResult.IS_POSSIBLE or not _E164.match(e164):
        return Unusable("invalid")
    if e164 == text:
        return Phone(e164)
    return _judge(_number(e164, None), e164)  # it may lose another zero: read until it stays as it is
