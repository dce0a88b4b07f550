"""The one table: each figure with its range over the rounds, its floor, its target and what came of that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from bench.targets import TARGETS, figure

TITLES: Final = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
BUSY: Final = 0.85
IDLE: Final = 0.75
WIDTH: Final = 132


@dataclass(frozen=True, slots=True)
class Line:
    """A figure at `path`; its floor stands at `floor`. `{…}` in the label are figures of the same part."""

    label: str
    path: tuple[str, ...]
    form: str
    floor: tuple[str, ...] | None = None


def _load(title: str, group: str) -> tuple[Line, ...]:
    def at(name: str) -> tuple[str, ...]:
        return ("throughput", group, name)

    return (
        Line(f"{title}: events/s", at("events_per_second"), "{:,.0f}", at("floor_events_per_second")),
        Line("  in proportion to SQLite", at("to_sqlite"), "{:.2f}"),
        Line("  CPU per delivered event, µs", at("cpu_us"), "{:.0f}", at("floor_cpu_us")),
        Line("  CPU, times the floor", at("times_floor"), "{:.2f}"),
        Line("  CPU of the database server, µs", at("database_cpu_us"), "{:.0f}"),
        Line("  SQL statements per delivered event", at("statements"), "{:.3f}"),
        Line("  generator and receiver, of their core", at("helpers_share"), "{:.0%}"),
    )


def _growth(label: str, case: str) -> tuple[Line, ...]:
    return tuple(
        line
        for group, words in (("single", "one per request"), ("batch", "batches"))
        for line in (
            Line(f"{label}, {words}: events/s", ("growth", case, group, "events_per_second"), "{:,.0f}"),
            Line("  events/s, times empty", ("growth", case, group, "ratio"), "{:.2f}"),
            Line("  CPU per delivered event, times empty", ("growth", case, group, "cpu_ratio"), "{:.2f}"),
        )
    )


def _isolation(label: str, case: str) -> tuple[Line, ...]:
    base = ("isolation", case)
    return (
        Line(f"{label}: p99 ms alone", (*base, "alone", "p99_ms"), "{:.1f}"),
        Line("  p99 ms beside {hung} hung ones", (*base, "beside", "p99_ms"), "{:.1f}"),
        Line("  beside, times alone", (*base, "p99_ratio"), "{:.2f}"),
        Line("  p50 ms alone", (*base, "alone", "p50_ms"), "{:.1f}"),
        Line("  p50 ms beside", (*base, "beside", "p50_ms"), "{:.1f}"),
    )


LINES: Final = (
    *_load("one event per request", "single"),
    *_load("batches of 100", "batch"),
    *_load("fan-out 10, one event per request", "fan_out_10"),
    Line("  deliveries/s", ("throughput", "fan_out_10", "deliveries_per_second"), "{:,.0f}",
         ("throughput", "fan_out_10", "floor_deliveries_per_second")),
    Line("floor: accept, one event per request, µs", ("throughput", "floors", "accept_single"), "{:.1f}"),
    Line("floor: accept, in batches, µs", ("throughput", "floors", "accept_batch"), "{:.1f}"),
    Line("floor: aiohttp post, µs", ("throughput", "floors", "post"), "{:.1f}"),
    Line("floor: batched insert, µs", ("throughput", "floors", "insert"), "{:.1f}"),
    Line("floor: AES-GCM, µs", ("throughput", "floors", "seal"), "{:.1f}"),
    Line("floor: durable transaction, p50 ms", ("throughput", "floors", "transaction_p50_ms"), "{:.1f}"),
    Line("floor: durable transaction, worst ms", ("throughput", "floors", "transaction_worst_ms"), "{:.1f}"),
    Line("300 events/s, accept to receipt: p50 ms", ("latency", "p50_ms"), "{:.1f}",
         ("latency", "floor_p50_ms")),
    Line("  p95 ms", ("latency", "p95_ms"), "{:.1f}", ("latency", "floor_p95_ms")),
    Line("  p99 ms", ("latency", "p99_ms"), "{:.1f}", ("latency", "floor_p99_ms")),
    Line("  answer 202: p99 ms", ("latency", "answer_p99_ms"), "{:.1f}"),
    *_growth("{history_count:,} events of history", "history"),
    *_growth("{pending_count:,} pending", "pending"),
    *_growth("{webhooks_count:,} idle webhooks elsewhere", "webhooks"),
    *_growth("{webhooks_count:,} webhooks in turn", "webhooks_in_use"),
    *_growth("{webhooks_count:,} webhooks in one org", "webhooks_in_one"),
    *_isolation("one healthy webhook at 300/s", "one"),
    *_isolation("50 healthy webhooks at 300/s", "many"),
    *_isolation("50 healthy; the hung had worked", "worked_before"),
    Line("start to ready, new database, s", ("start", "new_seconds"), "{:.2f}", ("start", "floor_seconds")),
    Line("start to ready, empty, s", ("start", "empty_seconds"), "{:.2f}", ("start", "floor_seconds")),
    Line("start to ready, {pending:,} pending, s", ("start", "pending_seconds"), "{:.2f}",
         ("start", "floor_seconds")),
    Line("memory, nothing pending, MB", ("memory", "empty_mb"), "{:.0f}", ("memory", "floor_mb")),
    Line("memory, {pending:,} pending, MB", ("memory", "pending_mb"), "{:.0f}", ("memory", "floor_mb")),
    Line("  at its peak, MB", ("memory", "pending_peak_mb"), "{:.0f}"),
    Line("  after a new start, MB", ("memory", "restarted_mb"), "{:.0f}"),
    Line("callers, {numbers:,} new numbers: p50 ms", ("callers", "new", "p50_ms"), "{:.1f}",
         ("callers", "direct", "p50_ms")),
    Line("  p99 ms", ("callers", "new", "p99_ms"), "{:.1f}", ("callers", "direct", "p99_ms")),
    Line("  CPU per resolve, µs", ("callers", "new", "cpu_us"), "{:.0f}"),
    Line("callers, known numbers: p50 ms", ("callers", "known", "p50_ms"), "{:.1f}"),
    Line("  p99 ms", ("callers", "known", "p99_ms"), "{:.1f}"),
    Line("  CPU per resolve, µs", ("callers", "known", "cpu_us"), "{:.0f}"),
    Line("callers, known numbers at 200/s: p50 ms", ("callers", "steady", "p50_ms"), "{:.1f}"),
    Line("  p99 ms", ("callers", "steady", "p99_ms"), "{:.1f}"),
    Line("callers, known numbers, 16 at a time: resolves/s", ("callers", "warm", "per_second"), "{:,.0f}"),
    Line("  resolves per second of CPU", ("callers", "warm", "per_core"), "{:,.0f}",
         ("callers", "warm", "floor_per_core")),
    Line("  CPU, times the floor", ("callers", "warm", "times_floor"), "{:.2f}"),
    Line("  with address book and look-ups: resolves/s", ("callers", "whole", "per_second"), "{:,.0f}"),
    Line("  resolves per second of CPU", ("callers", "whole", "per_core"), "{:,.0f}"),
    Line("callers, {pending_count:,} pending, ingest at capacity: p50 ms", ("callers_busy", "p50_ms"),
         "{:.1f}"),
    Line("  p99 ms", ("callers_busy", "p99_ms"), "{:.1f}"),
    Line("  slowest ms", ("callers_busy", "max_ms"), "{:.1f}"),
    Line("  known numbers found", ("callers_busy", "known_found"), "{:.0%}"),
    Line("  events/s taken meanwhile", ("callers_busy", "events_per_second"), "{:,.0f}"),
)  # fmt: skip

_TARGETS: Final = {target.path: target for target in TARGETS}


def show(results: dict[str, Any], console: Console | None = None) -> None:
    """Prints the table, and below it what puts a figure in doubt."""
    table = Table(title="HUM gateway", caption="CPU is the gateway's alone; floors are from the same run")
    for heading in ("figure", "measured", "lowest to highest", "floor", "target", ""):
        table.add_column(heading, justify="left" if heading in ("figure", "") else "right", no_wrap=True)
    for kind, found in results.items():
        table.add_section()
        table.add_row(f"[bold]{TITLES[kind]}")
        for line in LINES:
            cells = _cells(line, kind, found)
            if cells is not None:
                table.add_row(*cells)
    console = console or Console(width=WIDTH)
    console.print(table)
    for doubt in doubts(results):
        console.print(f"[bold]note:[/bold] {doubt}", highlight=False)


def _cells(line: Line, kind: str, found: dict[str, Any]) -> tuple[str, ...] | None:
    value = figure(found, line.path)
    if value is None or (kind == "sqlite" and line.path[-1] == "database_cpu_us"):
        return None
    span = figure(found, (*line.path[:-1], f"{line.path[-1]}_range"))
    floor = None if line.floor is None else figure(found, line.floor)
    target = _TARGETS.get(line.path)
    wanted = verdict = ""
    if target is not None and kind in target.kinds:
        met, words = target.judge(value)
        wanted, verdict = target.text, words if met else f"[bold red]{words.upper()}"
    return (
        line.label.format_map(_context(found, line.path)),
        line.form.format(value),
        " to ".join(line.form.format(end) for end in span) if span else "",
        "" if floor is None else line.form.format(floor),
        wanted,
        verdict,
    )


def _context(found: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The figures near by, which labels may name."""
    part = found[path[0]]
    group = part.get(path[1]) if len(path) > 2 else None
    return {**part, **(group if isinstance(group, dict) else {})}


