"""What people say: replaced, patched, joined; a word that is said again keeps its age."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.contact import merge
from gateway.domain.contact_requests import ContactUpdate
from gateway.domain.overrides import Override, joined, knowledge_of, patched, replaced

STANDING = {
    "name": Override("Ada", 1, "jo"), "notes": Override("tea", 2, "jo"),
    "fields.plan": Override("gold", 3, "jo"),
    "fields.age": Override(7, 4, "jo"),
}  # fmt: skip


def request(**values: Any) -> ContactUpdate:
    return ContactUpdate.model_validate(values)


def test_a_patch_changes_what_it_names() -> None:
    changed = patched(STANDING, request(name="Ada", notes=None, fields={"plan": None, "size": 3}), 9, "bo")
    assert changed == {
        "name": Override("Ada", 1, "jo"), "fields.age": Override(7, 4, "jo"),
        "fields.size": Override(3, 9, "bo"),
    }  # fmt: skip
    assert patched(STANDING, request(fields=None), 9, "bo").keys() == {"name", "notes"}
    assert patched(STANDING, request(tags=["vip"]), 9, "bo") == STANDING


def test_a_replacement_is_all_there_is() -> None:
    assert replaced(STANDING, request(name="Ada", email=None), 9, "bo") == {"name": Override("Ada", 1, "jo")}
    assert replaced(STANDING, request(), 9, "bo") == {}


def test_a_value_of_another_type_is_another_value() -> None:
    standing = {"fields.vip": Override(1, 1, "jo")}
    assert patched(standing, request(fields={"vip": True}), 9, "bo")["fields.vip"].value is True
    assert patched(standing, request(fields={"vip": 1}), 9, "bo") == standing


def test_names_are_joined_as_one() -> None:
    other = {"first_name": Override("Bo", 5, "bo"), "email": Override("bo@example.com", 5, "bo")}
    assert joined(STANDING, other).keys() == {*STANDING, "email"}
    without_name = {name: one for name, one in STANDING.items() if name != "name"}
    assert joined(without_name, other)["first_name"].value == "Bo"


values = st.one_of(st.none(), st.text("abc", min_size=1, max_size=3))
words = st.fixed_dictionaries(
    {},
    optional={
        "name": values, "company": values, "notes": values,
        "fields": st.one_of(st.none(), st.dictionaries(st.sampled_from("xyz"), values, max_size=3)),
    },
)  # fmt: skip


@given(st.lists(words, max_size=6))
def test_patches_come_to_what_merging_their_json_comes_to(patches: list[dict[str, Any]]) -> None:
    """Against the algorithm of RFC 7396, written down apart."""
    standing: dict[str, Override] = {}
    target: dict[str, Any] = {}
    for at, patch in enumerate(patches):
        standing = patched(standing, request(**patch), at, "jo")
        target = merge_patch(target, patch)
    flat = {name: value for name, value in target.items() if name != "fields"}
    flat |= {f"fields.{name}": value for name, value in target.get("fields", {}).items()}
    assert {name: one.value for name, one in standing.items()} == flat


def merge_patch(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merge_patch(result.get(name), value)
    return result


def test_what_people_say_has_the_age_of_each_word() -> None:
    caller = merge([knowledge_of(STANDING, ("vip",))])
    assert (caller.values, caller.fetched) == ({"name": "Ada"}, {"name": 1})
    assert (caller.notes, caller.fields, caller.tags) == ("tea", {"plan": "gold", "age": 7}, ("vip",))
    assert merge([knowledge_of({})]).values == {}
