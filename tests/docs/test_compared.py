"""`docs/compared.md`: every row names tests that exist, and everything said of others names its source."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.docs.pages import DOCS

CITED = r"\[([A-Z][0-9]?)\]"
ROOT = Path(__file__).parents[2]
PAGE = (DOCS / "compared.md").read_text("utf-8")
UNKNOWN = (
    "not documented", "not looked up", "hosted", "cannot be hosted", "source not open",
    "receives events only",
)  # fmt: skip


def rows() -> list[list[str]]:
    table = PAGE.split("## Sources")[0]
    lines = [line for line in table.splitlines() if line.startswith("| **")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def sources() -> set[str]:
    return set(re.findall(r"^\| \[([A-Z][0-9]?)\] \| .+ \|$", PAGE.split("## Sources")[1], re.MULTILINE))


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


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].strip("*"))
def test_a_row_names_tests_that_exist(row: list[str]) -> None:
    named = re.findall(r"`(tests/[^`]+)`", row[2])
    assert named
    assert [name for name in named if not exists(name)] == []


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0].strip("*"))
def test_what_is_said_of_others_names_its_source(row: list[str]) -> None:
    assert len(row) == 9
    for cell in row[3:]:
        cited = set(re.findall(CITED, cell))
        assert cited <= sources(), cell
        assert cited or cell.startswith(UNKNOWN) or "not looked up" in cell, cell


def test_every_source_is_used() -> None:
    assert {found for row in rows() for cell in row for found in re.findall(CITED, cell)} == sources()


def test_a_test_that_is_not_there_is_noticed() -> None:
    """The control."""
    assert exists("tests/docs/test_compared.py::test_every_source_is_used")
    assert not exists("tests/docs/test_compared.py::test_of_nothing")
    assert not exists("tests/docs/test_nothing.py::test_every_source_is_used")