def doubts(results: dict[str, Any]) -> Iterator[str]:
    """Where something else may have been the limit, or the load was not what it should be."""
    for kind, found in results.items():
        title = TITLES[kind]
        for part, figures in found.items():
            if "failed" in figures:
                yield f"{title}, {part}: NOT MEASURED: {figures['failed']}"
        for group, figures in found.get("throughput", {}).items():
            if not isinstance(figures, dict):
                continue
            if figures.get("helpers_share", 0) > BUSY:
                share = figures["helpers_share"]
                yield f"{title}, {group}: generator and receiver used {share:.0%} of their core"
            elif figures.get("others_busy", 0) > BUSY:
                yield f"{title}, {group}: the other cores were {figures['others_busy']:.0%} busy"
            if figures.get("gateway_share", 1) < IDLE:
                yield f"{title}, {group}: the gateway used only {figures['gateway_share']:.0%} of its core"
            if figures.get("refused"):
                yield f"{title}, {group}: {figures['refused']:.0f} events were refused"
        for name, figures in _steady_runs(found):
            if figures.get("missing") or figures.get("refused"):
                yield (
                    f"{title}, {name}: {figures['missing']:.0f} events had not arrived in time,"
                    f" {figures['refused']:.0f} were refused"
                )


def _steady_runs(found: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "latency", found.get("latency", {})
    for case, figures in found.get("isolation", {}).items():
        if isinstance(figures, dict):
            yield f"isolation {case}, alone", figures["alone"]
            yield f"isolation {case}, beside", figures["beside"]
