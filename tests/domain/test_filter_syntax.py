"""What is a filter and what is not: every refusal names the place and what was expected there."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.filter import check_filter, compile_filter
from gateway.domain.filter_syntax import MAX_NESTING
from gateway.domain.filter_tokens import MAX_LENGTH
from gateway.errors import Detail, InvalidRequest


def refusal(text: str) -> str:
    """What is said about a text that is no filter; one detail, of the field `filter`."""
    with pytest.raises(InvalidRequest) as caught:
        compile_filter(text)
    (detail,) = caught.value.details
    assert isinstance(detail, Detail)
    assert detail.field == "filter"
    assert caught.value.message == f"filter: {detail.message}"
    return detail.message


REFUSED = [
    # What JMESPath has and filters have not.
    ("data.turns[?role == 'caller']", 11, "`[?` projections are not part of filters"),
    ("data.turns[*].role", 11, "`[*]` projections are not part of filters"),
    ("data.turns[ * ]", 11, "`[*]` projections"),
    ("data.turns[]", 11, "`[]` flattening is not part of filters"),
    ("data.turns[0:2]", 11, "slices such as [0:2] are not part of filters"),
    ("data.turns[::-1]", 11, "slices"),
    ("data.*", 6, "`*` wildcards are not part of filters"),
    ("*", 1, "`*` wildcards"),
    ("data.tags | length(data)", 11, "`|` pipes are not part of filters; or is written ||"),
    ("[data.a, data.b]", 1, "multi-select lists are not part of filters"),
    ("data.[a, b]", 6, "`.[` multi-select lists are not part of filters"),
    ("{a: data.a}", 1, "`{` multi-select hashes are not part of filters"),
    ("data.{a: a}", 6, "`{` multi-select hashes"),
    ("sort_by(data.tags, &name)", 20, "`&` expression references are not part of filters; and is written &&"),
    ("@", 1, "`@` is not part of filters"),
    ("@.data", 1, "`@` is not part of filters"),
    ("[0]", 1, "`[` stands after a list, such as data.tags[0]"),
    ("sum(data.numbers) > `3`", 1, "sum() is not part of filters; there are contains, starts_with"),
    ("to_number(data.a) > `3`", 1, "to_number() is not part of filters"),
    ("data.length(tags)", 6, "a function takes the whole path: length(data.tags)"),
    ('"length"(data.tags)', 1, '"length"() is not part of filters'),
    # What people write at first.
    ('data.status == "completed"', 16, "but no \"completed\"; a text is written 'completed'"),
    ("direction == 'inbound'", 1, "but no direction; perhaps data.direction"),
    ("data.duration_seconds > 60", 25, "a number is written in backticks: `60`"),
    ("data.duration_seconds > -1.5e3", 25, "a number is written in backticks: `-1.5e3`"),
    ("data.x == true", 11, "write `true`, in backticks"),
    ("data.x != null", 11, "write `null`, in backticks"),
    ("data.status = 'completed'", 13, "equal is written =="),
    ("data.status === 'completed'", 15, "equal is written =="),
    ("data.a and data.b", 8, "and is written &&"),
    ("data.a or data.b", 8, "or is written ||"),
    ("not data.a", 1, "not is written !"),
    ("'vip' in data.tags", 7, "membership is written contains(list, value)"),
    ("data.a & data.b", 8, "and is written &&"),
    ("data.a || | data.b", 11, "or is written ||"),
    ("data['a']", 5, 'write [0] or [-1] for an element, .name or ."a-b" for a field'),
    ("data[\"a\"] == 'x'", 5, '.name or ."a-b" for a field'),
    ("data.status == `completed`", 16, "must be JSON; a text is written 'completed'"),
    ("data.x == `True`", 11, "must be JSON"),
    ("data.x == `01`", 11, "must be JSON"),
    ("data.x == `NaN`", 11, "must be JSON"),
    ("data.x == ``", 11, "must be JSON"),
    ("data.x == `\"\\ud800\"`", 11, "must be JSON"),
    ("data.a < 'b'", 10, "< compares numbers only; 'b' is a string"),
    ("`true` >= data.a", 1, ">= compares numbers only; `true` is a boolean"),
    ("starts_with(data.a, `3`)", 21, "starts_with takes a string there; `3` is a number"),
    ("contains(`3`, data.a)", 10, "contains takes a string or a list there; `3` is a number"),
    ("length(`null`) > `0`", 8, "length takes a string, a list or an object there; `null` is a null"),
    ("$.data.a", 1, "`$` is not part of filters"),
    ("data.a + data.b", 8, "`+` is not part of filters"),
    # What is not finished.
    ("", 1, "the filter is empty"),
    (" \n", 1, "the filter is empty"),
    ("data.a ==", 10, "expected a field, a function, 'text', `json`, ! or (, found the end"),
    ("(data.a", 8, "expected ), found the end"),
    ("data.a)", 7, "expected &&, ||, a comparison or the end, found )"),
    ("data.a data.b", 8, "expected &&, ||, a comparison or the end, found data"),
    ("data.", 6, "expected a field's name, found the end"),
    ("data.'a'", 6, "expected a field's name, found 'a'"),
    ("data[0", 7, "expected ], found the end"),
    ("data.a == 'b", 11, "the text that begins here has no closing '"),
    ('data."a', 6, 'the name that begins here has no closing "'),
    ("data.a == `1", 11, "the literal that begins here has no closing `"),
    ('data."\\x"', 6, "what stands in double quotes must be a JSON string"),
    ("length()", 1, "length takes 1 argument, not 0"),
    ("contains(data.a)", 1, "contains takes 2 arguments, not 1"),
    ("contains(data.a, 'b', 'c')", 1, "contains takes 2 arguments, not 3"),
    ("contains(data.a 'b')", 17, "expected ), found 'b'"),
    ("contains(data.a, )", 18, "found )"),
    # What cannot be kept.
    ("data.a == '\0'", 12, "control characters"),
    ("data.a == '\ud800'", 12, "half of a surrogate pair"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "column", "message"), REFUSED, ids=[repr(row[0]) for row in REFUSED])
def test_what_is_refused_is_named(text: str, column: int, message: str) -> None:
    told = refusal(text)
    assert told.startswith(f"column {column}: ")
    assert message in told


def test_a_validator_of_request_models_gets_the_same_sentence() -> None:
    with pytest.raises(ValueError, match="column 6: `\\*` wildcards") as caught:
        check_filter("data.*")
    assert not isinstance(caught.value, InvalidRequest)
    check_filter("data.a")


def test_the_length_ends_at_512_characters() -> None:
    longest = "type == '" + "é" * (MAX_LENGTH - 10) + "'"
    assert len(longest) == 512
    assert compile_filter(longest).matches({"type": "é" * (MAX_LENGTH - 10)})
    assert refusal(longest + " ") == "column 513: a filter has at most 512 characters, not 513"


@pytest.mark.parametrize(
    ("opening", "core", "closing"),
    [
        ("(", "type", ")"),
        ("!", "type", ""),
        ("length(", "type", ")"),
        ("", "type", "==id"),
        ("(!", "id", ")"),
    ],
)
def test_the_depth_ends_at_32(opening: str, core: str, closing: str) -> None:
    levels = MAX_NESTING // max(1, len(opening.replace("length", "")))
    compile_filter(opening * levels + core + closing * levels)
    told = refusal(opening * (levels + 1) + core + closing * (levels + 1))
    assert "a filter is nested at most 32 deep" in told


def test_wide_filters_are_not_deep() -> None:
    wide = "||".join(["id"] * 128)
    assert compile_filter(wide).matches({"id": "evt_1"})
    assert not compile_filter(wide).matches({})


PIECES = st.sampled_from(
    [
        *("data", "type", "contains", "length", "and", "starts_with(data.a,'b')", "data.a[0]", "é", "\ud800"),
        *("'x'", "`1`", '`"x"`', '"a-b"', "0", "-1", "'", '"', "`", "\\", "\n", "\0"),
        *(".", "[", "]", "(", ")", "!", "&&", "||", "==", "!=", "<", ">=", ",", "=", "?"),
        *("|", "&", "*", "@", "{", "}", ":", "[?", "[]", "[0:1]"),
    ]
)


@settings(max_examples=400)
@given(
    st.one_of(
        st.lists(PIECES, max_size=60).map("".join),
        st.lists(PIECES, max_size=60).map(" ".join),
        st.text(st.characters(), max_size=600),
    ).map(lambda text: text[:600])
)
@example("[" * 600)
@example("(" * 512)
@example("!" * 512)
@example("`" + "[" * 255 + "]" * 255 + "`")
@example("data" + ".a" * 254)
@example("data" + "[0]" * 169)
@example("data.a==`1e99999999999999999999`")
@example("data[" + "9" * 500 + "]")
@example("'" * 511)
@example("\\" * 512)
def test_any_text_is_a_filter_or_refused_with_its_column(text: str) -> None:
    try:
        compiled = compile_filter(text)
    except InvalidRequest as problem:
        assert problem.details[0].message.startswith("column ")
    else:
        assert len(text) <= MAX_LENGTH
        for event in ({}, {"data": {"a": [1]}, "type": "x"}, {"data": [[[]]], "type": None}):
            assert compiled.matches(event) is compiled.explain(event).matches
