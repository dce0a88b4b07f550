"""A JSON Schema becomes a list of fields, each with words for its kind and its rules."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_KINDS: Final = {
    "string": "string", "integer": "integer", "number": "number", "boolean": "boolean", "null": "null",
    "object": "object", "array": "list",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    """A line of the page. `rules` are marked up like descriptions: `code` between backticks."""

    name: str
    kind: str
    text: str
    rules: list[str] = field(default_factory=list)
    required: bool = False
    fields: list[Field] = field(default_factory=list)


class Schemas:
    """Reads schemas of one document. Patterns are for programs: the descriptions say them in words."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def named(self, name: str) -> list[Field]:
        return self.fields(self._schemas[name], answer=True)

    def fields(self, schema: Mapping[str, Any], *, answer: bool = False) -> list[Field]:
        """The fields of an object, or of the objects in a list."""
        whole = self._whole(schema)
        if whole.get("type") == "array":
            return self.fields(whole["items"], answer=answer)
        if "oneOf" in whole:
            return self._either(whole["oneOf"], answer=answer)
        required = set(() if answer else whole.get("required", ()))
        found = [
            self.field(name, one, required=name in required, answer=answer)
            for name, one in whole.get("properties", {}).items()
        ]
        return sorted(found, key=lambda field: not field.required)

    def _either(self, options: Iterable[Mapping[str, Any]], *, answer: bool) -> list[Field]:
        """The fields of all options, each once: as the first option that has it says."""
        found: dict[str, Field] = {}
        for option in options:
            for one in self.fields(option, answer=answer):
                found.setdefault(one.name, one)
        return list(found.values())

    def field(
        self, name: str, schema: Mapping[str, Any], *, required: bool = False, answer: bool = False
    ) -> Field:
        whole = self._whole(schema)
        options = [self._whole(one) for one in whole.get("anyOf", ()) if "$ref" in one or "type" in one]
        main = next((one for one in options if one.get("type") != "null"), whole)
        inner = [found for one in options or [whole] for found in self._inner(one, answer)]
        return Field(
            name,
            self.kind(whole),
            self._text(whole, main),
            list(_rules(main, whole, answer=answer)),
            required,
            inner,
        )

    def kind(self, schema: Mapping[str, Any]) -> str:
        whole = self._whole(schema)
        if "anyOf" in whole and "properties" not in whole:
            return " or ".join(dict.fromkeys(self.kind(one) for one in whole["anyOf"]))
        kind = whole.get("type")
        if kind == "array":
            items = self.kind(whole["items"]) if whole.get("items") else "values"
            return f"list of {items if ' ' in items or items == 'values' else items + 's'}"
        if whole.get("format") == "date-time":
            return "time"
        return _KINDS.get(str(kind), "value")

    def _inner(self, schema: Mapping[str, Any], answer: bool) -> list[Field]:
        whole = self._whole(schema)
        if whole.get("type") == "array" and isinstance(whole.get("items"), Mapping):
            items = self._whole(whole["items"])
            found = [one for option in items.get("anyOf", (items,)) for one in self._inner(option, answer)]
            return list({one.name: one for one in found}.values())
        if isinstance(values := whole.get("additionalProperties"), Mapping) and "properties" not in whole:
            return self._inner(values, answer)
        return self.fields(whole, answer=answer) if "properties" in whole else []

    def _text(self, whole: Mapping[str, Any], main: Mapping[str, Any]) -> str:
        return str(whole.get("description") or main.get("description") or "")

    def _whole(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """The schema with what it refers to, and the parts of an `allOf` as one."""
        made = dict(schema)
        if "$ref" in made:
            made = {**self._whole(self._schemas[made.pop("$ref").rpartition("/")[2]]), **made}
        for part in made.pop("allOf", ()):
            found = self._whole(part)
            known = made.get("properties", {})
            made = {**found, **made, "properties": _joined(known, found.get("properties", {}))}
        return made


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {**first.get(name, {}), **second.get(name, {})} if name in first and name in second
        else second.get(name, first.get(name))
        for name in {**first, **second}
    }  # fmt: skip


def _rules(main: Mapping[str, Any], whole: Mapping[str, Any], *, answer: bool) -> Iterator[str]:
    if "enum" in main:
        yield "one of " + ", ".join(f"`{value}`" for value in main["enum"])
    if "const" in main:
        yield f"always `{_shown(main['const'])}`"
    yield from _limits(main, "minimum", "maximum", "")
    yield from _limits(main, "minLength", "maxLength", " characters")
    yield from _limits(main, "minItems", "maxItems", " entries")
    yield from _limits(main, "minProperties", "maxProperties", " entries")
    if "default" in whole:
        yield f"default `{_shown(whole['default'])}`"
    elif main.get("examples") and not answer and "enum" not in main:
        yield f"such as `{_shown(main['examples'][0])}`"


def _limits(schema: Mapping[str, Any], least: str, most: str, what: str) -> Iterator[str]:
    low, high = schema.get(least), schema.get(most)
    if low is not None and high is not None:
        yield f"{low} to {high}{what}"
    elif high is not None:
        yield f"at most {high}{what}"
    elif low is not None and low > 1:
        yield f"at least {low}{what}"


def _shown(value: Any) -> str:
    return value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False)
