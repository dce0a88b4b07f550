"""No sentence of a library reaches whoever made a mistake: every kind of it has the gateway's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from pydantic import BaseModel, ValidationError

from gateway.domain.event import BatchInput, EventInput, EventParser
from gateway.domain.event_types import CATALOGUE
from gateway.domain.wording import PYDANTIC, of_json, of_msgspec, of_pydantic
from gateway.errors import BadRequest, InvalidRequest
from gateway.web.body import parse
from gateway.web.routes import OPERATIONS

MODELS = sorted({one.model for one in OPERATIONS if one.model is not None}, key=lambda model: model.__name__)
LIBRARIES = re.compile(
    r"\bInput\b|should|after validation|dictionary|\bValue error|\bExpected\b|`|truncated"
    r"|valid (string|integer)|malformed|Object|instance of|sys\."
)
WRONG: list[Any] = [
    None, True, 1, -1, 1.5, 10**30, "", "x", "x" * 100_000, "\x00", [], [1], ["x"] * 5000, {}, {"x": 1},
    {f"n{number}": "x" for number in range(200)}, [{}], [[]],
]  # fmt: skip


def mistakes(model: type[BaseModel]) -> Iterator[dict[str, Any]]:
    """What pydantic says of every wrong value in every field of the model."""
    bodies: list[dict[str, Any]] = [{}, {"nonsense": 1}]
    bodies += [{name: value} for name in model.model_fields for value in WRONG]
    for body in bodies:
        try:
            model.model_validate(body)
        except ValidationError as error:
            yield from ({**one} for one in error.errors())


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_mistake_in_every_request_has_words(model: type[BaseModel]) -> None:
    for found in mistakes(model):
        assert found["type"] in PYDANTIC or found["type"] == "value_error", found
        said = of_pydantic(found["type"], found.get("ctx", {}), found["msg"])
        assert said != "is not as described", found
        assert not LIBRARIES.search(said), (found["loc"], said)


@pytest.mark.parametrize(
    ("kind", "context", "said"),
    [
        ("too_short", {"min_length": 1, "actual_length": 0}, "must have at least 1 entry"),
        ("too_long", {"max_length": 20}, "must have at most 20 entries"),
        ("string_too_short", {"min_length": 1}, "must have at least 1 character"),
        ("string_too_long", {"max_length": 500}, "must have at most 500 characters"),
        ("greater_than_equal", {"ge": 60}, "must be at least 60"),
        ("less_than_equal", {"le": 30_000}, "must be at most 30000"),
        (
            "literal_error",
            {"expected": "'viewer', 'operator' or 'admin'"},
            "must be viewer, operator or admin",
        ),
        ("model_type", {"class_name": "KeyCreate"}, "must be an object"),
        ("a_kind_of_tomorrow", {}, "is not as described"),
    ],
)
def test_kinds_of_pydantic(kind: str, context: dict[str, Any], said: str) -> None:
    assert of_pydantic(kind, context, "Input should be something") == said


@pytest.mark.parametrize(
    ("sentence", "where", "said"),
    [
        ("Expected `str`, got `int`", "", "must be a string, got an integer"),
        (
            "Expected `str | null`, got `array` - at `$[2].text`",
            "[2].text",
            "must be a string or null, got a list",
        ),
        ("Expected `str` of length >= 1", "", "must have at least 1 character"),
        ("Expected `array` of length <= 2 - at `$.x`", ".x", "must have at most 2 entries"),
        ("Expected `float` >= 0.0", "", "must be at least 0"),
        ("Number out of range - at `$.n`", ".n", "is out of range"),
        ("Object missing required field `role` - at `$[0]`", "[0].role", "is required"),
        ("Object contains unknown field `x`", ".x", "is not a field"),
        ("Something else entirely", "", "is not as described"),
    ],
)
def test_sentences_of_msgspec(sentence: str, where: str, said: str) -> None:
    assert of_msgspec(sentence) == (where, said)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (rb'{"type":"a.b","data":{"x":"\ud800"}}', "half of a surrogate pair"),
        (rb'{"type":"a.b\ud800 and more","data":{}}', "half of a surrogate pair"),
        (rb'{"type":"a.b","external_id":"\udc00","data":{}}', "half of a surrogate pair"),
        (b'{"type":', "it ends too early"),
        (rb'{"type":"\ud83d\ude00', "it ends too early"),
        (b'{"type" "a"}', "expected ':' at byte 8"),
        (b"", "it ends too early"),
    ],
)
def test_what_is_no_json_says_why(raw: bytes, said: str) -> None:
    with pytest.raises(msgspec.DecodeError) as found:
        msgspec.json.decode(raw, type=EventInput)
    assert of_json(str(found.value), raw) == said
    parser = EventParser(max_event_bytes=1000, enforce_schemas=True)
    with pytest.raises(BadRequest, match=re.escape(f"the body is not valid JSON: {said}")):
        parser.single(raw)


def wrong_events() -> Iterator[dict[str, Any]]:
    for field in msgspec.structs.fields(EventInput):
        yield from ({"type": "a.b", "data": {}, field.encode_name: value} for value in WRONG)
    for name, known in CATALOGUE.items():
        for field in msgspec.structs.fields(known.struct):
            yield from ({"type": name, "data": {field.encode_name: value}} for value in [*WRONG, "\ud800"])


def test_every_mistake_in_every_event_has_words() -> None:
    parser = EventParser(max_event_bytes=1_000_000, enforce_schemas=True)
    refused = 0
    for event in wrong_events():
        try:
            parser.single(json.dumps(event).encode())
        except InvalidRequest as problem:
            refused += 1
            for detail in problem.details:
                assert "not as described" not in detail.message, (event["type"], detail)
                assert not LIBRARIES.search(detail.message), (event["type"], detail)
            assert not LIBRARIES.search(problem.message), problem.message
        except Exception as problem:
            assert type(problem).__name__ == "PayloadTooLarge", event["type"]
    assert refused > 500
    assert {field.encode_name for field in msgspec.structs.fields(BatchInput)} == {"events", "mode"}


def test_a_long_integer_is_refused_in_a_sentence() -> None:
    model = next(model for model in MODELS if model.__name__ == "KeyCreate")
    with pytest.raises(BadRequest, match="a number has too many digits"):
        parse(model, b'{"expires_in": ' + b"9" * 5000 + b"}")
