"""`docs/api.md` holds every operation, with role, scope, filters and an example, and every error."""

from __future__ import annotations

import re

import pytest

from gateway.domain.connector import ConnectorCreate
from gateway.domain.webhook import WebhookCreate
from gateway.web.api import OPERATIONS, SIGNED
from gateway.web.openapi.document import build
from gateway.web.openapi.errors import CODES
from gateway.web.operation import Operation
from tests.docs.pages import DOCS

PAGE = (DOCS / "api.md").read_text("utf-8")


def sections() -> dict[str, str]:
    """Heading, such as `GET /api/events` → the text below it."""
    parts = re.split(r"^### `(.+)`$", PAGE, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (text.split("\n## ")[0] for text in parts[1::2]), strict=True))


def named(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def test_the_page_has_every_operation_and_no_other() -> None:
    assert set(sections()) == {named(operation) for operation in (*OPERATIONS, *SIGNED)}


@pytest.mark.parametrize("operation", OPERATIONS, ids=named)
def test_an_operation_is_explained(operation: Operation) -> None:
    text = " ".join(sections()[named(operation)].split())
    assert f"ole *{operation.role}*" in text
    assert f"scope `{operation.scope}`" in text
    for name in set(operation.query) - {"limit", "cursor", "order"}:
        assert f"`{name}`" in text, name


@pytest.mark.parametrize("operation", [*OPERATIONS, *SIGNED], ids=named)
def test_an_operation_has_an_example(operation: Operation) -> None:
    example = re.search(r"```sh\n(.+?)```", sections()[named(operation)], re.DOTALL)
    assert example is not None
    address = re.sub(r"\{\w+\}", "$", operation.path)
    said = re.sub(r"\$[A-Z]+", "$", example[1].replace("$HUM_GATEWAY_URL", ""))
    assert re.search(rf'"{re.escape(address)}["?]', said), said
    method = re.search(r"-X (\w+)", said)
    assert (method[1] if method else "POST" if " -d " in said else "GET") == operation.method


def test_every_field_of_a_webhook_is_explained() -> None:
    rows = [
        line.split("|")[1] for line in sections()["POST /api/webhooks"].splitlines() if line.startswith("| `")
    ]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(WebhookCreate.model_fields)


def test_every_field_of_a_connector_is_explained() -> None:
    table = sections()["POST /api/connectors"].splitlines()
    rows = [line.split("|")[1] for line in table if line.startswith("| `")]
    assert set(re.findall(r"`(\w+)`", " ".join(rows))) == set(ConnectorCreate.model_fields)


def test_every_error_is_in_the_table_under_its_status() -> None:
    table = PAGE.split("| status | `error` |")[1].split("\n\n")[0]
    found = set()
    for row in table.splitlines()[2:]:
        statuses, errors = row.strip("|").split("|", 1)
        known = {int(status) for status in statuses.split(",")}
        for code in re.findall(r"`([a-z_]+)`", errors):
            if code in CODES:
                assert CODES[code].status in known, row
                found.add(code)
    assert found == set(CODES)


def test_every_open_address_is_named() -> None:
    named = PAGE.split("**Open without a key:**")[1].split("\n\n")[0]
    for path, item in build()["paths"].items():
        if item.get("get", {}).get("security") != [{"apiKey": []}] and "get" in item:
            assert f"`GET {path}`" in named
