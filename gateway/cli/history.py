"""`webhooks explain`, `webhooks stats` and `deliveries export`: looking back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command
from gateway.cli.output import Column, Json, clean, member, show_bytes, show_fields, show_json, show_table
from gateway.cli.values import Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient

_RESULTS = ("delivered", "failed", "retried", "held")


@click.command()
@click.argument("webhook_id")
@click.argument("event_id")
@client_command()
def explain(client: GatewayClient, as_json: bool, webhook_id: str, event_id: str) -> None:
    """Say why an event would make a delivery to a webhook, or would not."""
    found: Json = dict(client.explain_webhook(webhook_id, event_id))
    if as_json:
        show_json(found)
        return
    color = "green" if found["matches"] else "red"
    click.echo(click.style("matches" if found["matches"] else "does not match", fg=color))
    for name in ("status", "events", "filter"):
        part = found.get(name)
        if part is not None:
            click.echo(f"  {name:<7} {'yes' if part['matches'] else 'no':<4} {clean(part['because'])}")
    for step in (found.get("filter") or {}).get("steps", ()):
        click.echo("    " + "  " * step["depth"] + clean(f"{step['expression']}: {step['because']}"))
    click.echo(f"  delivery {found.get('delivery_id') or 'none was made'}")


window_option = click.option(
    "--window",
    type=click.Choice(("1h", "24h", "7d", "30d")),
    default="24h",
    show_default=True,
    help="How far back.",
)


@click.command()
@click.argument("webhook_id")
@window_option
@client_command()
def stats(client: GatewayClient, as_json: bool, webhook_id: str, window: str) -> None:
    """Show what came of the attempts to a webhook, by the hour."""
    show_stats(dict(client.webhook_stats(webhook_id, window=window)), as_json)


def show_stats(found: Json, as_json: bool) -> None:
    """The sums of a window, and the hours in which there was anything."""
    if as_json:
        show_json(found)
        return
    show_fields(
        {"since": found["since"], "attempts": found["attempts"], **found["totals"]}
        | {"status codes": _counts(found["status_codes"]), "errors": _counts(found["errors"])}
        | {"at most ms": _counts({name: value for name, value in found["duration_ms"].items() if value})}
    )
    hours = [hour for hour in found["hours"] if any(hour[name] for name in _RESULTS)]
    if hours:
        click.echo("")
        show_table(hours, [Column("hour", member("hour")), *(Column(n, member(n)) for n in _RESULTS)])


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(("csv", "ndjson")),
    default="csv",
    show_default=True,
    help="A table, or a JSON object for each line; --json is the latter.",
)
@click.option("--webhook", help="Only to this webhook.")
@click.option("--event", help="Only of this event.")
@click.option("--status", help="pending, in_flight, delivered, failed or cancelled.")
@click.option("--type", "event_type", help="Only this event type.")
@click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@client_command()
def export(
    client: GatewayClient,
    as_json: bool,
    kind: str,
    webhook: str | None,
    event: str | None,
    event_type: str | None,
    **filters: Any,
) -> None:
    """Write every delivery that matches to standard output. Needs the role admin."""
    pieces = client.export_deliveries(
        format="ndjson" if as_json else kind, webhook_id=webhook, event_id=event, type=event_type, **filters
    )
    show_bytes(pieces)


def _counts(counts: Json) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())
