"""Reading events: strict about the envelope, and `data` stays the bytes that came."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.domain.event import API_VERSION, EventInput, EventParser, NewEvent, envelope, people
from gateway.domain.phone import Phone, parse
from gateway.errors import BadRequest, InvalidRequest, PayloadTooLarge, Problem

PARSER = EventParser(max_event_bytes=1000, enforce_schemas=True)
PATIENT = EventParser(max_event_bytes=10**6, enforce_schemas=True)
FIELDS = EventInput.__struct_fields__


def fields_of(problem: Problem) -> set[str]:
    return {detail.field for detail in problem.details}


@pytest.mark.parametrize(
    "data",
    [
        b'{"b":1,"a":2}', b'{"price":1.10,"e":1E2,"z":-0.0}', b'{"n":123456789012345678901234567890}',
        b"{ \t\n}", '{"name":"Zoë ☎ 😀"}'.encode(), b'{"a":"\\u00e9\\/\\ud83d\\ude00"}',
        b'{"a":{},"a":[1, 2 ]}',
        b'{"big":1e999}', b'{"data":{"type":"x","data":1}}',
    ],
)  # fmt: skip
@pytest.mark.parametrize("template", [b'{"type":"a.b","data":%b}', b' { "data" : %b , "type" : "a.b" } \n'])
def test_data_stays_as_it_came(data: bytes, template: bytes) -> None:
    body = template % data
    assert PARSER.single(body).data == data
    (item,), _ = PARSER.batch(b'{"events":[ %b ]}' % body)
    assert isinstance(item, NewEvent)
    assert item.data == data
    assert item.body_hash == PARSER.single(body).body_hash
    whole = json.loads(envelope("evt_1", "a.b", 0, "acme", data), parse_float=str, parse_int=str)
    assert whole["data"] == json.loads(data, parse_float=str, parse_int=str)
    assert (whole["api_version"], whole["timestamp"]) == (API_VERSION, "1970-01-01T00:00:00.000Z")


def escaped(key: str, index: int) -> str:
    """The key with one character written as an escape."""
    return f"{key[:index]}\\u{ord(key[index]):04x}{key[index + 1 :]}"


VALUES = {"data": "{}", "expires_in": "5", "type": '"a.b"', "priority": '"high"'}


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("same_value", [True, False])
def test_a_key_that_stands_twice_is_found_in_every_spelling(field: str, same_value: bool) -> None:
    first = VALUES.get(field, '"acme"')
    second = first if same_value else VALUES.get(field, "null")
    others = "".join(f'"{f}":{VALUES[f]},' for f in ("type", "data") if f != field)
    spellings = [field, *(escaped(field, i) for i in range(len(field))), escaped(escaped(field, 0), 7)]
    for one in spellings:
        for two in spellings:
            for space in ("", " \n"):
                body = f'{{{others}"{one}"{space}:{first},"{two}":{second}}}'.encode()
                with pytest.raises(InvalidRequest) as caught:
                    PARSER.single(body)
                assert (field, "stands more than once") in [
                    (d.field, d.message) for d in caught.value.details
                ]
                problem = PARSER.batch(b'{"events":[%b]}' % body)[0][0]
                assert isinstance(problem, InvalidRequest)
                assert f"events[0].{field}" in fields_of(problem)


@pytest.mark.parametrize("field", FIELDS)
def test_a_key_of_the_envelope_may_stand_in_data_as_often_as_it_likes(field: str) -> None:
    deep = f'{{"{field}":["{field}",{{"{field}":"\\"{field}\\""}}]}}'
    inner = f'"{field}":1,"{escaped(field, 1)}":"{field}","x":{deep}'
    for body in (f'{{"type":"a.b","data":{{{inner}}}}}', f'{{"data":{{{inner}}},"type":"a.b"}}'):
        assert PARSER.single(body.encode()).data == f"{{{inner}}}".encode()
    # As a value beside it, too.
    assert (
        PARSER.single(f'{{"type":"a.b","ordering_key":"{field}","data":{{}}}}'.encode()).ordering_key == field
    )


@pytest.mark.parametrize("twice", ['"events":[],', '"mode":"each",', '"\\u006dode":"each",'])
def test_a_batch_names_each_of_its_fields_once(twice: str) -> None:
    body = f'{{{twice}"mode":"each","events":[{{"type":"a.b","data":{{"events":1,"mode":2}}}}]}}'
    with pytest.raises(InvalidRequest, match="stands more than once"):
        PARSER.batch(body.encode())


@pytest.mark.parametrize(
    ("body", "problem", "field"),
    [
        (b"", BadRequest, ""), (b"{", BadRequest, ""), (b"nonsense", BadRequest, ""),
        (b"[]", InvalidRequest, ""), (b'"text"', InvalidRequest, ""), (b"null", InvalidRequest, ""),
        (b"{}", InvalidRequest, "type"), (b'{"type":"a.b","data":{}}x', BadRequest, ""),
        (b'{"type":"a.b","data":{},}', BadRequest, ""), (b'{"type":"a.b","data":{"x":NaN}}', BadRequest, ""),
        (b'{"type":"a.b","data":{"x":01}}', BadRequest, ""),
        (b'{"type":"a.b","data":{"x":"\xff"}}', BadRequest, ""), (b'\xef\xbb\xbf{}', BadRequest, ""),
        (b'{"type":"a.b","data":{"x":"\x01"}}', BadRequest, ""),
        (b'{"type":"a.b","data":{"x":"\\ud800"}}', BadRequest, ""),
        (b'{"type":"a.b","data":[]}', InvalidRequest, "data"),
        (b'{"type":"a.b","data":1}', InvalidRequest, "data"),
        (b'{"type":"a.b","data":null}', InvalidRequest, "data"), (b'{"type":"a.b"}', InvalidRequest, "data"),
        (b'{"type":1,"data":{}}', InvalidRequest, "type"),
        (b'{"type":"A B","data":{}}', InvalidRequest, "type"),
        (b'{"type":"webhook.disabled","data":{}}', InvalidRequest, "type"),
        (b'{"type":"a.b","data":{},"colour":1}', InvalidRequest, "colour"),
        (b'{"type":"a.b","data":{},"external_id":"a.b"}', InvalidRequest, "external_id"),
        (b'{"type":"a.b","data":{},"external_id":""}', InvalidRequest, "external_id"),
        (b'{"type":"a.b","data":{},"occurred_at":"yesterday"}', InvalidRequest, "occurred_at"),
        (b'{"type":"a.b","data":{},"occurred_at":"9999-12-31T23:59-01:00"}', InvalidRequest, "occurred_at"),
        (b'{"type":"a.b","data":{},"ordering_key":"a\\nb"}', InvalidRequest, "ordering_key"),
        (b'{"type":"a.b","data":{},"priority":"urgent"}', InvalidRequest, "priority"),
        (b'{"type":"a.b","data":{},"priority":null}', InvalidRequest, "priority"),
        (b'{"type":"a.b","data":{},"expires_in":0}', InvalidRequest, "expires_in"),
        (b'{"type":"a.b","data":{},"expires_in":2592001}', InvalidRequest, "expires_in"),
        (b'{"type":"a.b","data":{},"expires_in":true}', InvalidRequest, "expires_in"),
        (b'{"type":"a.b","data":{},"expires_in":"5"}', InvalidRequest, "expires_in"),
        (b'{"type":"a.b","data":{},"org_id":"a/b"}', InvalidRequest, "org_id"),
        (b'{"type":"a.b","data":{},"org_id":".."}', InvalidRequest, "org_id"),
        (b'{"type":"call.completed","data":{}}', InvalidRequest, "data"),
        (b'{"type":"a.b","data":{"x":"%b"}}' % (b"x" * 1000), PayloadTooLarge, "data"),
    ],
)  # fmt: skip
def test_what_is_refused_and_where(body: bytes, problem: type[Problem], field: str) -> None:
    with pytest.raises(Problem) as caught:
        PARSER.single(body)
    assert type(caught.value) is problem
    assert not field or any(found.startswith(field) for found in fields_of(caught.value))


def test_every_mistake_is_named_at_once() -> None:
    for body, fields in (
        (
            b'{"data":[],"priority":"x","expires_in":-1,"type":"A"}',
            {"type", "data", "priority", "expires_in"},
        ),
        (b'{"typo":1,"priority":5,"priority":5}', {"typo", "type", "data", "priority"}),
    ):
        with pytest.raises(InvalidRequest) as caught:
            PARSER.single(body)
        assert fields_of(caught.value) == fields


@pytest.mark.parametrize("key", ["ordering_key", pytest.param("\\u006frdering_key", id="escaped")])
def test_no_depth_of_nesting_crashes_it(key: str) -> None:
    for depth in (10, 500, *range(900, 1020), 5000, 100_000):
        body = f'{{"type":"a.b","{key}":"k","data":{{"x":{"[" * depth}{"]" * depth}}}}}'.encode()
        for call in (lambda b: PATIENT.single(b), lambda b: PATIENT.batch(b'{"events":[%b]}' % b)):
            try:
                call(body)
            except InvalidRequest:
                assert depth > 500


# A slow, plain reading of the same contract, to compare with.


class Pairs(list[tuple[str, Any]]):
    """An object as it was written."""


def reference(body: str) -> dict[str, Any] | None:
    """The fields of an event that is to be accepted; None when it is not."""

    def refuse(constant: str) -> Any:
        raise ValueError(constant)

    whole = json.loads(body, object_pairs_hook=Pairs, parse_constant=refuse)
    if not isinstance(whole, Pairs):
        return None
    given_fields = dict(whole)
    if len(given_fields) != len(whole) or not given_fields.keys() <= set(FIELDS):
        return None
    if given_fields.get("type") not in ("test.event", "a.b") or not isinstance(
        given_fields.get("data"), Pairs
    ):
        return None
    checks = {
        "external_id": lambda v: (
            v is None or (isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9_-]{1,128}", v))
        ),
        "ordering_key": lambda v: (
            v is None or (isinstance(v, str) and v.isprintable() and 1 <= len(v) <= 128)
        ),
        "priority": lambda v: v in ("normal", "high"),
        "expires_in": lambda v: v is None or (type(v) is int and 1 <= v <= 30 * 86_400),
        "org_id": lambda v: v is None or (isinstance(v, str) and re.fullmatch(r"[A-Za-z0-9_.-]{1,64}", v)),
        "occurred_at": lambda v: v is None or v == "2026-11-20T21:05:09.123Z",
    }
    if not all(check(given_fields[name]) for name, check in checks.items() if name in given_fields):
        return None
    return given_fields


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)
leaves = st.none() | st.booleans() | st.integers() | texts | st.sampled_from([*FIELDS, "+13175550101", "a.b"])
jsons = st.recursive(
    leaves,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from(FIELDS) | texts, x, max_size=3),
    max_leaves=6,
)
GOOD: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["test.event", "a.b"]), "data": st.dictionaries(st.sampled_from(FIELDS), jsons),
    "external_id": st.sampled_from([None, "call_1-x"]), "occurred_at": st.just("2026-11-20T21:05:09.123Z"),
    "ordering_key": st.sampled_from([None, "type", "data", "ключ"]), "priority": st.just("high"),
    "expires_in": st.sampled_from([None, 1, 2_592_000]), "org_id": st.sampled_from([None, "acme"]),
}  # fmt: skip
ODD = st.sampled_from(
    [None, "", 0, -1, True, 10**20, [], {}, "Not a type", "webhook.disabled", "\n", "x" * 129]
)


@st.composite
def documents(draw: st.DrawFn) -> str:
    """Mostly sound, with fields left out, doubled, misspelt or of another kind, in many spellings."""
    names = [n for n in FIELDS if n in ("type", "data") or draw(st.booleans())]
    names += draw(
        st.lists(st.sampled_from((*FIELDS, "typo", "Type")), max_size=1 if draw(st.booleans()) else 0)
    )
    if draw(st.integers(0, 9)) == 0:
        names.remove("type")
    parts = []
    for name in draw(st.permutations(names)):
        odd = draw(st.integers(0, 14)) == 0
        value = draw(ODD if odd or name not in GOOD else GOOD[name])
        key = escaped(name, draw(st.integers(0, len(name) - 1))) if draw(st.integers(0, 5)) == 0 else name
        dumped = json.dumps(value, ensure_ascii=draw(st.booleans()))
        parts.append(f'"{key}"{draw(st.sampled_from(["", " "]))}:{dumped}')
    return "{" + ", ".join(parts) + "}"


@pytest.mark.proof
@settings(max_examples=600, deadline=None)
@given(documents())
@example('{"type":"a.b","data":{},"dat\\u0061":{}}')
def test_it_agrees_with_a_slow_reading(body: str) -> None:
    expected = reference(body)
    try:
        found = PATIENT.single(body.encode())
    except InvalidRequest:
        assert expected is None
        return
    assert expected is not None
    assert found.type == expected["type"]
    assert json.loads(found.data, object_pairs_hook=Pairs) == expected["data"]
    assert found.data in body.encode()
    for name in ("external_id", "ordering_key", "org_id"):
        assert getattr(found, name) == expected.get(name)
    assert found.priority == (1 if expected.get("priority") == "high" else 0)
    assert found.lifetime_ms == (expected.get("expires_in") or 2_592_000) * 1000
    assert found.expires is (expected.get("expires_in") is not None)


def number_of(text: str) -> str | None:
    """What is in E.164 stands as it is; anything else is read as for a caller."""
    if re.fullmatch(r"\+[0-9]{6,15}", text):
        return text
    number = parse(text)
    return number.e164 if isinstance(number, Phone) else None


def walked(value: Any) -> set[str]:
    """The numbers of a parsed document, found by walking through it."""
    if isinstance(value, Pairs):
        own = {
            found
            for k, v in value
            if k in ("from", "to", "phone", "contact_e164")
            for one in (v if isinstance(v, list) else [v])
            if isinstance(one, str) and 4 <= len(one) <= 64 and (found := number_of(one)) is not None
        }
        return own.union(*(walked(v) for _, v in value))
    return set().union(*map(walked, value)) if isinstance(value, list) else set()


numbers = st.sampled_from(
    [
        "+13175550101", "+49301234567", "+123456", "+12345", "13175550102", "+1317555010\n",
        "(317) 555-0143", "0049 30 20123400", "030/20123400", "anonymous", "sip:+13175550144@example.com",
    ]
)  # fmt: skip
quoting = st.text('"\\:+1 from', max_size=8) | st.just('"from":"+13175550109"')
people_keys = st.sampled_from(["from", "to", "phone", "contact_e164", "From", "to ", "other"])
people_documents = st.recursive(
    numbers | quoting | st.integers(0, 9),
    lambda x: st.lists(x, max_size=3) | st.dictionaries(people_keys | quoting, x, max_size=4),
    max_leaves=12,
)


def test_numbers_written_otherwise_are_read_as_the_region_writes_them() -> None:
    data = json.dumps(
        {"from": "030 20123400", "to": ["(0)30 20123401", "+13175550101"], "by": "030 1"}
    ).encode()
    assert people(data, "DE") == {"+493020123400", "+493020123401", "+13175550101"}
    assert people(b'{"from": "030\\/20123400"}', "DE") == {"+493020123400"}


def test_of_very_many_that_are_written_otherwise_the_first_are_read() -> None:
    many = [f"(317) 555-{number:04}" for number in range(1_000)]
    found = people(json.dumps({"to": [*many, "+13175559999"]}).encode())
    assert len(found) == 21
    assert "+13175559999" in found


@given(people_documents, st.booleans(), st.integers(0, 3), st.sampled_from([None, 1]))
def test_people_are_found_wherever_they_stand(
    document: Any, hidden: bool, escape: int, indent: int | None
) -> None:
    text = json.dumps({"x": document}, indent=indent)
    if hidden:  # a digit, the plus, or a letter of the key behind an escape
        before, after = [
            ("+1", "\\u002b1"),
            ("5550", "5\\u0035\\u0035\\u0030"),
            ('"f', '"\\u0066'),
            ('"t', '"\\u0074'),
        ][escape]
        text = text.replace(before, after)
    assert people(text.encode()) == walked(json.loads(text, object_pairs_hook=Pairs))


@pytest.mark.parametrize("other", ['"x"', '"\\u0041"'])
def test_a_number_under_a_doubled_key_is_found(other: str) -> None:
    assert people(f'{{"from":"+13175550101","from":{other}}}'.encode()) == {"+13175550101"}
