"""The client's types cannot drift from the API: every operation has its call, and every call answers, and
takes, what the OpenAPI document says."""

from __future__ import annotations

import inspect
import pydoc
import re
import subprocess
import sys
import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import (
    Any,
    Literal,
    NotRequired,
    Required,
    TypeVar,
    Union,
    Unpack,
    get_args,
    get_origin,
    get_type_hints,
)

import pytest

from gateway.client import AsyncClient, Client
from gateway.client.call import Blocking
from gateway.client.calls import Calls
from gateway.client.request import Download, Listing, Request
from gateway.client.rows import Rows
from gateway.client.types import BatchResult
from gateway.web.api import OPERATIONS
from gateway.web.openapi.document import build
from tests.support.calls import DECLARED, address, made

T = TypeVar("T")
DOCUMENT = build()
ROOT = Path(__file__).parents[2]


def operation_of(name: str) -> dict[str, Any] | None:
    """What the document says of a call; None for one that is not of the API proper."""
    method, path = address(name)
    found: dict[str, Any] | None = DOCUMENT["paths"].get(path, {}).get(method.lower())
    return found if path.startswith("/api/") else None


def answer_schemas(operation: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Of every success; none where it has nothing to say."""
    good = [answer for status, answer in sorted(operation["responses"].items()) if status < "300"]
    kinds = [answer["content"]["application/json"]["schema"] for answer in good if "content" in answer]
    return [resolve(schema) for schema in kinds]


def resolve(schema: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        return resolve(DOCUMENT["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]])
    return dict(schema)


def differences(hint: Any, schema: Mapping[str, Any], where: str) -> list[str]:
    """Where a Python type and a JSON Schema do not say the same."""
    schema = resolve(schema)
    options = {text for option in options_of(schema) for text in kinds(option)}
    wanted = {text for option in union(hint) for text in python_kinds(option)}
    if options != wanted:
        return [f"{where}: the client says {sorted(wanted)}, the document {sorted(options)}"]
    found = []
    for option in options_of(schema):
        inner = counterpart(hint, option)
        if option.get("properties") and is_typed_dict(inner):
            found += different_fields(inner, option, where)
        elif option.get("type") == "array" and isinstance(option.get("items"), Mapping) and get_args(inner):
            found += differences(get_args(inner)[0], option["items"], f"{where}[]")
    return found


def counterpart(hint: Any, option: Mapping[str, Any]) -> Any:
    """What of the Python type stands for this option: of several objects the one with the same fields."""
    fitting = [one for one in union(hint) if python_kinds(one) & kinds(option)]
    named = set(option.get("properties", ()))
    return next(
        (one for one in fitting if is_typed_dict(one) and set(get_type_hints(one)) == named), fitting[0]
    )


def different_fields(kind: Any, schema: Mapping[str, Any], where: str) -> list[str]:
    hints = get_type_hints(kind)
    named = schema["properties"]
    if set(hints) != set(named):
        return [f"{where}: the client lacks {set(named) - set(hints)}, has besides {set(hints) - set(named)}"]
    required = required_of(kind)
    found = [] if required == set(schema.get("required", ())) else [f"{where}: what is required differs"]
    for name, field in named.items():
        found += differences(hints[name], field, f"{where}.{name}")
    return found


def required_of(kind: Any) -> set[str]:
    # `__required_keys__` does not see a NotRequired in annotations that are text.
    hints = get_type_hints(kind, include_extras=True)
    return {name for name in kind.__required_keys__ if get_origin(hints[name]) is not NotRequired}


def options_of(schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [resolve(option) for option in schema.get("anyOf", [schema])]


def kinds(option: Mapping[str, Any]) -> set[str]:
    if option.get("enum"):
        return {"null" if value is None else "string" for value in option["enum"]}
    if "const" in option:
        return {{bool: "boolean", str: "string"}[type(option["const"])]}
    given = option["type"]
    return set(given) if isinstance(given, list) else {given}


def union(hint: Any) -> list[Any]:
    if get_origin(hint) is Required:
        return union(get_args(hint)[0])
    return list(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else [hint]


def python_kinds(hint: Any) -> set[str]:
    origin = get_origin(hint) or hint
    if origin is Literal:
        return {"string"}
    if is_typed_dict(origin) or origin in (dict, Mapping):
        return {"object"}
    if origin in (list, Sequence):
        return {"array"}
    names = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}
    return {names[origin]}


def is_typed_dict(hint: Any) -> bool:
    return hasattr(hint, "__required_keys__")


def answered(name: str) -> Any:
    """`Webhook` of `-> Request[Webhook]`."""
    return get_args(get_type_hints(DECLARED[name].make)["return"])[0]


def test_every_operation_has_its_call() -> None:
    called = {found["operationId"] for name in DECLARED if (found := operation_of(name))}
    # One list has two addresses: client.list_deliveries(webhook_id=…).
    assert called | {"listWebhookDeliveries"} == {operation.id for operation in OPERATIONS}


@pytest.mark.parametrize("name", DECLARED)
def test_a_call_answers_what_the_document_says(name: str) -> None:
    operation = operation_of(name)
    if operation is None:
        assert name == "status"
        return
    schemas, hint = answer_schemas(operation), answered(name)
    if hint is bytes:
        return
    if not schemas:
        assert hint is type(None)
        return
    if isinstance(made(name), Listing) or get_origin(hint) is list:
        schemas = [resolve(schema["properties"]["data"]["items"]) for schema in schemas]
        hint = get_args(hint)[0] if get_origin(hint) is list else hint
    if hint is BatchResult:
        refused = DOCUMENT["components"]["schemas"]["RefusedEvent"]
        schemas = [{"type": "object", "properties": schemas[0]["properties"] | refused["properties"]}]
    found = [differences(hint, schema, name) for schema in schemas]
    assert [] in found, found


@pytest.mark.parametrize("name", DECLARED)
def test_a_call_takes_what_the_document_says(name: str) -> None:
    operation = operation_of(name)
    hints = get_type_hints(DECLARED[name].make)
    options = next((get_args(hint)[0] for hint in hints.values() if get_origin(hint) is Unpack), None)
    if operation is None or options is None:
        return
    schema = resolve(operation["requestBody"]["content"]["application/json"]["schema"])
    served = {key: field for key, field in schema["properties"].items() if is_served(field)}
    # A field may be a parameter of its own, such as the caller's number, which is then required.
    own = {key: Required[hint] for key, hint in hints.items() if key in schema["properties"]}
    hints, required = own | get_type_hints(options, include_extras=True), set(schema.get("required", ()))
    assert set(hints) == set(schema["properties"])
    assert {key for key, hint in hints.items() if get_origin(hint) is Required} == required
    found = [line for key, field in served.items() for line in differences(hints[key], field, key)]
    assert found == []


def is_served(field: Mapping[str, Any]) -> bool:
    """False for what this version refuses: the document says it can only be null, or one value."""
    options = [option for option in options_of(field) if option.get("type") != "null"]
    return any("const" not in option for option in options)


def test_a_difference_is_found() -> None:
    """The control."""
    operation = operation_of("get_webhook")
    assert operation is not None
    [schema] = answer_schemas(operation)
    hint = answered("get_webhook")
    without = {**schema, "properties": {k: v for k, v in schema["properties"].items() if k != "ordered"}}
    assert differences(hint, without, "w")
    other = {**schema, "properties": schema["properties"] | {"timeout_ms": {"type": "string"}}}
    assert differences(hint, other, "w") == [
        "w.timeout_ms: the client says ['integer'], the document ['string']"
    ]


@pytest.mark.parametrize("name", DECLARED)
def test_a_call_shows_an_example(name: str) -> None:
    doc = inspect.getdoc(DECLARED[name]) or ""
    assert f"client.{name}(" in doc


@pytest.mark.parametrize("client", [Client, AsyncClient])
def test_help_shows_what_a_call_takes_and_answers(client: type) -> None:
    shown = {
        name: pydoc.plain(pydoc.render_doc(getattr(client, name)))
        for name in ("resolve_caller", "get_webhook", "list_connectors", "delete_connector")
    }
    assert "resolve_caller(self, phone: 'str | None', **details" in shown["resolve_caller"]
    assert "get_webhook(self, webhook_id: 'str') -> Webhook\n" in shown["get_webhook"]
    assert (
        "list_connectors(self, *, limit: 'int | None' = None) -> Rows[Connector]\n"
        in shown["list_connectors"]
    )
    assert "delete_connector(self, connector_id: 'str') -> None\n" in shown["delete_connector"]


def test_a_call_taken_from_its_class_is_made_of_the_client_it_is_given() -> None:
    class Asked(Blocking):
        def send(self, request: Request[T]) -> T:
            return request.path  # type: ignore[return-value]

        def rows(self, listing: Listing[T]) -> Rows[T]:
            raise AssertionError

        def pieces(self, download: Download) -> Iterator[bytes]:
            raise AssertionError

    assert Calls.get_webhook(Asked(), "whk_1") == "/api/webhooks/whk_1"


def test_the_client_imports_nothing_of_the_server() -> None:
    code = "import sys, gateway.client; print('\\n'.join(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    names = set(loaded.stdout.split())
    assert {name for name in names if re.match(r"gateway\.(?!client)", name)} == set()
    heavy = {"sqlalchemy", "starlette", "uvicorn", "pydantic", "msgspec", "cryptography"}
    assert names & heavy == set()


def test_type_checkers_see_what_each_client_answers(tmp_path: Path) -> None:
    (tmp_path / "use.py").write_text(
        "from gateway.client import AsyncClient, Client\n"
        "def one(c: Client) -> None:\n"
        "    reveal_type(c.get_webhook('whk_1')['timeout_ms'])\n"
        "    reveal_type(next(c.list_events())['id'])\n"
        "    c.create_webhook(url='https://x', events=['*'], colour='red')\n"
        "async def two(c: AsyncClient) -> None:\n"
        "    reveal_type((await c.get_webhook('whk_1'))['timeout_ms'])\n"
        "    async for event in c.list_events(type='a.b'):\n"
        "        reveal_type(event['deliveries'])\n"
        "    c.get_webhook(1)\n"
    )
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path}", "use.py"],
        cwd=tmp_path, capture_output=True, text=True, env={"MYPYPATH": str(ROOT), "PATH": ""}, check=False,
    )  # fmt: skip
    said = re.findall(r"use\.py:(\d+): (\w+): (.*)", checked.stdout)
    found = {int(line): text for line, _, text in said}
    assert {line: found[line] for line in (3, 4, 7, 9)} == {
        3: 'Revealed type is "int"',
        4: 'Revealed type is "str"',
        7: 'Revealed type is "int"',
        9: 'Revealed type is "int"',
    }
    assert "colour" in found[5]
    assert "incompatible type" in found[10]
