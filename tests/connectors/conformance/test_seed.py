"""The file that tells of known contacts: what it may hold, and what follows from it."""

from __future__ import annotations

import pytest

from connectors.kit.conformance import Known, read_seed
from connectors.kit.conformance.numbers import Numbers, elsewhere, same_ending
from connectors.kit.conformance.seed import Seed, expected_match

PHONE = "+13175550142"


def test_a_seed_is_read() -> None:
    seed = read_seed(
        '{"contacts": {"+13175550142": {"id": "1", "stored": "3175550142"}}, "unknown": ["+13175550199"]}'
    )
    assert seed.contacts == {PHONE: Known(id="1", stored="3175550142")}
    assert seed.unknown == ("+13175550199",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "Expecting value"),
        ("[]", "object"),
        ('{"contact": {}}', "contact"),
        ('{"contacts": {"3175550142": {}}}', "3175550142"),
        ('{"contacts": {"+13175550142": {"ids": []}}}', "ids"),
        ('{"contacts": {"+13175550143": {}, "+13175550142": {"ids": []}}}', r"^\+13175550142: .*ids"),
        ('{"contacts": {"+13175550142": {"match": "fuzzy"}}}', "match"),
        ('{"contacts": {"+13175550142": {"matches": 0}}}', "matches"),
        ('{"contacts": {"+13175550142": {}, "+13175550142": {}}}', "twice"),
        ('{"contacts": {"+13175550142": {}}, "unknown": ["+13175550142"]}', "both"),
        ('{"unknown": ["somebody"]}', "somebody"),
        ("[" * 100_000, "deep"),
    ],
)
def test_what_is_wrong_with_a_seed_is_named(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_seed(text)


@pytest.mark.parametrize(
    ("stored", "match"),
    [
        ("+1 (317) 555-0142", "exact"),
        ("0013175550142", "exact"),
        ("(317) 555-0142", "suffix"),
        ("3175550142", "suffix"),
        ("555-0142", "suffix"),
        ("13175550142", None),
        (None, None),
    ],
)
def test_the_match_follows_from_how_a_number_is_stored(stored: str | None, match: str | None) -> None:
    assert expected_match(PHONE, Known(stored=stored)) == match


def test_who_serves_for_what() -> None:
    local, shared, plain = Known(stored="3175550143"), Known(matches=2), Known(id="1")
    seed = Seed({"+13175550143": local, "+13175550144": shared, PHONE: plain})
    assert seed.plain() == (PHONE, plain)
    assert seed.local() == ("+13175550143", local)
    assert seed.shared() == ("+13175550144", shared)
    assert Seed({"+13175550143": local}).plain() == ("+13175550143", local)
    assert Seed().plain() is None


def test_numbers_are_fictitious_and_each_is_given_once() -> None:
    import random

    numbers = Numbers(random.Random(7))
    given = [numbers.next() for _ in range(2000)]
    assert len(set(given)) == len(given)
    assert all(len(number) == 12 and number[5:10] == "55501" for number in given)


@pytest.mark.parametrize("phone", [PHONE, "+442071838750", "+4930901820", "+81312345678", "+5511987654321"])
def test_lookalikes_look_alike_and_are_others(phone: str) -> None:
    abroad, near = elsewhere(phone), same_ending(phone)
    assert abroad != phone
    assert near != phone
    assert near is None or near[-7:] == phone[-7:]
    assert abroad is None or abroad[-7:] == phone[-7:]


def test_a_number_of_north_america_has_both_lookalikes() -> None:
    assert elsewhere(PHONE) == "+443175550142"
    assert same_ending(PHONE) == "+12175550142"
