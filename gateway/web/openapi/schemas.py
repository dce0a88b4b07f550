"""Types of answers and models of requests become JSON Schemas under `#/components/schemas`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, NotRequired, get_origin, get_type_hints

import msgspec
from pydantic import BaseModel

from gateway.web.openapi.fields import EXTRA, MEANINGS
from gateway.web.openapi.meaning import Meaning

REF: Final = "#/components/schemas/"


def ref(name: str) -> dict[str, str]:
    return {"$ref": REF + name}


def of_answers(kinds: Iterable[type]) -> dict[str, Any]:
    """The schemas of TypedDicts, and of those that they hold. Fields that a later version adds must pass, so
    nothing is closed."""
    kinds = list(kinds)
    _, found = msgspec.json.schema_components(kinds, ref_template=REF + "{name}")
    for kind in _all_typed_dicts(kinds):
        schema = found[kind.__name__]
        # msgspec sorts by name; the order of the declaration reads better.
        schema["properties"] = {
            name: schema["properties"][name] for name in get_type_hints(kind) if name in schema["properties"]
        }
        optional = _optional(kind)
        schema["required"] = [name for name in schema["properties"] if name not in optional]
    return {name: _without_titles(schema) for name, schema in found.items()}


def of_request(model: type) -> dict[str, Any]:
    """The schema of a request's body: a pydantic model, or a msgspec struct that a parser checks further.
    Fields that are not named are refused."""
    if issubclass(model, BaseModel):
        made = model.model_json_schema(ref_template=REF + "{model}")
    else:
        [_], components = msgspec.json.schema_components([model], ref_template=REF + "{name}")
        made = components[model.__name__]
    meanings = MEANINGS[model]
    fields = {
        name: refined(made["properties"][name], meanings[name])
        for name in made["properties"]
        if meanings[name] is not None
    }
    schema = {"type": "object", "properties": fields, "additionalProperties": False}
    if made.get("required"):
        schema["required"] = made["required"]
    return schema | dict(EXTRA.get(model, {}))


def refined(made: Mapping[str, Any], meaning: Meaning | None) -> dict[str, Any]:
    """A field's schema with its meaning, and with the rules that its type does not tell."""
    assert meaning is not None
    if meaning.whole is not None:
        schema = {"description": meaning.text, **meaning.whole}
        return schema | _default(made, meaning)
    schema = {"description": meaning.text}
    rest = {key: value for key, value in made.items() if key not in ("title", "default")}
    options = rest.get("anyOf")
    if options:
        rest["anyOf"] = [one if one.get("type") == "null" else one | dict(meaning.rules) for one in options]
    else:
        rest |= meaning.rules
    return schema | rest | _default(made, meaning)


def _default(made: Mapping[str, Any], meaning: Meaning) -> dict[str, Any]:
    """Null as a default says no more than that the field may be missing."""
    default = made.get("default")
    return {} if default is None or not meaning.default else {"default": default}


def _all_typed_dicts(kinds: Iterable[type]) -> list[type]:
    """The given ones and every one that they hold."""
    found: dict[type, None] = {}

    def look(hint: Any) -> None:
        if isinstance(hint, type) and hasattr(hint, "__required_keys__") and hint not in found:
            found[hint] = None
            for inner in get_type_hints(hint).values():
                look(inner)
        for inner in getattr(hint, "__args__", ()):
            look(inner)

    for kind in kinds:
        look(kind)
    return list(found)


def _optional(kind: type) -> set[str]:
    hints = get_type_hints(kind, include_extras=True)
    return {name for name, hint in hints.items() if get_origin(hint) is NotRequired}


def _without_titles(node: Any) -> Any:
    """Titles that only repeat a name are left out."""
    if isinstance(node, list):
        return [_without_titles(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _without_titles(value)
        for key, value in node.items()
        if not (key == "title" and isinstance(value, str))
    }
