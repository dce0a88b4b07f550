"""Several sources as one picture: whose word counts, field by field."""

from __future__ import annotations

import itertools
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contact import FIELDS, PRECEDENCE, CrmContact, CrmLink, Knowledge, merge, of_crm

NAMES = ("name", "first_name", "last_name")


def known(kind: Any, rank: int = 0, at: int = 0, **values: str) -> Knowledge:
    return Knowledge(kind, at, rank, values)


def test_an_override_counts_then_crms_by_priority_then_the_lookup() -> None:
    sources = [
        known("lookup", 0, 30, name="LOOKUP", carrier="Example Mobile", line_type="mobile"),
        known("crm", 1, 20, name="Second", company="Second Ltd", title="Clerk"),
        known("crm", 0, 10, name="First", company="First Ltd"),
        known("override", 0, 5, name="By Hand"),
    ]
    for order in itertools.permutations(sources):
        caller = merge(order)
        assert caller.values == {
            "name": "By Hand", "company": "First Ltd", "title": "Clerk", "carrier": "Example Mobile",
            "line_type": "mobile",
        }  # fmt: skip
        assert caller.provenance == {
            "name": "override", "company": "crm", "title": "crm", "carrier": "lookup", "line_type": "lookup",
        }  # fmt: skip
        assert caller.fetched == {"name": 5, "company": 10, "title": 20, "carrier": 30, "line_type": 30}


def test_names_are_not_mixed_of_two_people() -> None:
    first = of_crm(CrmContact("1", first_name="Ada"), "cnr_1", fetched_at=1, rank=0)
    second = of_crm(CrmContact("2", name="Bo Sample", last_name="Sample"), "cnr_2", fetched_at=2, rank=1)
    values = merge([second, first]).values
    assert {name: values.get(name) for name in NAMES} == {
        "name": "Ada", "first_name": "Ada", "last_name": None,
    }  # fmt: skip


def test_the_whole_name_is_made_of_its_parts() -> None:
    made = of_crm(CrmContact("1", first_name="Ada", last_name="Example"), "cnr_1", fetched_at=1)
    assert made.values["name"] == "Ada Example"
    assert "name" not in of_crm(CrmContact("1", company="X"), "cnr_1", fetched_at=1).values


def test_links_tags_notes_and_custom_fields_come_along() -> None:
    one = of_crm(
        CrmContact("1", notes="first", fields={"plan": "gold", "vip": True}, url="https://crm.example/1"),
        "cnr_1", fetched_at=1, matches=2,
    )  # fmt: skip
    two = of_crm(
        CrmContact("9", notes="second", fields={"plan": "tin", "age": 7}), "cnr_2", fetched_at=1, rank=1
    )
    tagged = Knowledge("override", 1, tags=("vip", "vip", "slow"))
    caller = merge([two, one, tagged])
    assert caller.links == (CrmLink("cnr_1", "1", "https://crm.example/1", 2), CrmLink("cnr_2", "9", None))
    assert caller.notes == "first"
    assert caller.fields == {"plan": "gold", "vip": True, "age": 7}
    assert caller.tags == ("vip", "slow")


sources = st.lists(
    st.builds(
        lambda kind, rank, at, values: Knowledge(kind, at, rank, values),
        st.sampled_from(PRECEDENCE), st.integers(0, 5), st.integers(0, 9),
        st.dictionaries(st.sampled_from(FIELDS), st.text(max_size=3), max_size=6),
    ),
    max_size=6,
    unique_by=lambda one: (one.kind, one.rank),
)  # fmt: skip


@given(sources, st.randoms(use_true_random=False))
def test_merging_keeps_to_precedence_whatever_the_order(found: list[Knowledge], random: Any) -> None:
    caller = merge(found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert merge(shuffled) == caller
    assert caller.values.keys() == caller.provenance.keys() == caller.fetched.keys()
    ordered = sorted(found, key=lambda one: (PRECEDENCE.index(one.kind), one.rank))
    for name in FIELDS:
        holders = [one for one in ordered if one.values.get(name)]
        if name not in NAMES:
            assert caller.values.get(name) == (holders[0].values[name] if holders else None)
    assert all(value for value in caller.values.values())


def test_a_part_of_a_name_that_a_person_changed_stands_with_the_rest_of_it() -> None:
    crm = of_crm(CrmContact("1", first_name="Ada", last_name="Example"), "cnr_1", fetched_at=1)
    other = known("crm", 1, 2, name="Bo Sample", first_name="Bo")
    changed = Knowledge("override", 9, values={"last_name": "Sample"}, times={"last_name": 5})
    caller = merge([other, changed, crm])
    assert caller.values == {"name": "Ada Sample", "first_name": "Ada", "last_name": "Sample"}
    assert caller.provenance == {"name": "override", "first_name": "crm", "last_name": "override"}
    assert caller.fetched == {"name": 5, "first_name": 1, "last_name": 5}


def test_a_whole_name_that_a_person_gave_stands_alone() -> None:
    crm = of_crm(CrmContact("1", first_name="Ada", last_name="Example"), "cnr_1", fetched_at=1)
    assert merge([crm, known("override", 0, 5, name="Grandma")]).values == {"name": "Grandma"}


def test_a_link_that_two_numbers_lead_to_is_one() -> None:
    one = of_crm(CrmContact("1", name="Ada"), "cnr_1", fetched_at=1)
    again = of_crm(CrmContact("1", name="Ada"), "cnr_1", fetched_at=2)
    assert len(merge([one, again]).links) == 1
