"""HubSpot's own OpenAPI documents as judges of requests and answers.

They are not part of the project: `hubspot_contacts_v3.json` and `hubspot_calls_v3.json` are looked for in the
directory that HUM_ORACLES names, else in `shared/oracles` beside the checkout or above it.

Taken as they are, but for two things. The four fields of a search that they call required, and that nobody
has to send, may be missing. And they are taken at their word: a field or parameter that they do not name is a
mistake.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

FILES = ("hubspot_contacts_v3.json", "hubspot_calls_v3.json")
NOT_REQUIRED = {"PublicObjectSearchRequest": {"after", "sorts", "limit", "properties"}}

_FORMATS = FormatChecker(["date-time"])
_FORMATS.checks("int32")(lambda value: not isinstance(value, int) or -(2**31) <= value < 2**31)


def directory() -> Path | None:
    """Where the documents are; None when they are nowhere."""
    named = os.environ.get("HUM_ORACLES")
    places = [Path(named)] if named else [up / "shared" / "oracles" for up in Path(__file__).parents]
    return next((place for place in places if all((place / name).is_file() for name in FILES)), None)


def documents_or_skip() -> Documents:
    found = documents()
    if found is None:
        pytest.skip(
            f"HubSpot's OpenAPI documents ({', '.join(FILES)}) are not here: name them in HUM_ORACLES"
        )
    return found


@lru_cache(maxsize=1)
def documents() -> Documents | None:
    place = directory()
    return Documents([json.loads((place / name).read_text("utf-8")) for name in FILES]) if place else None


class Documents:
    """What the documents say of a request and of its answer: a list of complaints, empty when it is right."""

    def __init__(self, contents: list[dict[str, Any]]) -> None:
        self._operations = [
            (re.compile(re.sub(r"\{\w+\}", "[^/]+", path)), method.upper(), Operation(operation, content))
            for content in contents
            for path, operations in content["paths"].items()
            for method, operation in operations.items()
        ]

    def describes(self, method: str, path: str) -> bool:
        return self._operation(method, path) is not None

    def request(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> list[str]:
        operation = self._operation(method, path)
        if operation is None:
            return [f"{method} {path} is in neither document"]
        return [f"{method} {path}: {problem}" for problem in operation.request(query, body)]

    def answer(self, method: str, path: str, status: int, body: bytes) -> list[str]:
        operation = self._operation(method, path)
        return [] if operation is None else [*operation.answer(status, body)]

    def _operation(self, method: str, path: str) -> Operation | None:
        fitting = [
            (pattern, operation)
            for pattern, known, operation in self._operations
            if known == method and pattern.fullmatch(path)
        ]
        # `…/contacts/search` is also `…/contacts/{contactId}`: the path without a variable wins.
        return min(fitting, key=lambda found: "[" in found[0].pattern, default=(None, None))[1]


class Operation:
    def __init__(self, operation: dict[str, Any], document: dict[str, Any]) -> None:
        content = operation.get("requestBody", {}).get("content", {})
        self._parameters = {
            one["name"]: one for one in operation.get("parameters", []) if one["in"] == "query"
        }
        self._body = _validator(content, document, closed=True)
        self._answers = {
            status: _validator(answer.get("content") or {}, document, closed=False)
            for status, answer in operation["responses"].items()
        }

    def request(self, query: Mapping[str, str], body: bytes) -> Iterator[str]:
        yield from self._query(query)
        if self._body is None and body:
            yield "a body where none belongs"
        if self._body is not None:
            yield from _complaints(self._body, body) if body else ("no body",)

    def answer(self, status: int, body: bytes) -> Iterator[str]:
        if str(status) not in self._answers and status < 400:
            yield f"answers {status}, which is not described"
        validator = self._answers.get(str(status))
        if validator is not None:
            yield from _complaints(validator, body)

    def _query(self, query: Mapping[str, str]) -> Iterator[str]:
        for name in query.keys() - self._parameters.keys():
            yield f"a parameter {name} where none belongs"
        for name, one in self._parameters.items():
            if name not in query and one["required"]:
                yield f"no parameter {name}"
            if name in query and one["schema"]["type"] == "integer" and not query[name].isdigit():
                yield f"parameter {name} is no number"


def _validator(
    content: dict[str, Any], document: dict[str, Any], *, closed: bool
) -> Draft202012Validator | None:
    if "application/json" not in content:
        return None
    components = document["components"]
    schemas = {name: _relaxed(name, one, closed) for name, one in components["schemas"].items()}
    whole = {**content["application/json"]["schema"], "components": {**components, "schemas": schemas}}
    return Draft202012Validator(whole, format_checker=_FORMATS)


def _complaints(validator: Draft202012Validator, body: bytes) -> Iterator[str]:
    for error in validator.iter_errors(json.loads(body)):
        yield f"{'/'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:200]}"


def _relaxed(name: str, schema: dict[str, Any], closed: bool) -> dict[str, Any]:
    required = [field for field in schema.get("required", []) if field not in NOT_REQUIRED.get(name, ())]
    relaxed = {**schema, "required": required}
    if closed and "properties" in schema:
        relaxed.setdefault("additionalProperties", False)
    return relaxed
