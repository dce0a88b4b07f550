"""Settings of organizations: declared once, stored as little as there is, read whatever another version
wrote."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from gateway.client import types as client_types
from gateway.domain import organization_settings, phone
from gateway.domain.lookup_cache import lifetimes_of
from gateway.domain.number_lookup import DAY_MS, Lifetimes
from gateway.domain.organization_settings import (
    DEFAULTS,
    OrganizationSettings,
    OrganizationUpdate,
    loaded,
    number_mistakes,
    patched,
)
from gateway.web import answers

ONE, OTHER = "+13175550100", "+13175550101"


def change(stored: str, **values: object) -> str:
    return patched(stored, OrganizationUpdate.model_validate(values))


def test_only_what_differs_from_the_default_is_stored() -> None:
    stored = change("{}", own_numbers=[ONE, ONE, OTHER])
    assert json.loads(stored) == {"own_numbers": [ONE, OTHER]}
    assert loaded(stored).is_own(ONE)
    assert not loaded(stored).is_own("+13175550102")
    assert change(stored, retention_days=9) == stored
    assert change(stored, own_numbers=None) == change(stored, own_numbers=[]) == "{}"
    assert loaded("{}") == DEFAULTS


def test_what_another_version_has_stored_is_left_alone() -> None:
    stored = json.dumps({"own_numbers": [ONE], "of_tomorrow": {"x": 1}})
    assert loaded(stored).own_numbers == [ONE]
    assert json.loads(change(stored, own_numbers=[OTHER])) == {
        "own_numbers": [OTHER],
        "of_tomorrow": {"x": 1},
    }
    assert loaded('{"own_numbers": "all"}') == DEFAULTS


@pytest.mark.parametrize(
    "wrong", [["1"], ["+1317555010a"], ONE, [7], [f"+1317555{n:04}" for n in range(1001)]]
)
def test_what_cannot_be_set(wrong: object) -> None:
    with pytest.raises(ValidationError):
        change("{}", own_numbers=wrong)


def test_a_region_is_a_country_that_has_a_numbering_plan() -> None:
    stored = change("{}", default_region="DE")
    assert (loaded(stored).default_region, loaded(stored).region) == ("DE", "DE")
    assert change(stored, default_region=None) == "{}"
    assert (DEFAULTS.default_region, DEFAULTS.region) == (None, "US")
    for wrong in ("de", "XX", "001", "DEU", "", 49):
        with pytest.raises(ValidationError):
            change("{}", default_region=wrong)
    assert loaded('{"default_region": "XX"}').region == "US"


def test_numbers_are_looked_up_in_their_plans_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """When they are listed, not whenever the organization is read."""
    looked: list[str] = []

    def parsed(text: str) -> Any:
        looked.append(text)
        return phone.parse(text)

    monkeypatch.setattr(organization_settings, "parse", parsed)
    numbers = [f"+4930100{n:05}" for n in range(1_000)]
    standing = loaded(change("{}", own_numbers=numbers))
    assert (standing.own_numbers, looked) == (numbers, [])
    more = [*numbers, "+493020123400", "+266696687", "+49"]
    found = list(number_mistakes(more, standing))
    assert looked == more[1_000:]
    assert [mistake.field for mistake in found if mistake] == ["own_numbers[1001]", "own_numbers[1002]"]


def test_every_setting_is_taken_shown_and_known_to_the_client() -> None:
    declared = set(OrganizationSettings.model_fields)
    assert declared < set(OrganizationUpdate.model_fields)
    assert declared < set(get_type_hints(answers.Organization))
    assert set(OrganizationUpdate.model_fields) == set(get_type_hints(client_types.OrganizationSettings))


@pytest.mark.parametrize(
    ("steps", "stored"),
    [
        ([{"carrier": 7}], {"carrier": 7}),
        ([{"carrier": 7}, {"caller_name": 90}], {"carrier": 7, "caller_name": 90}),
        ([{"carrier": 7, "caller_name": 90}, {"carrier": None}], {"caller_name": 90}),
        ([{"carrier": 7}, {"carrier": None}], None),
        ([{"carrier": 7}, {}], {"carrier": 7}),
        ([{"carrier": 7}, None], None),
        ([{}], None),
    ],
)
def test_how_long_lookups_are_of_use_is_patched_field_by_field(steps: list[Any], stored: Any) -> None:
    text = "{}"
    for step in steps:
        text = change(text, lookup_cache_days=step)
    assert json.loads(text).get("lookup_cache_days") == stored
    if stored is None:
        assert text == "{}"


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"caller_name": 0}, "caller_name"), ({"caller_name": 91}, "caller_name"),
        ({"line_type": 366}, "line_type"), ({"carrier": 0}, "carrier"), ({"carrier": 1.5}, "carrier"),
        ({"carrier": "7"}, "carrier"), ({"carrier": True}, "carrier"), ({"name": 7}, "name"),
    ],
)  # fmt: skip
def test_days_have_bounds(chosen: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        change("{}", lookup_cache_days=chosen)
    assert {error["loc"] for error in refused.value.errors()} == {("lookup_cache_days", field)}


def test_what_is_chosen_goes_before_what_is_usual() -> None:
    usual = Lifetimes(caller_name=60 * DAY_MS)
    assert lifetimes_of(loaded("{}").lookup_cache_days, usual) is usual
    chosen = loaded(change("{}", lookup_cache_days={"carrier": 7})).lookup_cache_days
    assert lifetimes_of(chosen, usual) == Lifetimes(carrier=7 * DAY_MS, caller_name=60 * DAY_MS)
