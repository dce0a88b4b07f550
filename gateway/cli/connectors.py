"""`connectors`: register the bridges to CRMs and manage them over the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command, show_list
from gateway.cli.output import Column, Json, Row, member, show_fields, show_json
from gateway.cli.values import confirm, environment

if TYPE_CHECKING:
    from gateway.client import GatewayClient

_ELASTIC = ("name", "base_url", "lookups")
_COLUMNS = {
    "id": 0, "name": 1, "base_url": 2, "status": 0, "lookups": 1, "disabled_reason": 2, "failing_since": 4,
    "priority": 3,
}  # fmt: skip


def _state(health: Row) -> object:
    return "spared" if health.get("state") == "open" else health.get("state")


def _lookups(connector: Row) -> object:
    """How it answers lookups, and beside that why not."""
    health = connector.get("lookup_health") or {}
    ill = health.get("state") in ("failing", "open") and health.get("last_error")
    return f"{_state(health)} ({health['last_error']})" if ill else _state(health)


_READ: dict[str, Callable[[Row], object]] = {"lookups": _lookups}


@click.group()
def connectors() -> None:
    """Register the bridges to CRMs and manage them."""


def connector_options(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that `create` and `update` share."""
    options = [
        click.option("--name", required=required, help="For people."),
        click.option("--url", "base_url", required=required, help="The base URL of the connector."),
        click.option("--timeout-ms", type=int, help="Whole exchange, 250 to 30000 [4000]."),
        click.option(
            "--create-contacts/--no-create-contacts",
            default=None,
            help="Whether callers that nobody knows are made contacts there.",
        ),
        click.option("--sync-calls/--no-sync-calls", default=None, help="Whether calls are sent to it."),
        click.option(
            "--sync-unknown/--no-sync-unknown",
            default=None,
            help="Whether calls of people that it does not know are sent, too.",
        ),
        click.option("--priority", type=int, help="Of several that know a caller, the highest counts [0]."),
    ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def show_connector(connector: Row, as_json: bool) -> None:
    if as_json:
        show_json(connector)
        return
    shown = {**connector}
    health = shown.pop("lookup_health", None) or {}
    if health:
        health = {**health, "state": _state(health)}
    show_fields(shown | {f"lookups {name}": value for name, value in health.items()}, skip=("secret",))
    if connector.get("secret"):
        click.echo(f"\nThe secret, shown this once:\n{connector['secret']}")


@connectors.command("create")
@connector_options(required=True)
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--disabled", is_flag=True, help="Do not use it yet.")
@client_command(takes_url=True)
def create(
    client: GatewayClient, as_json: bool, secret_env: str | None, disabled: bool, **given: Any
) -> None:
    """Register a connector; prints its secret, this once."""
    body: Json = {name: value for name, value in given.items() if value is not None}
    if secret_env:
        body["secret"] = environment(secret_env)
    if disabled:
        body["enabled"] = False
    show_connector(client.create_connector(**body), as_json)


@connectors.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_connectors(client: GatewayClient, as_json: bool, limit: int) -> None:
    """List connectors, newest first."""
    found = client.list_connectors(limit=limit)
    columns = [
        Column(name, _READ.get(name, member(name)), rank, name in _ELASTIC) for name, rank in _COLUMNS.items()
    ]
    show_list(client, as_json, found, columns)


@connectors.command("get")
@click.argument("connector_id")
@client_command()
def get(client: GatewayClient, as_json: bool, connector_id: str) -> None:
    """Show one connector."""
    show_connector(client.get_connector(connector_id), as_json)


@connectors.command("update")
@click.argument("connector_id")
@connector_options(required=False)
@click.option("--rotate-secret", is_flag=True, help="Make a new secret at once; a new origin needs it.")
@client_command(takes_url=True)
def update(
    client: GatewayClient, as_json: bool, connector_id: str, rotate_secret: bool, **given: Any
) -> None:
    """Change what is given, and nothing else. A URL of another origin needs --rotate-secret."""
    body: Json = {name: value for name, value in given.items() if value is not None}
    if rotate_secret:
        body["rotate_secret"] = True
    if not body:
        raise click.UsageError("nothing to change")
    show_connector(client.update_connector(connector_id, **body), as_json)


@connectors.command("delete")
@click.argument("connector_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def delete(client: GatewayClient, as_json: bool, connector_id: str, yes: bool) -> None:
    """Delete a connector: calls that wait for it are cancelled, history stays."""
    confirm(f"Delete {connector_id} and cancel the calls that wait for it?", yes)
    client.delete_connector(connector_id)
    if as_json:
        show_json({"id": connector_id, "deleted": True})
    else:
        click.echo(f"deleted {connector_id}", err=True)


@connectors.command("enable")
@click.argument("connector_id")
@click.option("--pending", type=click.Choice(("deliver", "discard")), help="What was collected meanwhile.")
@click.option("--yes", is_flag=True, help="Do not ask before discarding; needed where nobody can be asked.")
@client_command()
def enable(client: GatewayClient, as_json: bool, connector_id: str, pending: str | None, yes: bool) -> None:
    """Ask it and send it calls again."""
    if pending == "discard":
        confirm(f"Discard the calls that {connector_id} has collected?", yes)
    show_connector(client.enable_connector(connector_id, pending=pending), as_json)


@connectors.command("disable")
@click.argument("connector_id")
@client_command()
def disable(client: GatewayClient, as_json: bool, connector_id: str) -> None:
    """Ask it nothing and send it nothing until it is enabled."""
    show_connector(client.disable_connector(connector_id), as_json)


@connectors.command("rotate-secret")
@click.argument("connector_id")
@click.option(
    "--grace-period", type=int, help="Seconds in which the old secret is used, too; 0 to 604800 [86400]."
)
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--force", is_flag=True, help="Also while a rotation is under way.")
@client_command()
def rotate_secret(
    client: GatewayClient,
    as_json: bool,
    connector_id: str,
    grace_period: int | None,
    secret_env: str | None,
    force: bool,
) -> None:
    """Give a connector a new secret; prints it, this once. A leaked one: --grace-period 0 --force."""
    secret = environment(secret_env) if secret_env else None
    rotated = client.rotate_connector_secret(
        connector_id, grace_period_seconds=grace_period, secret=secret, force=force
    )
    show_connector(rotated, as_json)


@connectors.command("finish-rotation")
@click.argument("connector_id")
@client_command()
def finish_rotation(client: GatewayClient, as_json: bool, connector_id: str) -> None:
    """End a grace period now: the old secret is used no more."""
    show_connector(client.finish_connector_rotation(connector_id), as_json)
