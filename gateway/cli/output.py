"""How answers look: tables for people, JSON for programs, and nothing that could steer the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

Json = dict[str, Any]
Column = tuple[str, Callable[[Json], object]]

_PART = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_PIPE_WIDTH = 400  # columns when nobody watches: rows must not be wrapped for grep


def clean(text: str) -> str:
    """`text` with control characters written out: receivers' answers are not ours to trust."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def show_json(value: object) -> None:
    """Any value as indented JSON; bytes are an answer of the API and keep their numbers as written."""
    click.echo(indent(value.decode()) if isinstance(value, bytes) else json.dumps(value, indent=2))


def indent(text: str) -> str:
    """JSON text laid out in lines, every token as it was: `1.10` stays `1.10`. `text` must be valid JSON."""
    out: list[str] = []
    depth = 0
    before = ""
    for part in _PART.findall(text):
        opened, closes = before in ("{", "["), part in ("}", "]")
        depth -= closes
        if before == "," or opened != closes:  # `{}` and `[]` stay together
            out.append("\n" + "  " * depth)
        out.append(": " if part == ":" else _escaped(part))
        depth += part in ("{", "[")
        before = part
    return "".join(out)


def _escaped(part: str) -> str:
    # Written as \u…: still the same JSON, and nothing that could steer the terminal.
    return (
        part if part.isprintable() else "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in part)
    )


def show_table(rows: Iterable[Json], columns: Sequence[Column]) -> None:
    """One line per row. Cells are shown as they are: no markup, no colour codes out of data."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for title, _ in columns:
        table.add_column(title, no_wrap=title == "id", overflow="fold")
    empty = True
    for row in rows:
        empty = False
        table.add_row(*(Text(cell(read(row))) for _, read in columns))
    if empty:
        click.echo("nothing found", err=True)
        return
    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
    console.print(table)


def show_fields(row: Json, skip: Iterable[str] = ()) -> None:
    """One object as `name  value` lines."""
    names = [name for name in row if name not in set(skip)]
    width = max((len(name) for name in names), default=0)
    for name in names:
        value = row[name]
        lines = cell(value).splitlines() or ["-"]
        click.echo(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':<{width}}  {line}")


def cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return clean(", ".join(value)) or "-"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def member(*path: str) -> Callable[[Json], object]:
    """Reads `row[a][b]…`; None when a step is missing."""

    def read(row: Json) -> object:
        value: object = row
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read
