"""Settings of organizations: declared once, stored as little as there is, read whatever another version
wrote."""

from __future__ import annotations

import json
from typing import Any, get_type_hints

import pytest
from pydantic import ValidationError

from gateway.client import types as client_types
from gateway.domain import organization_settings, phone
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
