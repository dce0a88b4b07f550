"""`docs/callers.md`, `docs/contacts.md` and what other pages show of callers: examples run against a gateway,
commands exist, and the tables hold what there is."""

from __future__ import annotations

import ast
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from gateway.cli import main
from gateway.domain import caller_fields, context, context_template, lookup_breaker
from gateway.domain.number_lookup import DEFAULT_BUDGET
from gateway.lookup import answers
from tests.docs.pages import DOCS
from tests.support.served import Served, serving

PAGE = (DOCS / "callers.md").read_text("utf-8")
README = DOCS.parent / "README.md"
PAGES = [DOCS / name for name in ("callers.md", "contacts.md", "connectors.md", "operate.md", "privacy.md")]
PHONE = "+13175550142"
KNOWN = {
    "name": "Ada Example", "company": "Example Ltd", "notes": "Prefers mornings.", "fields": {"plan": "gold"},
}  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    path: Path = tmp_path_factory.mktemp("db") / "gateway.db"
    with serving(f"sqlite:///{path}") as found:
        yield found


def section(title: str) -> str:
    """The text below a heading, up to the next one of its level or a higher one."""
    head = re.search(rf"^(#+) {re.escape(title)}\n", PAGE, re.MULTILINE)
    assert head is not None, title
    return re.split(rf"^#{{2,{len(head[1])}}} ", PAGE[head.end() :], flags=re.MULTILINE)[0]


def call(served: Served, method: str, path: str, **body: Any) -> Any:
    answer = served.run(served.node.call(method, path, json=body))
    assert answer.status_code < 300, answer.text
    return answer.json()


def shell(served: Served, script: str) -> str:
    """What a block of commands prints; raises unless all of them end well."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    key = served.run(served.node.new_key("admin"))
    environ = os.environ | {"PATH": path, "HUM_GATEWAY_URL": served.url, "HUM_GATEWAY_KEY": key}
    done = subprocess.run(
        ["bash", "-e", "-c", script], env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_the_commands_of_the_context_run(served: Served) -> None:
    call(served, "PUT", f"/api/contacts/{PHONE}", **KNOWN)
    chosen, preview = re.findall(r"```sh\n(.+?)```", section("The context"), re.DOTALL)
    assert re.search(r"caller_fields A +name, company, .*notes, fields.plan", shell(served, chosen))
    of_number, of_values = shell(served, preview).split("# Caller Context")[1:]
    assert "attestation: B\nname: Ada Example\n" in of_number and "Prefers" not in of_number
    assert "Caller: Ada Example of Example Ltd" in of_values


def test_the_template_says_what_the_page_says_of_it(served: Served) -> None:
    (template,) = re.findall(r"```text\n(.+?)```", section("In an organization's own words"), re.DOTALL)
    call(served, "PATCH", "/api/organizations/acme", context_template=template.rstrip("\n"))

    def told(**values: Any) -> list[str]:
        shown = call(
            served, "POST", "/api/callers/preview", caller_fields={"A": ["name", "company", "notes"]},
            attestation="A", **values,
        )  # fmt: skip
        lines: list[str] = shown["context"].splitlines()
        return lines[lines.index("```") + 1 : -1]

    assert told(contact={"name": "Ada", "company": "Example Ltd", "notes": "vip"}) == [
        "Caller: Ada of Example Ltd", "Notes: vip",
    ]  # fmt: skip
    assert told(contact={"name": "Ada"}) == ["Caller: Ada"]
    assert "Nobody knows this number." in told(phone="+13175550199")
    assert told(phone="anonymous") == ["We could not find out who this is."]
    call(served, "PATCH", "/api/organizations/acme", context_template=None, caller_fields=None)


@pytest.mark.parametrize(
    "place", [README, DOCS / "callers.md", DOCS.parent / "gateway" / "web" / "openapi" / "samples.py"]
)
def test_no_example_calls_a_caller_unknown_to_nobody_a_stranger(place: Path) -> None:
    """`{{^found}}` with words in it stands there too when a CRM hung; only the explanation names it."""
    text = place.read_text("utf-8")
    assert set(re.findall(r"\{\{\^found\}\}(.*?)\{\{/found", text)) <= {"…"}
    assert text.count("{{#unknown}}We could not find out who this is.{{/unknown}}") == 1


def test_every_word_of_templates_is_in_the_table() -> None:
    text = section("In an organization's own words")
    assert all(f"`{word}`" in text for word in context_template.ALWAYS)
    assert all(word in text for word in context_template.FLAGS)
    usual = section("The context").split("Without a choice every level shows")[1].split(".")[0]
    assert tuple(re.findall(r"`(\w+)`", usual)) == caller_fields.USUAL


def test_the_numbers_on_the_page_hold() -> None:
    own_words, whole = section("In an organization's own words"), " ".join(PAGE.split())
    assert f"At most {context_template.MOST_TEMPLATE:,} characters and {context_template.MOST_TAGS} tags" in (
        " ".join(own_words.split())
    )
    assert f"line of at most {context.MOST_VALUE} characters" in whole
    assert f"the block has at most {context.MOST_BLOCK:,} characters" in whole
    assert f"`lookup_budget`: {DEFAULT_BUDGET:,} where it has set nothing" in whole
    assert (lookup_breaker.IN_A_ROW, lookup_breaker.OF_WINDOW, lookup_breaker.WINDOW) == (5, 10, 20)
    assert "after five failures in a row, or ten among the last twenty" in whole


def test_every_error_of_a_lookup_is_in_its_table() -> None:
    tree = ast.parse(Path(answers.__file__).read_text("utf-8"))
    failed = [
        first.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Failed"
        for first in node.args[:1]
        if isinstance(first, ast.Constant)
    ]
    assert len(failed) >= 6
    rows = " ".join(line.split("|")[1] for line in section("Lookups of numbers").splitlines() if "|" in line)
    assert {word for word in failed if f"`{word}`" not in rows} == set()


def commands(page: Path) -> list[str]:
    """The commands in the page's shell blocks, one a line, without what the shell does with them."""
    blocks = re.findall(r"```sh\n(.+?)```", page.read_text("utf-8"), re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("  #")[0] for line in lines if re.match(r"hum-gateway [a-z]", line)]


@pytest.mark.parametrize("page", [README, *PAGES], ids=lambda page: page.name)
def test_the_commands_of_a_page_exist_with_their_options(page: Path) -> None:
    found = commands(page)
    assert found
    for line in found:
        words = shlex.split(line.replace("<<'END'", ""))[1:]
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for param in command.params for option in param.opts + param.secondary_opts}
        given = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert given <= options, (line, given - options)
