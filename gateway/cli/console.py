"""`console`: the way into it for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command
from gateway.cli.output import show_json

if TYPE_CHECKING:
    from gateway.client import GatewayClient


@click.group()
def console() -> None:
    """Let people into the console, which a gateway serves at /console."""


@console.command("link")
@click.option(
    "--role",
    type=click.Choice(["viewer", "operator", "admin"]),
    required=True,
    help="What whoever enters may do.",
)
@click.option(
    "--actor", required=True, metavar="NAME", help="Who it is for, as the audit log is to call them."
)
@click.option(
    "--expires-in",
    type=click.IntRange(30, 3_600),
    default=300,
    show_default=True,
    metavar="SECONDS",
    help="For how long the link opens.",
)
@client_command()
def link(client: GatewayClient, as_json: bool, **wanted: Any) -> None:
    """Make a link that lets somebody without a key in, once. It is the last line of standard output."""
    made = client.create_console_link(**wanted)
    if as_json:
        show_json(made)
        return
    click.echo(f"opens once, until {made['expires_at']}", err=True)
    click.echo(made["url"])
