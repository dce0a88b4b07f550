"""The connector in memory: small, complete, and what its README promises."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

from connectors import registry
from connectors.kit.trial import Trial
from connectors.memory import connector
from connectors.memory.connector import MemoryConnector

pytestmark = pytest.mark.anyio

SOURCE = Path(connector.__file__)
README = (SOURCE.parent / "README.md").read_text("utf-8")


def test_it_stays_small_and_complete() -> None:
    assert len(SOURCE.read_text("utf-8").splitlines()) <= 60
    (kind,) = (node for node in ast.parse(SOURCE.read_text("utf-8")).body if isinstance(node, ast.ClassDef))
    filled_in = {node.name for node in kind.body if isinstance(node, ast.AsyncFunctionDef)}
    assert filled_in >= {"lookup", "create", "log_call", "find_call", "ping"}


async def test_the_way_in_its_readme(tmp_path: Path) -> None:
    (seed,) = re.findall(r"echo '(.+)' > contacts.json", README)
    (tmp_path / "contacts.json").write_text(seed)
    made = registry.make(MemoryConnector, {"MEMORY_SEED": str(tmp_path / "contacts.json")})
    sent = re.findall(r"hum-connector send http\S+ (\S+) '(.+?)' --secret-env", README)
    async with Trial(made) as hum:
        found, created, logged = [await hum.send(event, json.loads(body)) for event, body in sent]
    assert found.body["contact"]["name"] == "Ann Example"
    assert created.status == 201
    assert logged.body["activity_id"]


async def test_what_it_was_told_is_there() -> None:
    memory = MemoryConnector()
    async with Trial(memory) as hum:
        created = await hum.create("+13175550188", "Ben Example", "ben@example.com")
        contact = {"id": created.body["contact"]["id"]}
        logged = await hum.log_call({"id": "call_1", "revision": 1, "status": "missed"}, contact)
        again = await hum.log_call({"id": "call_1", "revision": 2, "status": "completed"}, contact)
    assert logged.body == again.body
    call, known = memory.calls[logged.body["activity_id"]]
    assert known is not None
    assert (call.status, known.id, len(memory.calls)) == ("completed", contact["id"], 1)


def test_it_begins_with_nobody() -> None:
    made = registry.make(MemoryConnector, {})
    assert isinstance(made, MemoryConnector)
    assert made.contacts == {}
