"""`events`: send, look at and list events over the HTTP API."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.connection import client_command, show_list
from gateway.cli.output import Column, Row, indent, member, show_fields, show_json, show_table, show_warnings
from gateway.cli.values import Duration, Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient


@click.group()
def events() -> None:
    """Send events and look at them."""


@events.command("send")
@click.option("--type", "event_type", required=True, help="Such as call.completed.")
@click.option("--data", help="The data, a JSON object; - reads standard input.")
@click.option("--data-file", help="A file with the data; - reads standard input.")
@click.option("--external-id", help="Your own id: the same one again makes no second event.")
@click.option("--ordering-key", help="Ordered webhooks get events of one key one after the other.")
@click.option("--priority", help="Priority of the deliveries.")
@click.option(
    "--expires-in", type=Duration(), help="Give up pending deliveries after this time, such as 12h."
)
@click.option("--occurred-at", help="When it happened [now], such as 2026-11-20T21:05:09.123Z.")
@client_command()
def send(
    client: GatewayClient,
    as_json: bool,
    event_type: str,
    data: str | None,
    data_file: str | None,
    external_id: str | None,
    ordering_key: str | None,
    priority: str | None,
    expires_in: int | None,
    occurred_at: str | None,
) -> None:
    """Send one event. Its data arrives byte for byte as given."""
    try:
        answer = client.send_event(
            event_type,
            _read_data(data, data_file),
            external_id=external_id,
            ordering_key=ordering_key,
            priority=priority,
            expires_in=expires_in,
            occurred_at=occurred_at,
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        show_json(answer)
    else:
        show_fields(answer, skip=("warnings",))
        show_warnings({"warnings": [_told(warning) for warning in answer.get("warnings", ())]})


def _told(warning: Row) -> Row:
    return {"message": f"{warning['field']}: {warning['message']}"}


def _read_data(data: str | None, data_file: str | None) -> bytes:
    if (data is None) == (data_file is None):
        raise click.UsageError("give one of --data and --data-file")
    if "-" in (data, data_file):
        return sys.stdin.buffer.read()
    if data_file is None:
        return os.fsencode(data or "")
    try:
        return Path(data_file).read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {data_file}: {error.strerror}") from None


@events.command("list")
@click.option("--type", "event_type", help="Only this type.")
@click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_events(
    client: GatewayClient,
    as_json: bool,
    event_type: str | None,
    since: str | None,
    until: str | None,
    limit: int,
) -> None:
    """List events, newest first."""
    found = client.list_events(limit=limit, type=event_type, since=since, until=until)
    ranks = {"id": 0, "type": 1, "timestamp": 2, "accepted_at": 4, "external_id": 3}
    columns = [Column(name, member(name), rank) for name, rank in ranks.items()]
    show_list(client, as_json, found, columns)


@events.command("get")
@click.argument("event_id")
@client_command()
def get(client: GatewayClient, as_json: bool, event_id: str) -> None:
    """Show one event with its data."""
    from msgspec import Raw
    from msgspec.json import decode

    answer = client.raw_event(event_id)
    if as_json:
        show_json(answer)
        return
    # Raw: the data is shown as it is delivered, numbers included.
    parts = decode(answer, type=dict[str, Raw])
    show_fields({name: decode(value) for name, value in parts.items() if name != "data"})
    if "data" in parts:
        click.echo("data")
        click.echo(indent(bytes(parts["data"]).decode()))


@events.command("types")
@client_command()
def types(client: GatewayClient, as_json: bool) -> None:
    """List the catalogue of event types."""
    found = client.event_types()
    if as_json:
        show_json(found)
    else:
        show_table(
            found,
            [Column("name", member("name")), Column("description", member("description"), 1, elastic=True)],
        )
