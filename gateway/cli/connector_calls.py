"""`connectors ping`, `requests`, `request`, `deliveries`, `redeliver` and `stats`: what goes on with one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli import deliveries as delivery_commands
from gateway.cli.connection import client_command, show_list
from gateway.cli.connectors import connectors as connectors
from gateway.cli.history import show_stats, window_option
from gateway.cli.jobs import WAITING, retry_options, show_ordered, wait_option
from gateway.cli.output import Column, Row, clean, member, show_fields, show_json
from gateway.cli.values import Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient

_COLUMNS = [
    Column("id", member("id")),
    Column("at", member("at")),
    Column("kind", member("kind")),
    Column("result", lambda row: row.get("error") or row.get("status_code")),
    Column("status", member("status_code"), 2),
    Column("ms", member("duration_ms"), 1),
    Column("delivery", member("delivery_id"), 3),
]


@connectors.command("ping")
@click.argument("connector_id")
@client_command()
def ping(client: GatewayClient, as_json: bool, connector_id: str) -> None:
    """See whether it answers and takes the secret, also while it is disabled; exits with 1 unless it does."""
    result = client.ping_connector(connector_id)
    show_json(result) if as_json else show_fields(result)
    if not result["ok"]:
        raise click.exceptions.Exit(1)


@connectors.command("requests")
@click.argument("connector_id")
@click.option("--kind", type=click.Choice(("lookup", "create", "ping", "changes")), help="Only these.")
@click.option("--result", type=click.Choice(("succeeded", "failed")), help="Only these.")
@click.option("--code", "status_code", type=click.IntRange(100, 999), help="Only answered with this.")
@click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def requests(client: GatewayClient, as_json: bool, connector_id: str, limit: int, **filters: Any) -> None:
    """List direct calls, newest first: lookups, creates, pings, and changes that its side told."""
    found = client.connector_requests(connector_id, limit=limit, **filters)
    show_list(client, as_json, found, _COLUMNS)


@connectors.command("request")
@click.argument("request_id")
@client_command()
def request(client: GatewayClient, as_json: bool, request_id: str) -> None:
    """Show one direct call, with what was sent and what came back; secrets are masked."""
    found: Row = client.get_connector_request(request_id)
    if as_json:
        show_json(found)
        return
    said = ("request_headers", "request_body", "response_headers", "response_body")
    show_fields(found, skip=(*said, "request_truncated", "response_truncated"))
    for side in ("request", "response"):
        click.echo(f"\n{side}")
        for name, value in found[f"{side}_headers"]:
            click.echo("    " + clean(f"{name}: {value}"))
        body = found[f"{side}_body"]
        if body:
            click.echo("\n    " + clean(body) + (" …" if found[f"{side}_truncated"] else ""))


@connectors.command("deliveries")
@click.argument("connector_id")
@click.option("--event", help="Only of this event.")
@click.option("--status", help="pending, in_flight, delivered, failed or cancelled.")
@click.option("--type", "event_type", help="Only this event type.")
@click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--code", "last_status_code", type=click.IntRange(100, 999), help="Last answered with this.")
@click.option("--error", "last_error", help="Last ended with this error, such as timeout.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_deliveries(
    client: GatewayClient,
    as_json: bool,
    connector_id: str,
    event: str | None,
    event_type: str | None,
    limit: int,
    **filters: Any,
) -> None:
    """List the calls that were sent to it or wait to be, newest first."""
    found = client.connector_deliveries(connector_id, event_id=event, type=event_type, limit=limit, **filters)
    show_list(client, as_json, found, delivery_commands.COLUMNS)


@connectors.command("redeliver")
@click.argument("connector_id")
@click.option(
    "--since",
    type=Moment(),
    help="Calls of events that were accepted from this time on; 2h means two hours ago.  [7d]",
)
@click.option("--until", type=Moment(), help="Calls of events that were accepted before this time.")
@click.option("--dry-run", is_flag=True, help="Only say how many calls match.")
@wait_option
@client_command()
def redeliver(
    client: GatewayClient, as_json: bool, connector_id: str, dry_run: bool, wait: bool, **span: Any
) -> None:
    """Send again all calls whose latest delivery to the connector failed, oldest first."""
    order = client.count_connector_redelivery if dry_run else client.redeliver_connector
    show_ordered(client, dict(order(connector_id, **span)), as_json, wait)


@connectors.command("retry")
@click.argument("connector_id")
@retry_options
@client_command()
def retry(client: GatewayClient, as_json: bool, connector_id: str, dry_run: bool, wait: bool) -> None:
    """Try at once the calls that wait for their next attempt: for a connector that is well again.

    What waits without a time, because nobody answers, is not counted: the first answer sets it free.
    """
    order = client.count_connector_retry if dry_run else client.retry_connector
    show_ordered(client, dict(order(connector_id)), as_json, wait, found=WAITING)


@connectors.command("stats")
@click.argument("connector_id")
@window_option
@client_command()
def stats(client: GatewayClient, as_json: bool, connector_id: str, window: str) -> None:
    """Show what came of the calls that were sent to it, by the hour."""
    show_stats(dict(client.connector_stats(connector_id, window=window)), as_json)
