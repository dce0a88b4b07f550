"""Which contact is answered, of those that the CRM came up with."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from connectors.kit.answers import Problem
from connectors.kit.candidates import choose
from connectors.kit.connector import Candidate
from connectors.kit.contract import Contact, Found, NotFound
from connectors.kit.phones import Phone, parse


def phone() -> Phone:
    found = parse("+13175550142")
    assert found is not None
    return found


def candidate(key: str, *phones: str, created: str = "", **more: Any) -> Candidate:
    return Candidate(Contact(key, **more), phones, created)


def chosen(*candidates: Candidate) -> Found:
    """The answer, which does not depend on the order in which the CRM names them."""
    answers = {repr(choose(phone(), order, "US")) for order in itertools.permutations(candidates)}
    assert len(answers) == 1
    found = choose(phone(), candidates, "US")
    assert isinstance(found, Found)
    return found


def test_nobody() -> None:
    assert choose(phone(), [], "US") == NotFound()
    strangers = [candidate("1", "+443175550142"), candidate("2", "555-0199"), candidate("3")]
    assert choose(phone(), strangers, "US") == NotFound()


def test_one_of_several_numbers_is_enough_and_the_surest_counts() -> None:
    found = chosen(candidate("1", "+13175550100", "(317) 555-0142", "13175550142"))
    assert (found.contact.id, found.matches, found.match) == ("1", 1, "exact")


def test_an_exact_match_goes_before_an_older_one_without_a_country() -> None:
    found = chosen(candidate("1", "555-0142", created="2019"), candidate("2", "+13175550142", created="2024"))
    assert (found.contact.id, found.matches, found.match) == ("2", 2, "exact")


def test_of_equals_the_oldest_and_of_those_the_lowest_id() -> None:
    number = "+13175550142"
    found = chosen(
        candidate("7", number, created="2024-01-02T00:00:00Z"),
        candidate("8", number, created="2021-05-01T00:00:00Z"),
        candidate("1", number),
    )
    assert (found.contact.id, found.matches) == ("8", 3)
    assert chosen(candidate("10", number), candidate("9", number)).contact.id == "9"


def test_a_contact_that_comes_twice_counts_once() -> None:
    found = chosen(candidate("1", "555-0142"), candidate("1", "+13175550142"), candidate("1", "+13175550142"))
    assert (found.matches, found.match) == (1, "exact")


def test_the_answer_has_the_number_as_hum_writes_it() -> None:
    assert chosen(candidate("1", "(317) 555-0142", phone="(317) 555-0142")).contact.phone == "+13175550142"


def test_a_link_that_hum_would_refuse_is_left_out() -> None:
    assert chosen(candidate("1", "13175550142", url="http://crm.example/1")).contact.url is None
    assert chosen(candidate("1", "13175550142", url="https://crm.example/1")).contact.url is not None


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"id": ""}, "id"),
        ({"id": 7}, "`$.id`"),
        ({"name": ["Ann"]}, "`$.name`"),
        ({"fields": {"a": object()}}, "object"),
    ],
)
def test_a_contact_against_the_contract_is_named(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(Problem, match="connector's contact") as problem:
        choose(phone(), [Candidate(Contact(**{"id": "1", **wrong}), ("+13175550142",))], "US")
    assert named in problem.value.message
    assert problem.value.status == 500
