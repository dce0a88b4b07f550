"""One number in many notations, and what must not be taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.kit.phones import WITHHELD, Phone, caller, match, parse

CALLER = "+13175550142"

READ = [
    # as written, read in, number
    ("+13175550142", "US", CALLER),
    ("13175550142", "US", CALLER),
    ("3175550142", "US", CALLER),
    ("(317) 555-0142", "US", CALLER),
    ("317.555.0142", "US", CALLER),
    ("1 317 555-0142", "US", CALLER),
    ("0013175550142", "DE", CALLER),
    ("0013175550142", "US", CALLER),  # 00 where 011 is dialled
    ("011 44 20 7123 4567", "US", "+442071234567"),
    ("+1 (317) 555-0142 ext. 12", "US", CALLER),
    ("+1 317 555 0142 x12", "US", CALLER),
    ("+1 317 555 0142,,99#", "US", CALLER),
    ("+1 317 555 0142 mobile", "US", CALLER),
    ("Mobile: +1 317 555 0142", "US", CALLER),
    ("+13175550142 (work)", "US", CALLER),
    ("+1 317 555 0142 / 0143", "US", CALLER),
    ("\u202a+1\u00a0317\u2011555\u20110142\u202c", "US", CALLER),
    ("+١٣١٧٥٥٥٠١٤٢", "US", CALLER),
    ("＋１３１７５５５０１４２", "US", CALLER),
    ("sip:+13175550142@pbx.example.com;user=phone", "US", CALLER),
    ("sips:%2B13175550142;x=1:5061@pbx.example.com", "US", CALLER),
    ('"Ann Example" <sip:+13175550142@pbx.example.com>', "US", CALLER),
    ("tel:+1-317-555-0142", "US", CALLER),
    ("tel:+1-317-555-0142;ext=3", "US", CALLER),
    ("tel:5550142;phone-context=+1317", "US", CALLER),
    ("1-800-FLOWERS", "US", "+18003569377"),
    ("7378742833", "US", "+17378742833"),  # Austin, Texas, although +7378742833 is a withheld number
    ("0171 2345678", "DE", "+491712345678"),
    ("+49 (0)171 2345678", "DE", "+491712345678"),
    ("030/5550142", "DE", "+49305550142"),
    ("4915112345678", "DE", "+4915112345678"),  # and not +494915112345678, which would be valid as well
    ("14155552671", "DE", "+14155552671"),
    ("020 7123 4567", "GB", "+442071234567"),
    ("+39 (0)6 1234567", "IT", "+39061234567"),
    ("+52 1 55 1234 5678", "US", "+525512345678"),
    ("044 55 1234 5678", "MX", "+525512345678"),
    ("8 (495) 123-45-67", "RU", "+74951234567"),
    ("０３－１２３４－５６７８", "JP", "+81312345678"),
    ("+999 123", "US", None),
    ("5550142", "US", None),  # no area code: nobody can be called back on it
    ("911", "US", None),
    ("112", "DE", None),
    ("", "US", None),
    ("+", "US", None),
    ("5" * 300, "US", None),
    ("sip:ann7@example.com", "US", None),
    ("sip:1001@pbx.example.com", "US", None),
    ("anonymous", "US", None),
    ("restricted", "US", None),
    ("unavailable", "US", None),
    ("sip:anonymous@anonymous.invalid", "US", None),
    ("00266696687", "DE", None),
]

SAME = [
    # the caller, as the CRM has it, the CRM's country, how sure
    (CALLER, "+1 (317) 555-0142", "US", "exact"),
    (CALLER, "13175550142", "US", "exact"),
    (CALLER, "+1 317 555 0142 ext 5", "US", "exact"),
    (CALLER, "tel:+13175550142", "US", "exact"),
    (CALLER, "(317) 555-0142", "US", "suffix"),
    (CALLER, "317-555-0142 x5", "US", "suffix"),
    (CALLER, "555-0142", "US", "suffix"),
    (CALLER, "7 555-0142", "US", "suffix"),
    (CALLER, "55-0142", "US", None),
    (CALLER, "+13175550143", "US", None),
    (CALLER, "(312) 555-0142", "US", None),
    (CALLER, "", "US", None),
    (CALLER, "anonymous", "US", None),
    ("+14165550142", "416-555-0142", "US", "suffix"),  # Toronto, behind the same country code
    # the same last seven digits elsewhere
    ("+443175550142", "(317) 555-0142", "US", None),
    ("+443175550142", "+13175550142", "US", None),
    ("+49305550142", "555-0142", "US", None),
    ("+3545550142", "555-0142", "US", None),  # seven digits are a whole number in Iceland
    ("+4325550142", "(432) 555-0142", "US", None),  # Midland, Texas, and not Austria
    # Germany
    ("+491712345678", "0171 2345678", "DE", "suffix"),
    ("+491712345678", "0171-2345678", "US", "suffix"),
    ("+491712345678", "0049 171 2345678", "US", "exact"),
    ("+491712345678", "2345678", "DE", "suffix"),
    ("+49305550142", "0555 0142", "DE", None),  # Nieheim: with its 0 it is a whole number
    ("+4915112345678", "4915112345678", "DE", "exact"),
    ("+494915112345678", "4915112345678", "DE", None),
    # elsewhere
    ("+442071234567", "020 7123 4567", "GB", "suffix"),
    ("+442071234567", "7123 4567", "GB", "suffix"),
    ("+442071234567", "020 7123 4567", "US", "suffix"),
    ("+525512345678", "+5215512345678", "US", "exact"),
    ("+525512345678", "045 55 1234 5678", "MX", "suffix"),
    ("+39061234567", "06 1234567", "IT", "suffix"),
]


def phone(text: str) -> Phone:
    found = parse(text)
    assert found is not None
    return found


@pytest.mark.parametrize(("text", "country", "expected"), READ)
def test_a_number_is_read_however_it_is_written(text: str, country: str, expected: str | None) -> None:
    found = parse(text, country)
    assert (found.e164 if found else None) == expected


@pytest.mark.parametrize(("caller", "stored", "country", "expected"), SAME)
def test_whether_a_stored_number_is_the_callers(
    caller: str, stored: str, country: str, expected: str | None
) -> None:
    assert match(phone(caller), stored, country) == expected


CALLERS = [
    CALLER,
    "(317) 555-0142",
    "tel:+1-317-555-0142;ext=3",
    "sip:+13175550142@pbx;user=phone",
    "＋１３１７５５５０１４２",
    "+1\u00a0(317)\u2011555\u20110142",
]
NO_CALLERS = [
    "+13175550142' OR 1=1 --",
    "+13175550142 mobile",
    "+13175550142;x",
    "+13175550142<b>",
    "1-800-FLOWERS",
    "*",
    "anonymous",
]


@pytest.mark.parametrize("text", CALLERS)
def test_the_caller_in_any_notation(text: str) -> None:
    assert caller(text) == parse(CALLER)


@pytest.mark.parametrize("text", NO_CALLERS)
def test_a_caller_is_a_number_and_nothing_beside_it(text: str) -> None:
    assert caller(text) is None


def test_the_parts_of_a_number() -> None:
    assert parse("tel:+1-317-555-0142;ext=3") == Phone(
        CALLER, "13175550142", "(317) 555-0142", "3175550142", "US"
    )
    assert phone("+491712345678").notations == (
        "+491712345678",
        "491712345678",
        "0171 2345678",
        "1712345678",
    )
    assert phone("+80012345678").country == "001"  # no country's
    assert phone("+3545550142").notations == ("+3545550142", "3545550142", "555 0142", "5550142")


@pytest.mark.parametrize("number", sorted(WITHHELD))
@pytest.mark.parametrize("notation", ["{}", "tel:{}", "sip:{}@host", " {} "])
def test_a_withheld_number_is_nobodys(number: str, notation: str) -> None:
    assert parse(notation.format(number)) is None
    assert parse(notation.format(number.replace("+", "00")), "DE") is None


def test_a_call_from_a_number_stored_with_format_finds_its_contact() -> None:
    """odoo#134447: the CRM formats what is typed, the carrier sends bare digits."""
    for sent in ("13175550142", "+13175550142", "3175550142"):
        assert match(phone(sent), "+1 317-555-0142") == "exact"


