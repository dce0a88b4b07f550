"""`docs/compared.md`: our rows name tests that exist, what is said of others a source that can be checked."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

CITED = r"\[([A-Z][0-9]{1,2})\]"
CODE = r"`[\w.-]+/[\w.-]+`: .*`[\w./-]+`, [0-9a-f]{12}( and [0-9a-f]{12})?$"
FURTHER = "## Where others are further"
ROOT = Path(__file__).parents[2]
PAGE = (DOCS / "compared.md").read_text("utf-8")
BODY, LISTED = PAGE.split("\n## Sources\n")
UNKNOWN = (
    "not documented", "not found", "hosted", "cannot be hosted", "source not open", "receives events only",
)  # fmt: skip


def rows(text: str, columns: int) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| **")]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [row for row in cells if len(row) == columns]


def title(row: list[str]) -> str:
    return row[0].strip("*")


def sources() -> dict[str, str]:
    return dict(re.findall(rf"^\| {CITED} \| (.+) \|$", LISTED, re.MULTILINE))


def exists(name: str) -> bool:
    """Whether a test, `path::function`, or a file of tests is there."""
    path, _, function = name.partition("::")
    file = ROOT / path
    if not file.is_file():
        return False
    if not function:
        return True
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return any(isinstance(node, kinds) and node.name == function for node in ast.parse(file.read_text()).body)


OURS, OTHERS = BODY.split(FURTHER)
BESIDE, ALONE, AHEAD = rows(OURS, 9), rows(OURS, 3), rows(OTHERS, 3)


@pytest.mark.parametrize("row", BESIDE + ALONE, ids=title)
def test_a_row_names_tests_that_exist(row: list[str]) -> None:
    named = re.findall(r"`(tests/[^`]+)`", row[2])
    assert named
    assert [name for name in named if not exists(name)] == []


@pytest.mark.parametrize("row", BESIDE, ids=title)
def test_what_is_said_of_others_names_its_source(row: list[str]) -> None:
    for cell in row[3:]:
        cited = set(re.findall(CITED, cell))
        assert cited <= sources().keys(), cell
        assert cited or cell in UNKNOWN, cell


@pytest.mark.parametrize("row", AHEAD, ids=title)
def test_where_others_are_further_names_its_source_and_what_is_here(row: list[str]) -> None:
    cited = set(re.findall(CITED, row[1]))
    assert cited and cited <= sources().keys()
    assert row[2]


def test_every_row_has_the_columns_of_its_table() -> None:
    assert len(BESIDE) + len(ALONE) + len(AHEAD) == len(re.findall(r"^\| \*\*", PAGE, re.MULTILINE))


def test_nothing_is_left_to_be_looked_up() -> None:
    assert "not looked up" not in PAGE


def test_every_source_is_used() -> None:
    assert set(re.findall(CITED, BODY)) == sources().keys()


def test_code_is_named_by_repository_path_and_commit() -> None:
    code = {mark: text for mark, text in sources().items() if mark.startswith("R")}
    assert code
    assert {mark: text for mark, text in code.items() if not re.match(CODE, text)} == {}


def test_a_test_that_is_not_there_is_noticed() -> None:
    """The control."""
    assert exists("tests/docs/test_compared.py::test_every_source_is_used")
    assert not exists("tests/docs/test_compared.py::test_of_nothing")
    assert not exists("tests/docs/test_nothing.py::test_every_source_is_used")
