"""How answers look: tables for people, JSON for programs, and nothing that could steer the terminal."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

Json = dict[str, Any]
Row = Mapping[str, Any]

_PART = re.compile(r'"(?:\\.|[^"\\])*"|[{}\[\],:]|[^\s{}\[\],:"]+')
_GAP = 2  # between two columns on a terminal
_ELASTIC_WIDTH = 20  # what an elastic column keeps at least
_MOMENT = re.compile(r"([0-9]{4})-([0-9]{2}-[0-9]{2})T([0-9]{2}:[0-9]{2})(:[0-9]{2})\.[0-9]+Z\Z")


@dataclass(frozen=True)
class Column:
    """One column of a table. On a terminal too narrow for all of them, those of the highest rank go first;
    an elastic one may be cut with an ellipsis, all others are shown whole or not at all."""

    title: str
    read: Callable[[Row], object]
    rank: int = 0
    elastic: bool = False


def clean(text: str) -> str:
    """`text` with control characters written out: receivers' answers are not ours to trust."""
    return "".join(c if c.isprintable() or c in "\n\t" else repr(c)[1:-1] for c in text)


def show_bytes(pieces: Iterable[bytes]) -> None:
    """Writes a file to standard output as it comes, all of it: with PYTHONUNBUFFERED, which containers often
    set, a single write ends with what the pipe took."""
    sys.stdout.flush()
    output = sys.stdout.buffer
    for piece in pieces:
        rest = memoryview(piece)
        while rest:
            rest = rest[output.write(rest) :]
    output.flush()


def show_json(value: object) -> None:
    """Any value as indented JSON; bytes are an answer of the API and keep their numbers as written."""
    text = indent(value.decode()) if isinstance(value, bytes) else json.dumps(value, indent=2)
    show_bytes((text.encode(), b"\n"))


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


def show_table(rows: Iterable[Row], columns: Sequence[Column]) -> None:
    """One line per row: fitted to a terminal, complete in a pipe."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    found = list(rows)
    if not found:
        click.echo("nothing found", err=True)
        return
    print_table(found, columns, width)


def print_table(rows: Sequence[Row], columns: Sequence[Column], width: int | None) -> None:
    """Without a `width`, every column with its full times. Cells are shown as they are: no markup, no colour
    codes out of data."""
    from rich.box import SIMPLE_HEAD
    from rich.cells import cell_len
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    cells = [[cell(column.read(row)) for row in rows] for column in columns]
    if width is not None:
        this_year = time.strftime("%Y", time.gmtime())
        cells = [[short_time(text, this_year) for text in entries] for entries in cells]
    natural = [
        max(map(cell_len, [column.title, *entries])) for column, entries in zip(columns, cells, strict=True)
    ]
    empty = {index for index, entries in enumerate(cells) if all(text == "-" for text in entries)}
    widths = dict(fit(columns, natural, empty, width) if width is not None else enumerate(natural))
    room = sum(widths.values()) + _GAP * len(widths)
    padding = (0, _GAP - 1, 0, 0)  # the divider is one more
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=padding)
    for index, fitted in widths.items():
        table.add_column(columns[index].title, no_wrap=True, width=fitted, overflow="ellipsis")
    for number in range(len(rows)):
        table.add_row(*(Text(cells[index][number]) for index in widths))
    console = Console(file=sys.stdout, width=room, highlight=False)
    console.print(table)


def fit(
    columns: Sequence[Column], natural: Sequence[int], empty: set[int], width: int
) -> list[tuple[int, int]]:
    """Which columns go into `width`, in their order, and how wide each is. Those of rank 0 always do; one
    that has nothing to say comes last."""
    least = [
        min(own, _ELASTIC_WIDTH) if column.elastic else own
        for column, own in zip(columns, natural, strict=True)
    ]
    order = sorted(range(len(columns)), key=lambda index: (index in empty, columns[index].rank))
    chosen: list[int] = []
    left = width + _GAP
    for index in order:
        if columns[index].rank == 0 or least[index] + _GAP <= left:
            chosen.append(index)
            left -= least[index] + _GAP
    widths = {index: least[index] for index in chosen}
    for index in chosen:
        more = max(0, min(natural[index] - least[index], left))
        widths[index] += more
        left -= more
    return sorted(widths.items())


def short_time(text: str, this_year: str) -> str:
    """`11-20 23:48:21` for a time in UTC, `2025-11-20 23:48` for one of another year; other text as it is."""
    found = _MOMENT.match(text)
    if not found:
        return text
    year, day, minute, second = found.groups()
    return f"{day} {minute}{second}" if year == this_year else f"{year}-{day} {minute}"


def show_fields(row: Row, skip: Iterable[str] = ()) -> None:
    """One object as `name  value` lines."""
    names = [name for name in row if name not in set(skip)]
    width = max((len(name) for name in names), default=0)
    for name in names:
        value = row[name]
        lines = cell(value).splitlines() or ["-"]
        click.echo(f"{name:<{width}}  {lines[0]}")
        for line in lines[1:]:
            click.echo(f"{'':<{width}}  {line}")


def show_warnings(answer: Row) -> None:
    """What the gateway took and thinks was not meant, on standard error."""
    for warning in answer.get("warnings") or ():
        click.echo(clean(f"Warning: {warning['message']}"), err=True)


def cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)) and all(isinstance(item, str) for item in value):
        return clean(", ".join(value)) or "-"
    return clean(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def member(*path: str) -> Callable[[Row], object]:
    """Reads `row[a][b]…`; None when a step is missing."""

    def read(row: Row) -> object:
        value: object = row
        for name in path:
            value = value.get(name) if isinstance(value, dict) else None
        return value

    return read
