"""The checks as data: ids, sentences, hints, and the page that is made from them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connectors.kit.conformance import rules
from connectors.kit.conformance.catalogue import CHECKS, GROUPS, chosen
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.command import check as command
from connectors.kit.conformance.reference import page

PAGE = Path(__file__).parents[3] / "docs" / "check-a-connector.md"


def test_there_are_enough_and_each_has_its_id() -> None:
    ids = [check.id for check in CHECKS]
    assert len(ids) == len(set(ids)) >= 80
    assert all(re.fullmatch(r"HUM-[A-Z]{3,4}-[0-9]{3}", check_id) for check_id in ids)
    for group in GROUPS:
        numbers = [int(check.id[-3:]) for check in group.checks]
        assert numbers == list(range(1, len(numbers) + 1)), group.code


def test_each_says_what_it_stands_for_and_how_to_mend_it() -> None:
    sentences = {value for name, value in vars(rules).items() if name.isupper()}
    for group in GROUPS:
        titles = [check.title for check in group.checks]
        assert len(titles) == len(set(titles)), group.code
    for check in CHECKS:
        assert check.rule in sentences, check.id
        assert check.hint.rstrip().endswith((".", "'", '"', ":", "}")), check.id
        assert len(check.hint) > 20, check.id
        assert not check.title.endswith("."), check.id
    assert {check.rule for check in CHECKS} == sentences - {rules.STANDARD_HEADERS, rules.IN_TIME}


def test_what_only_good_practice_asks_for_is_strict_unless_hum_relies_on_it() -> None:
    relied_on = {"HUM-SIG-021", "HUM-AUTH-016", "HUM-HTTP-015", "HUM-ERR-003", "HUM-DEA-004"}
    lenient = {check.id for check in CHECKS if check.rule == rules.PRACTICE and not check.strict_only}
    assert lenient == relied_on


def test_checks_that_write_belong_to_the_full_profile() -> None:
    assert not [check.id for check in CHECKS if check.writes and check.profile != "full"]


@pytest.mark.parametrize(
    ("only", "ids"),
    [
        (("HUM-PNG-001",), {"HUM-PNG-001"}),
        (("png-00", "DEA-001"), {f"HUM-PNG-00{n}" for n in range(1, 9)} | {"HUM-DEA-001"}),
    ],
)
def test_some_can_be_chosen(only: tuple[str, ...], ids: set[str]) -> None:
    assert {check.id for check in chosen(only)} == ids


def test_what_fits_no_check_is_named() -> None:
    with pytest.raises(ValueError, match="'HUM-XYZ'"):
        chosen(("HUM-SIG", "HUM-XYZ"))


def test_an_id_belongs_to_its_group() -> None:
    with pytest.raises(ValueError, match="HUM-SIG-001"):
        Group("LKP", "Lookup").check("HUM-SIG-001", "x", rule="", hint="")


def test_the_page_has_every_check() -> None:
    text = PAGE.read_text("utf-8")
    assert page(text) == text, "run: python -m connectors.kit.conformance.reference docs/check-a-connector.md"
    assert all(f"| `{check.id}` |" in text for check in CHECKS)


def test_the_page_has_every_option() -> None:
    text = PAGE.read_text("utf-8")
    missing = [o for p in command.params for o in p.opts if o.startswith("--") and f"`{o}" not in text]
    assert not missing


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks"):
        page("# Nothing")
