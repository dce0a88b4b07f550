"""The findings for people."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gateway.client.types import Attempt
from gateway.demo.crm import SHOWN, WAITS_MS, CrmFindings, known_by
from gateway.demo.findings import Findings, percentile
from gateway.demo.samples import BATCH_SIZE, BIG_BYTES

RETRIED_SHOWN = 5
KINDS = {"override": "person", "crm": "CRM", "lookup": "network"}


def show(console: Console, found: Findings, attempts: Sequence[Attempt]) -> None:
    """Tables and figures; `attempts` are those of the first event that was retried."""
    _by_type(console, found)
    _retried(console, found, attempts)
    _speed(console, found)
    _verdict(console, found)


def show_crm(console: Console, found: CrmFindings) -> None:
    """Who the callers were, what an agent would be told, and what became of their calls."""
    console.print("\n[bold]Who is calling[/]: address book, CRM and a double of Twilio Lookup, asked at once")
    console.print(f"for {WAITS_MS} ms at most; the ping of the CRM's connector took {found.ping_ms} ms")
    _callers(console, found)
    for who in SHOWN:
        if who in found.callers:
            console.print(f"what an agent is told of the caller {who}:")
            for line in found.callers[who]["context"].splitlines():
                console.print(f"  {line}", markup=False)
    for call_id, call in found.calls.items():
        contact = (call.get("contact") or {}).get("id")
        console.print(
            f"logged    {call_id} as activity {call.get('activity_id')} of contact {contact}", soft_wrap=True
        )
    if found.problems:
        console.print("\n[bold red]Not good:[/]")
        for problem in found.problems:
            console.print(f"  {problem}")
    else:
        console.print("[bold green]Callers resolved, calls logged, each once.[/]")


def _callers(console: Console, found: CrmFindings) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for title in ("caller", "status", "name", "known by", "after", "failed"):
        table.add_column(title, no_wrap=True)
    for who, answer in found.callers.items():
        name = answer["contact"]["name"] if answer["contact"] else None
        known = KINDS.get(known_by(answer) or "", "-")
        missing = ", ".join(error["error"] for error in answer["errors"])
        table.add_row(who, answer["status"], name or "-", known, f"{answer['elapsed_ms']} ms", missing or "-")
    console.print(table)


def _by_type(console: Console, found: Findings) -> None:
    table = Table(box=SIMPLE_HEAD, show_footer=True, pad_edge=False)
    total = len(found.sent)
    table.add_column("event type", "all")
    for title, count in (
        ("sent", total),
        ("arrived", sum(row.arrived for row in found.rows.values())),
        ("verified twice", sum(row.verified for row in found.rows.values())),
        ("after a retry", len(found.retried)),
    ):
        table.add_column(title, str(count), justify="right")
    for name, row in sorted(found.rows.items()):
        table.add_row(name, str(row.sent), str(row.arrived), str(row.verified), str(row.retried or "-"))
    console.print()
    console.print(table)
    console.print('"verified twice": by gateway.signing and by the standardwebhooks library')


def _retried(console: Console, found: Findings, attempts: Sequence[Attempt]) -> None:
    if not found.retried:
        return
    console.print(f"\n[bold]Retried[/]: {len(found.retried)} first tries were answered 500 or 503 on purpose")
    for retried in found.retried[:RETRIED_SHOWN]:
        answers = " → ".join(map(str, retried.answers))
        console.print(f"  {retried.type:<20} {answers}   arrived after {retried.after_ms / 1000:.2f} s")
    if len(found.retried) > RETRIED_SHOWN:
        console.print(f"  … and {len(found.retried) - RETRIED_SHOWN} more")
    console.print("the first of them in the gateway's own record:")
    for attempt in attempts:
        console.print(
            f"  #{attempt['number']}  {attempt['started_at']}  HTTP {attempt['status_code']}"
            f"  {attempt['duration_ms']} ms"
        )


def _speed(console: Console, found: Findings) -> None:
    console.print("\n[bold]Speed[/] on this machine, gateway and receiver together")
    for title, values in (
        ("one by one", found.first_tries[False]),
        (f"a batch of {BATCH_SIZE:,}", found.first_tries[True]),
    ):
        if values:
            console.print(
                f"  {title:<16} accept → receipt: p50 {percentile(values, 0.5):.0f} ms,"
                f" p95 {percentile(values, 0.95):.0f} ms  ({len(values)} first tries)"
            )
    if found.batch_seconds > 0:
        taken = len(found.first_tries[True])
        console.print(
            f"  {'':<16} {taken / found.batch_seconds:,.0f} events/s end to end;"
            f" all arrived after {found.batch_seconds_with_retries:.2f} s, retries included",
            soft_wrap=True,
        )


def _verdict(console: Console, found: Findings) -> None:
    spoiled = {*found.altered, *found.missing}
    big = next((event for event in found.sent if len(event.sample.data) == BIG_BYTES), None)
    if big is not None and big.id not in spoiled:
        console.print(
            f"\nThe call of {BIG_BYTES:,} bytes (unicode, 30-digit integers, 1.10) arrived byte for byte.",
            soft_wrap=True,
        )
    if not spoiled:
        console.print(f"So did the data of the other {len(found.sent) - 1:,} events.")
    console.print(f"Duplicates: {found.duplicates}.")
    if found.problems:
        console.print("\n[bold red]Not good:[/]")
        for problem in found.problems:
            console.print(f"  {problem}")
    else:
        console.print("[bold green]All events arrived, all verified.[/]")
