"""`docs/client.md`: its examples run against a gateway, and its tables name what there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import client as package
from gateway.client import GatewayError, Retry
from gateway.web.api import OPERATIONS
from tests.docs.calls import page, table
from tests.docs.pages import DOCS
from tests.support.served import Served, serving

PAGE = (DOCS / "client.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path: Path = tmp_path_factory.mktemp("db") / "gateway.db"
    with serving(f"sqlite:///{path}") as found:
        yield found


def test_the_examples_run_one_after_the_other(
    served: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HUM_GATEWAY_URL", served.url)
    monkeypatch.setenv("HUM_GATEWAY_KEY", served.run(served.node.new_key("admin")))
    names: dict[str, object] = {"__name__": "page"}
    for example in EXAMPLES:
        exec(compile(example, "docs/client.md", "exec"), names)
    said = capsys.readouterr().out
    assert "whsec_" in said
    assert "is owed to 1" in said
    assert "'field': 'events[0]'" in said
    assert "not_found req_" in said
    assert len(re.findall(r"^evt_\w+$", said, re.MULTILINE)) == 3


def test_every_error_is_in_the_table() -> None:
    kinds = [getattr(package, name) for name in package.__all__]
    errors = {kind.__name__ for kind in kinds if isinstance(kind, type) and issubclass(kind, GatewayError)}
    assert all(f"`{name}`" in PAGE for name in errors)


def test_the_table_of_operations_is_current() -> None:
    assert page() == PAGE, "run: python -m tests.docs.calls"


def test_every_operation_has_a_method_and_is_named() -> None:
    rows = [line.split(" | ") for line in table().splitlines() if line.startswith("| [")]
    assert len(rows) == len(OPERATIONS)
    assert [cells[0] for cells in rows if not cells[1].strip()] == []


def test_the_table_names_the_commands() -> None:
    by_operation = {line.split("`")[1]: line for line in table().splitlines() if line.startswith("| [")}
    for operation, command in (
        ("POST /api/webhooks/{id}/redeliver", "`webhooks redeliver`"),
        ("GET /api/webhooks/{id}/deliveries", "`deliveries list --webhook`"),
        ("POST /api/keys", "`keys create --remote`"),
        ("POST /api/callers/resolve", "`callers resolve`"),
        ("GET /api/events/{id}", "`events get`"),
    ):
        assert command in by_operation[operation]


def test_the_defaults_are_those_of_the_code() -> None:
    (written,) = re.findall(r"patient = (Retry\(.+\))", PAGE)
    assert eval(written, {"Retry": Retry}) == Retry()
