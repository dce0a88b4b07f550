"""`docs/write-a-connector.md`: whoever follows it arrives, and its tables name what there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import click
import httpx
import pytest

from connectors import cli, registry
from connectors.beginning import begin
from connectors.kit import failures, ledger, server, signing, verify
from connectors.kit.trial import Trial
from tests.docs.pages import DOCS

pytestmark = pytest.mark.anyio

PAGE = (DOCS / "write-a-connector.md").read_text("utf-8")
LOOKUP, IMPORTS, METHODS, REAL = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
SHELL = "\n".join(re.findall(r"```sh\n(.+?)```", PAGE, re.DOTALL))
SENT = re.findall(r"hum-connector send http\S+ (\S+) '(.+?)' --secret-env", SHELL)


@pytest.fixture
def begun(tmp_path: Path) -> Path:
    begin("acme", tmp_path)
    return tmp_path / "connector.py"


def test_the_lookup_that_is_shown_is_the_one_that_was_begun(begun: Path) -> None:
    shown = "".join(f"    {line}" if line.strip() else line for line in LOOKUP.splitlines(keepends=True))
    assert shown in begun.read_text()


async def test_the_way_from_nothing_to_a_logged_call(begun: Path) -> None:
    text = begun.read_text()
    first = "from connectors.kit.contract import Contact\nfrom connectors.kit.phones import Phone\n"
    assert first in text
    _, added = METHODS.split("...  # what is there already\n")
    begun.write_text(text.replace(first, IMPORTS) + added)
    kind = registry.find(str(begun))
    answers = []
    async with Trial(registry.make(kind, {})) as hum:
        for event, body in SENT:
            answers.append(await hum.send(event, json.loads(body)))
    looked_up, created, logged, updated = answers
    assert looked_up.body == json.loads(re.findall(r"```json\n(.+?)```", PAGE, re.DOTALL)[0])
    assert (created.status, created.body["contact"]["id"]) == (201, "5")
    assert logged.body["activity_id"] == updated.body["activity_id"]
    calls: dict[str, Any] = __import__(kind.__module__).CALLS
    assert list(calls.values()) == [("call_1", "Summary\nA later appointment")]


async def test_the_connector_of_a_real_crm(begun: Path) -> None:
    asked = []

    def crm(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if request.url.path == "/me":
            return httpx.Response(200, json={"scopes": []})
        row = {"id": 7, "name": "Ann", "email": None, "link": "https://crm.example/7", "created_at": "2024"}
        return httpx.Response(200, json={"contacts": [row | {"phone": None, "mobile": "317-555-0142"}]})

    head = begun.read_text().split("# These stand in")[0]
    begun.write_text(head + REAL.replace("timeout=10", "timeout=10, transport=httpx.MockTransport(CRM)"))
    kind = registry.find(str(begun))
    __import__(kind.__module__).CRM = crm
    with pytest.raises(registry.NoConnector, match="ACME_URL must begin with https"):
        registry.make(kind, {"ACME_URL": "http://crm", "ACME_TOKEN": "t"})
    made = registry.make(kind, {"ACME_URL": "https://crm.example", "ACME_TOKEN": "t"})
    async with Trial(made) as hum:
        found = await hum.lookup("+13175550142")
        refused = await hum.ping()
    assert (found.body["contact"]["id"], found.body["match"]) == ("7", "suffix")
    assert (refused.status, refused.body["error"]) == (502, "crm_refused")
    assert b"phone=%2B13175550142&" in asked[0].url.query  # a bare + would be a space


def test_every_command_and_option_is_named() -> None:
    for name, command in cli.main.commands.items():
        assert f"`hum-connector {name}" in PAGE
        for option in (param for param in command.params if isinstance(param, click.Option)):
            assert any(f"`{spelling}`" in PAGE for spelling in option.opts), f"{name} {option.opts}"


def test_the_commands_that_are_shown_can_be_understood() -> None:
    for words in re.findall(r"hum-connector ([^`\n]+?)(?: &)?$", SHELL, re.MULTILINE):
        name, *rest = words.split()
        command = cli.main.commands.get(name)
        if command is None:
            assert name == "check"
            continue
        known = {spelling for param in command.params for spelling in param.opts}
        assert {word for word in rest if word.startswith("--")} <= known, words


def test_every_failure_and_reason_is_named() -> None:
    for kind in (failures.Unavailable, failures.RateLimited, failures.Refused):
        assert f"{kind.__name__}(" in PAGE
        assert f"{kind.status} `{kind.code}`" in PAGE
    for reason in verify.REASONS:
        assert f"`{reason}`" in PAGE
    source = "".join(path.read_text() for path in Path(server.__file__).parent.glob("*.py"))
    for code in re.findall(r'Problem\(\s*\d+, "(\w+)"', source):
        assert f"`{code}`" in PAGE, code


def test_the_times_are_those_of_the_code() -> None:
    assert f"{ledger.CALLS_KEPT // 86_400} days" in PAGE
    assert ledger.CREATIONS_KEPT == 86_400
    assert f"{server.LONGEST:.0f} seconds" in PAGE
    assert f"{verify.TOLERANCE} seconds" in PAGE
    assert set(signing.PATHS) >= {event for event, _ in SENT}
