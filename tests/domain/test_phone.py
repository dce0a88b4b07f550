"""Numbers out of whatever the network gives: read as far as they can be, and refused with a reason."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.phone import Phone, Unusable, contradicts, parse

ADA = "+13175550142"
E164 = re.compile(r"\+[1-9][0-9]{6,14}\Z")

READ = [
    ("+13175550142", ADA),
    ("13175550142", ADA),
    ("3175550142", ADA),
    ("(317) 555-0142", ADA),
    ("317.555.0142", ADA),
    ("+1 (317) 555‑0142", ADA),
    ("\u202a+1 317 555 0142\u202c", ADA),
    ("＋1３１７５５５０１４２", ADA),
    ("٣١٧٥٥٥٠١٤٢", ADA),
    ("011 1 317 555 0142", ADA),
    ("317-555-0142 x12", ADA),
    ("317 555 0142 ext. 12", ADA),
    ("+13175550142,,123#", ADA),
    ("tel:+1-317-555-0142;ext=7", ADA),
    ("sip:+13175550142@sip.example.com;user=phone", ADA),
    ("sips:13175550142@198.51.100.7:5061", ADA),
    ('"Ada Example" <sip:%2B13175550142@sip.example.com>;tag=a', ADA),
    ("<sip:3175550142@sip.example.com>", ADA),
    ("whatsapp:+13175550142", ADA),
    ("+44 (0)20 7946 0018", "+442079460018"),
    ("442079460018", "+442079460018"),
    ("0044 20 7946 0018", "+442079460018"),
    ("4915112345678", "+4915112345678"),
    ("+5215512345678", "+525512345678"),
    ("+390612345678", "+390612345678"),
    ("+80012345678", "+80012345678"),
    ("+17378742833", "+17378742833"),  # a number of Austin that ends like RESTRICTED
]
WITHHELD = [
    "", " ", "\t\n", "-", "anonymous", "Anonymous", "RESTRICTED", "unavailable", "Unknown", "private",
    "<null>", "No Caller ID", "😀", "+266696687", "266696687", "+7378742833", "+2562533", "+8656696",
    "+86282452253",
    "sip:anonymous@anonymous.invalid", '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', "0",
    "0000000000", "sip:+266696687@sip.example.com", "tel:unavailable",
]  # fmt: skip
SHORT = ["911", "112", "12345", "611611", "5550142", "+15550142", "+1317", "sip:1001@pbx.example.com"]
INVALID = [
    "call me", "1-800-FLOWERS", "++13175550142", "+999123456789", "1234567890123456789", "+13175550142 or so",
    "+1317555014200", "3" * 300, "+44", "user@example.com", "+0123456789", "12/34/5678x",
]  # fmt: skip


@pytest.mark.parametrize(("text", "number"), READ)
def test_numbers_are_read_in_any_notation(text: str, number: str) -> None:
    assert parse(text) == Phone(number)


@pytest.mark.parametrize("text", WITHHELD)
def test_withheld_numbers_are_known_also_in_the_clothing_of_numbers(text: str) -> None:
    assert parse(text) == Unusable("withheld")


@pytest.mark.parametrize("text", SHORT)
def test_short_numbers_are_nobodys(text: str) -> None:
    assert parse(text) == Unusable("short")


@pytest.mark.parametrize("text", INVALID)
def test_what_is_no_number_is_none(text: str) -> None:
    found = parse(text)
    assert isinstance(found, Unusable)
    assert found.reason in ("invalid", "short") if text == "+44" else found.reason == "invalid"


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("020 7946 0018", "GB", "+442079460018"),
        ("4915112345678", "DE", "+4915112345678"),  # also valid as a number inside Germany
        ("015112345678", "DE", "+4915112345678"),
        ("89161234567", "RU", "+79161234567"),
        ("06 12345678", "IT", "+390612345678"),
        ("3175550142", "US", ADA),
    ],
)
def test_digits_belong_to_the_region(text: str, region: str, number: str) -> None:
    assert parse(text, region) == Phone(number)


def test_a_possible_number_counts_though_the_plan_does_not_know_it() -> None:
    assert parse("+13175550142") == Phone("+13175550142")
    assert parse("+15552000000") == Phone("+15552000000")


WRITTEN = [text for text, _ in READ]
odd = st.one_of(
    st.text(max_size=60),
    st.text(alphabet="+0123456789() -./;,#*xe<>@:%", max_size=40),
    st.from_regex(r"(sip:|tel:)?\+?[0-9]{0,20}(@[a-z.]{0,9})?(;[a-z=0-9]{0,9})?", fullmatch=True),
    st.builds("{}{}{}".format, st.text(max_size=5), st.sampled_from(WRITTEN), st.text(max_size=5)),
    st.text(alphabet=st.characters(categories=["Nd", "Cf", "Mn", "Zs", "Pd", "Cs"]), max_size=30),
)  # fmt: skip


@pytest.mark.proof
def test_any_string_is_a_number_or_a_reason() -> None:
    """Control: a reading that trusts its input raises within the first hundred."""
    seen = {"number": 0, "withheld": 0, "short": 0, "invalid": 0}

    @settings(max_examples=200, deadline=None, database=None)
    @given(st.lists(odd, min_size=25, max_size=25))
    @example(["\ud800", "+" * 250, "(" * 250, "1" * 250, "+" + "0" * 200, "00" * 100])
    def read(texts: list[str]) -> None:
        for found in map(parse, texts):
            if isinstance(found, Phone):
                assert E164.match(found.e164)
                assert parse(found.e164) == found  # reading it again changes nothing
            seen["number" if isinstance(found, Phone) else found.reason] += 1

    read()
    print(f"G6 {sum(seen.values())} odd strings, none raised: {seen}")
    assert sum(seen.values()) >= 5000
    assert all(seen.values())

    def careless(text: str) -> int:
        return int(text.removeprefix("+"))

    with pytest.raises(ValueError):
        for text in (*WITHHELD, *INVALID):
            careless(text)


@pytest.mark.parametrize(
    ("given", "phone"),
    [
        ("(317) 555-0142", ADA),
        ("+1 317 555 0142", ADA),
        ("317-555-0142 x5", ADA),
        ("555-0142", ADA),  # a local number, as people write it
        ("020 7946 0018", "+442079460018"),
        ("n/a", ADA),
        ("x123", ADA),
        ("", ADA),
        ("see notes", ADA),
    ],
)
def test_what_may_be_the_number_contradicts_nothing(given: str, phone: str) -> None:
    assert not contradicts(given, phone)


@pytest.mark.parametrize(
    ("given", "phone"),
    [
        ("+13175550143", ADA),
        ("(317) 555-0143", ADA),
        ("+443175550142", ADA),
        ("555-0143", ADA),
        ("+4413175550142", "+13175550142"),
        ("(415) 555-2671", "+442079460018"),
    ],
)
def test_another_number_contradicts(given: str, phone: str) -> None:
    assert contradicts(given, phone)


@given(st.from_regex(r"\+1[2-9][0-9]{9}", fullmatch=True))
def test_the_short_way_comes_to_the_same_as_the_long_one(text: str) -> None:
    assert parse(text) == parse(f" {text}") == Phone(text)
