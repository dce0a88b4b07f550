"""`jobs`: long work and how far it has come; and what the commands that order it share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command, show_list
from gateway.cli.output import Column, Json, Row, member, show_fields, show_json
from gateway.cli.values import Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.jobs import Job

COLUMNS = [
    Column("id", member("id")),
    Column("kind", member("kind")),
    Column("target", member("object_id"), 3),
    Column("status", lambda job: _status(job)),
    Column("matched", member("matched"), 1),
    Column("done", member("done")),
    Column("failed", member("failed"), 1),
    Column("by", member("actor"), 5, elastic=True),
    Column("created", member("created_at"), 2),
    Column("finished", member("finished_at"), 4),
]
WAITING = ("1 delivery waits for its next attempt", "{} deliveries wait for their next attempt")
wait_option = click.option("--wait", is_flag=True, help="Show how it comes on, until it is over.")


@click.group()
def jobs() -> None:
    """Look at long work, such as a redelivery, and end it."""


@jobs.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_jobs(client: GatewayClient, as_json: bool, limit: int) -> None:
    """List jobs, newest first."""
    found = client.list_jobs(limit=limit)
    show_list(client, as_json, found, COLUMNS)


@jobs.command("show")
@click.argument("job_id")
@wait_option
@client_command()
def show(client: GatewayClient, as_json: bool, job_id: str, wait: bool) -> None:
    """Show one job. With --wait, exits with 1 unless the job ends as done."""
    show_ordered(client, dict(client.get_job(job_id)), as_json, wait)


jobs.add_command(show, "get")  # as everything else is looked at


@jobs.command("cancel")
@click.argument("job_id")
@wait_option
@client_command()
def cancel(client: GatewayClient, as_json: bool, job_id: str, wait: bool) -> None:
    """End a job, and cancel what it has made and nobody has taken up yet."""
    job: Json = dict(client.cancel_job(job_id))
    if wait:
        job = _wait(client, job)
    _show(job, as_json)


def range_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of commands that order a range: its types and times, and how to go about it."""
    for option in (
        wait_option,
        click.option("--dry-run", is_flag=True, help="Only say how many events match."),
        click.option("--until", type=Moment(), help="Events that were accepted before this time."),
        click.option(
            "--since",
            type=Moment(),
            help="Events that were accepted from this time on; 2h means two hours ago.  [7d]",
        ),
        click.option("--types", help="Only these types and patterns, comma-separated: call.completed,sms.*"),
    ):
        function = option(function)
    return function


def retry_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of commands that try at once what waits."""
    dry_run = click.option("--dry-run", is_flag=True, help="Only say how many wait for a time.")
    return dry_run(wait_option(function))


def redelivery_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of `range_options`, and those that only a redelivery has."""
    for option in (
        click.option(
            "--events-from",
            type=click.File("r"),
            help="Only the events whose ids this file holds, one a line; - is standard input.",
        ),
        click.option("--event", "event_ids", multiple=True, help="Only this event; repeatable."),
        click.option(
            "--code",
            "status_code",
            type=click.IntRange(100, 999),
            help="Only what was last answered with this.",
        ),
        click.option(
            "--which",
            type=click.Choice(("failed", "all")),
            help="By the latest delivery of each event: failed, or all that are over.  [failed]",
        ),
    ):
        function = option(function)
    return range_options(function)


def range_body(given: dict[str, Any]) -> Json:
    """The request's members out of the options of `range_options` or `redelivery_options`."""
    chosen = dict(given)
    listed = chosen.pop("events_from", None)
    ids = [*chosen.pop("event_ids", ()), *(line.strip() for line in listed or () if line.strip())]
    if listed is not None and not ids:
        raise click.BadParameter("holds no event's id", param_hint="--events-from")
    body = {name: value for name, value in (chosen | {"event_ids": ids}).items() if value}
    if "types" in body:
        body["types"] = [entry.strip() for entry in body["types"].split(",") if entry.strip()]
    return body


def show_ordered(
    client: GatewayClient,
    answer: Json,
    as_json: bool,
    wait: bool,
    *,
    found: tuple[str, str] = ("1 event matches", "{} events match"),
) -> None:
    """A job, at once or when it is over; or what a dry run found, in the words of `found`: of one, of others.
    Exits with 1 when a job that was waited for did not come to its end."""
    if "id" not in answer:
        count = answer.get("matched")
        show_json(answer) if as_json else click.echo(found[0] if count == 1 else found[1].format(count))
        return
    if wait:
        answer = _wait(client, answer)
    _show(answer, as_json)
    if wait and answer.get("status") != "done":
        raise SystemExit(1)


def _show(job: Json, as_json: bool) -> None:
    if as_json:
        show_json(job)
    else:
        show_fields(job | {"status": _status(job)}, skip=("cancel_requested", "error"))


def _status(job: Row) -> str:
    status = "being cancelled" if job.get("cancel_requested") and job.get("status") == "running" else None
    error = job.get("error")
    return status or (f"{job.get('status')} ({error})" if error else str(job.get("status")))


def _wait(client: GatewayClient, job: Json) -> Json:
    """The job when it is over; meanwhile a bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(str(job.get("kind")), total=None)

        def tell(standing: Job) -> None:
            come = int(standing.get("done") or 0) + int(standing.get("failed") or 0)
            progress.update(bar, total=standing.get("matched"), completed=come)

        return dict(client.wait(str(job["id"]), progress=tell))
