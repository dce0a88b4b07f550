"""The report on a terminal, or in a log: groups, failures in full, what was skipped and why, what is left."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from connectors.kit.conformance.catalogue import GROUPS
from connectors.kit.conformance.report import Failure, Report, Result, Shown

_LABEL: Final = 10  # characters


def show(console: Console, report: Report) -> None:
    """Prints it all. Texts of the connector go out as they are, without markup and control characters."""
    console.print(_heading(report))
    console.print(_groups(report))
    for note in report.notes:
        console.print(Text(note, "yellow"), soft_wrap=True)
    for result in report.failures:
        _show_failure(console, result)
    _show_skipped(console, report)
    _show_left(console, report)
    console.print()
    console.print(_verdict(report), soft_wrap=True)


def _heading(report: Report) -> Text:
    writes = "writes allowed" if report.allow_writes else "no writes"
    return Text.assemble(
        ("HUM conformance check  ", "bold"),
        printable(report.url),
        f"\nprofile {report.profile}, mode {report.mode}, {writes}",
    )


def _groups(report: Report) -> RenderableType:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("group")
    table.add_column("about")
    for title in ("passed", "failed", "skipped"):
        table.add_column(title, justify="right")
    for group in GROUPS:
        own = [result for result in report.results if result.check in group.checks]
        if own:
            counts = [
                sum(result.status == status for result in own) for status in ("passed", "failed", "skipped")
            ]
            failed = Text(str(counts[1] or "-"), "bold red" if counts[1] else "")
            table.add_row(group.code, group.title, str(counts[0] or "-"), failed, str(counts[2] or "-"))
    return Padding(table, (1, 0))


def _show_failure(console: Console, result: Result) -> None:
    """In columns on a terminal. In a log or a file every line stays whole, so that it can be searched for."""
    assert result.failure is not None
    head = Text.assemble(("FAILED ", "bold red"), (result.check.id, "bold"), f"  {result.check.title}")
    parts = list(_parts(result.check.rule, result.failure))
    if console.is_terminal:
        console.print(Padding(Group(head, *(_line(*part) for part in parts)), (0, 0, 1, 0)))
        return
    console.print(head, soft_wrap=True)
    for label, text in parts:
        said = textwrap.indent(printable(text), " " * (_LABEL + 1)).lstrip(" ")
        console.print(Text(f"{f'  {label}':<{_LABEL}} {said}"), soft_wrap=True)
    console.print()


def _parts(rule: str, failure: Failure) -> Iterator[tuple[str, str]]:
    """Labels, and what stands beside them."""
    yield "contract", rule
    yield "expected", failure.expected
    yield "got", failure.got
    if failure.request is not None:
        yield "request", _shown(failure.request)
    if failure.answer is not None:
        yield "answer", _shown(failure.answer)
    yield "hint", failure.hint


def _shown(shown: Shown) -> str:
    lines = [shown.head, *(f"{name}: {value}" for name, value in shown.headers)]
    return "\n".join([*lines, "", shown.body] if shown.body else lines)


def _line(label: str, text: str) -> RenderableType:
    """A label and a text beside it, of as many lines as it has."""
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=_LABEL)
    grid.add_column(overflow="fold")
    grid.add_row(Text(f"  {label}", "dim"), Text(printable(text), "cyan" if label == "hint" else ""))
    return grid


def _show_skipped(console: Console, report: Report) -> None:
    if not report.skipped:
        return
    console.print(Text(f"{len(report.skipped)} skipped", "bold"))
    for reason, results in report.skipped_by_reason().items():
        console.print(Text(f"  {len(results)}  {printable(reason)}"), soft_wrap=True)
        console.print(Text("     " + " ".join(r.check.id for r in results), "dim"), soft_wrap=True)


def _show_left(console: Console, report: Report) -> None:
    if not report.left:
        return
    console.print()
    console.print(Text(f"left in the CRM: {len(report.left)} (555-01xx numbers, marked names)", "bold"))
    for left in report.left:
        console.print(Text(f"  {left.kind:<9} {printable(f'{left.id}  {left.what}')}"), soft_wrap=True)


def _verdict(report: Report) -> Text:
    counts = f"{len(report.passed)} passed, {len(report.failures)} failed, {len(report.skipped)} skipped"
    tail = f"; {report.requests} requests in {report.seconds:.1f} s"
    return Text(counts + tail, "bold red" if report.failures else "bold green")


def printable(text: str) -> str:
    """`text` without anything that could steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