def test_the_country_prefix_of_either_side_does_not_hide_the_contact() -> None:
    """erpnext#24593: one side has the country code, the other has not."""
    assert match(phone("+919876543210"), "9876543210", "IN") == "suffix"
    assert match(phone("+919876543210"), "09876543210", "IN") == "suffix"
    assert match(phone("+919876543210"), "919876543210", "IN") == "exact"


numbers = st.sampled_from(
    [CALLER, "+491712345678", "+442071234567", "+39061234567", "+525512345678", "+3545550142"]
)


@given(number=numbers, country=st.sampled_from(["US", "DE", "GB", "IT", "MX"]), gaps=st.data())
def test_separators_change_nothing(number: str, country: str, gaps: st.DataObject) -> None:
    separator = st.sampled_from(["", " ", "-", ".", " - ", "\u00a0", "\u200b"])
    written = number[:2] + "".join(gaps.draw(separator) + digit for digit in number[2:])
    assert match(phone(number), written, country) == "exact"


@given(number=numbers)
def test_every_notation_finds_the_number_at_home(number: str) -> None:
    caller = phone(number)
    for notation in caller.notations:
        assert match(caller, notation, caller.country) in ("exact", "suffix")
    assert match(caller, caller.e164, "US") == "exact"


@given(text=st.one_of(st.text(max_size=40), st.from_regex(r"[+0-9() .;=@a-z:-]{0,30}", fullmatch=True)))
def test_no_text_breaks_it(text: str) -> None:
    found = parse(text)
    if found is not None:
        assert parse(found.e164) == found
        assert match(found, found.e164) == "exact"
    assert match(phone(CALLER), text) in ("exact", "suffix", None)


@given(digits=st.from_regex(r"[0-9]{7,12}", fullmatch=True))
def test_a_number_of_another_country_is_never_an_exact_match(digits: str) -> None:
    assert match(phone(CALLER), "+44" + digits) is None
    assert match(phone(CALLER), "+49" + digits, "DE") is None
