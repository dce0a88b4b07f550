"""`webhooks`: register receivers and manage them over the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command
from gateway.cli.output import Column, Json, Row, clean, member, show_fields, show_json, show_table
from gateway.cli.values import confirm, environment, pairs

if TYPE_CHECKING:
    from gateway.client import GatewayClient


@click.group()
def webhooks() -> None:
    """Register receivers and manage them."""


def _settings(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The options that `create` and `update` share."""
    options = [
        click.option("--url", required=required, help="Where to send."),
        click.option(
            "--events", required=required, help="Types and patterns, comma-separated: call.completed,sms.*"
        ),
        click.option("--description", help="For people."),
        click.option(
            "--header",
            "headers",
            multiple=True,
            help="NAME=VALUE, sent with every request; repeatable. In an update, NAME= removes the header.",
        ),
        click.option("--filter", help="A condition over the event; an empty one removes it."),
        click.option("--timeout-ms", type=int, help="Whole exchange, 1000 to 30000."),
        click.option("--rate-limit", type=float, help="Requests per second."),
        click.option(
            "--retry-schedule",
            help="Seconds before each next attempt, comma-separated; default for the gateway's own.",
        ),
        click.option("--max-hold-seconds", type=int, help="Longest Retry-After that is honoured."),
        click.option(
            "--ordered/--unordered", default=None, help="Whether events of one key go one at a time."
        ),
        click.option("--profile", help="Signing profile."),
    ]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _body(given: dict[str, Any], *, update: bool = False) -> Json:
    """The request's members out of the options that were given; in an update, None removes."""
    removed: Json = {}
    body = {name: value for name, value in given.items() if value is not None}
    body["rate_limit_per_second"] = body.pop("rate_limit", None)
    if "events" in body:
        body["events"] = [entry.strip() for entry in body["events"].split(",") if entry.strip()]
    if body.get("retry_schedule") == "default":
        del body["retry_schedule"]
        if update:
            removed["retry_schedule"] = None
    elif "retry_schedule" in body:
        try:
            body["retry_schedule"] = [int(wait) for wait in body["retry_schedule"].split(",")]
        except ValueError:
            raise click.BadParameter(
                "must be whole seconds, comma-separated, or default", param_hint="--retry-schedule"
            ) from None
    headers = dict(pairs(body.get("headers") or (), "="))
    body["headers"] = {name: value or (None if update else "") for name, value in headers.items()} or None
    body = {name: value for name, value in body.items() if value is not None}
    if body.get("filter") == "":
        body["filter"] = None
    return body | removed


def _show(webhook: Row, as_json: bool) -> None:
    if as_json:
        show_json(webhook)
        return
    show_fields(webhook, skip=("secret", "warnings"))
    for warning in webhook.get("warnings") or ():
        click.echo(clean(f"Warning: {warning['message']}"), err=True)
    if webhook.get("secret"):
        click.echo(f"\nThe secret, shown this once:\n{webhook['secret']}")


@webhooks.command("create")
@_settings(required=True)
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--disabled", is_flag=True, help="Do not deliver yet.")
@client_command(takes_url=True)
def create(
    client: GatewayClient, as_json: bool, secret_env: str | None, disabled: bool, **given: Any
) -> None:
    """Register a receiver; prints its secret, this once."""
    body = _body(given)
    if secret_env:
        body["secret"] = environment(secret_env)
    if disabled:
        body["enabled"] = False
    _show(client.create_webhook(**body), as_json)


@webhooks.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_webhooks(client: GatewayClient, as_json: bool, limit: int) -> None:
    """List webhooks, newest first."""
    found = client.list_webhooks(limit=limit)
    if as_json:
        show_json(list(found))
        return
    elastic = ("url", "events", "description")
    ranks = {
        "id": 0, "url": 1, "events": 3, "status": 0, "disabled_reason": 2, "failing_since": 4,
        "description": 5,
    }  # fmt: skip
    show_table(found, [Column(name, member(name), rank, name in elastic) for name, rank in ranks.items()])


@webhooks.command("get")
@click.argument("webhook_id")
@client_command()
def get(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Show one webhook."""
    _show(client.get_webhook(webhook_id), as_json)


@webhooks.command("update")
@click.argument("webhook_id")
@_settings(required=False)
@client_command(takes_url=True)
def update(client: GatewayClient, as_json: bool, webhook_id: str, **given: Any) -> None:
    """Change what is given, and nothing else. A new origin needs all header values again."""
    body = _body(given, update=True)
    if not body:
        raise click.UsageError("nothing to change")
    _show(client.update_webhook(webhook_id, **body), as_json)


@webhooks.command("delete")
@click.argument("webhook_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def delete(client: GatewayClient, as_json: bool, webhook_id: str, yes: bool) -> None:
    """Delete a webhook: pending deliveries are cancelled, history stays."""
    confirm(f"Delete {webhook_id} and cancel its pending deliveries?", yes)
    client.delete_webhook(webhook_id)
    if as_json:
        show_json({"id": webhook_id, "deleted": True})
    else:
        click.echo(f"deleted {webhook_id}", err=True)


@webhooks.command("enable")
@click.argument("webhook_id")
@click.option("--pending", type=click.Choice(("deliver", "discard")), help="What was collected meanwhile.")
@click.option("--yes", is_flag=True, help="Do not ask before discarding; needed where nobody can be asked.")
@client_command()
def enable(client: GatewayClient, as_json: bool, webhook_id: str, pending: str | None, yes: bool) -> None:
    """Deliver again."""
    if pending == "discard":
        confirm(f"Discard what {webhook_id} has collected?", yes)
    _show(client.enable_webhook(webhook_id, pending=pending), as_json)


@webhooks.command("disable")
@click.argument("webhook_id")
@client_command()
def disable(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Stop delivering; no deliveries are made until it is enabled."""
    _show(client.disable_webhook(webhook_id), as_json)


@webhooks.command("rotate-secret")
@click.argument("webhook_id")
@click.option(
    "--grace-period", type=int, help="Seconds in which the old secret signs, too; 0 to 604800 [86400]."
)
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--force", is_flag=True, help="Also while a rotation is under way.")
@client_command()
def rotate_secret(
    client: GatewayClient,
    as_json: bool,
    webhook_id: str,
    grace_period: int | None,
    secret_env: str | None,
    force: bool,
) -> None:
    """Give a webhook a new secret; prints it, this once. A leaked one: --grace-period 0."""
    secret = environment(secret_env) if secret_env else None
    webhook = client.rotate_secret(webhook_id, grace_period_seconds=grace_period, secret=secret, force=force)
    _show(webhook, as_json)


@webhooks.command("finish-rotation")
@click.argument("webhook_id")
@client_command()
def finish_rotation(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """End a grace period now: the old secret signs nothing more."""
    _show(client.finish_rotation(webhook_id), as_json)
