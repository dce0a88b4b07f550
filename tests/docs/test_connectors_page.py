"""`docs/connectors.md`: its example works against a gateway, and its tables hold what there is."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.crm import answers
from gateway.domain.connector import PATHS, ConnectorCreate
from gateway.domain.delivery import Reason
from tests.docs.pages import DOCS
from tests.support.served import Served, serving

PAGE = (DOCS / "connectors.md").read_text("utf-8")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path: Path = tmp_path_factory.mktemp("db") / "gateway.db"
    with serving(f"sqlite:///{path}") as found:
        yield found


def test_the_example_of_changes_works(served: Served) -> None:
    made = served.run(served.node.connector("https://bridge.example.com"))
    (example,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    names = {"secret": made["secret"], "connector_id": made["id"], "gateway": served.url}
    exec(compile(example, "docs/connectors.md", "exec"), names)  # raises unless it is taken
    [row] = served.run(_log(served, made["id"]))
    assert (row["kind"], row["status_code"]) == ("changes", 202)


async def _log(served: Served, connector_id: str) -> list[dict[str, object]]:
    answer = await served.node.call("GET", f"/api/connectors/{connector_id}/requests")
    found: list[dict[str, object]] = answer.json()["data"]
    return found


@pytest.mark.skipif(shutil.which("openssl") is None or shutil.which("curl") is None, reason="needs both")
def test_the_example_of_the_shell_works(served: Served) -> None:
    made = served.run(served.node.connector("https://bridge.example.com", secret="a secret of ours"))
    section = (DOCS / "api.md").read_text("utf-8").split("### `POST /api/connectors/{id}/changes`")[1]
    (example,) = re.findall(r"```sh\n(.+?)```", section.split("\n## ")[0], re.DOTALL)
    environ = {"HUM_GATEWAY_URL": served.url, "CONNECTOR": made["id"], "SECRET": "a secret of ours"}
    done = subprocess.run(
        ["bash", "-c", example], capture_output=True, text=True, check=True,
        env=environ | {"PATH": "/usr/local/bin:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout == '{"dropped":0}'


def failures() -> set[str]:
    """Every word that `crm.answers` gives a failure, read from its source."""
    tree = ast.parse(Path(answers.__file__).read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
    return {
        str(first.value)
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id == "Failed"
        for first in node.args[:1]
        if isinstance(first, ast.Constant)
    }


def test_every_error_of_a_connector_has_its_advice() -> None:
    assert len(failures()) >= 6
    rows = " ".join(line.split("|")[1] for line in PAGE.splitlines() if line.startswith("| `"))
    assert {word for word in failures() if f"`{word}`" not in rows} == set()


def test_every_reason_not_to_send_a_call_is_explained() -> None:
    of_calls = set(Reason) - {Reason.EXHAUSTED, Reason.EXPIRED}
    assert all(f"| `{reason.value}` |" in PAGE for reason in of_calls)


def test_every_request_and_setting_is_named() -> None:
    assert all(path in PAGE and f"`{event}`" in PAGE for event, path in PATHS.items())
    assert all(f"`{name}`" in PAGE for name in set(ConnectorCreate.model_fields) - {"name", "base_url"} - {
        "secret", "enabled",
    })  # fmt: skip
