"""`platform-webhooks`: the platform's own, over all organizations or listed ones; needs a platform key."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command
from gateway.cli.deliveries import COLUMNS
from gateway.cli.history import show_stats, window_option
from gateway.cli.jobs import (
    WAITING,
    range_body,
    range_options,
    redelivery_options,
    retry_options,
    show_ordered,
)
from gateway.cli.output import show_json, show_table
from gateway.cli.values import confirm, environment
from gateway.cli.webhooks import (
    rotation_options,
    rotation_terms,
    show_released,
    show_result,
    show_webhook,
    webhook_body,
    webhook_columns,
    webhook_options,
)

if TYPE_CHECKING:
    from gateway.client import GatewayClient


@click.group("platform-webhooks")
def platform_webhooks() -> None:
    """Register receivers of all organizations' events and manage them."""


def _organizations(function: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--organizations", help="Only these, comma-separated; in an update, all for every one."
    )(function)


def _body(given: dict[str, Any], organizations: str | None, *, update: bool = False) -> dict[str, Any]:
    body = webhook_body(given, update=update)
    if organizations == "all":
        body["organizations"] = None
    elif organizations is not None:
        body["organizations"] = [name.strip() for name in organizations.split(",") if name.strip()]
    return body


@platform_webhooks.command("create")
@webhook_options(required=True)
@_organizations
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--disabled", is_flag=True, help="Do not deliver yet.")
@client_command(takes_url=True)
def create(
    client: GatewayClient,
    as_json: bool,
    organizations: str | None,
    secret_env: str | None,
    disabled: bool,
    **given: Any,
) -> None:
    """Register a receiver for types named in full; prints its secret, this once."""
    body = _body(given, organizations)
    if secret_env:
        body["secret"] = environment(secret_env)
    if disabled:
        body["enabled"] = False
    show_webhook(client.create_platform_webhook(**body), as_json)


@platform_webhooks.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_webhooks(client: GatewayClient, as_json: bool, limit: int) -> None:
    """List them, newest first."""
    found = client.list_platform_webhooks(limit=limit)
    if as_json:
        show_json(list(found))
        return
    ranks = {
        "id": 0, "url": 1, "events": 3, "organizations": 4, "status": 0, "disabled_reason": 2,
        "held_until": 2, "failing_since": 5,
    }  # fmt: skip
    show_table(found, webhook_columns(ranks, ("url", "events", "organizations")))


@platform_webhooks.command("get")
@click.argument("webhook_id")
@client_command()
def get(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Show one."""
    show_webhook(client.get_platform_webhook(webhook_id), as_json)


@platform_webhooks.command("update")
@click.argument("webhook_id")
@webhook_options(required=False)
@_organizations
@client_command(takes_url=True)
def update(
    client: GatewayClient, as_json: bool, webhook_id: str, organizations: str | None, **given: Any
) -> None:
    """Change what is given, and nothing else. A new origin needs all header values again."""
    body = _body(given, organizations, update=True)
    if not body:
        raise click.UsageError("nothing to change")
    show_webhook(client.update_platform_webhook(webhook_id, **body), as_json)


@platform_webhooks.command("delete")
@click.argument("webhook_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@client_command()
def delete(client: GatewayClient, as_json: bool, webhook_id: str, yes: bool) -> None:
    """Delete one: pending deliveries are cancelled, history stays."""
    confirm(f"Delete {webhook_id} and cancel its pending deliveries?", yes)
    client.delete_platform_webhook(webhook_id)
    if as_json:
        show_json({"id": webhook_id, "deleted": True})
    else:
        click.echo(f"deleted {webhook_id}", err=True)


@platform_webhooks.command("enable")
@click.argument("webhook_id")
@click.option("--pending", type=click.Choice(("deliver", "discard")), help="What was collected meanwhile.")
@click.option("--yes", is_flag=True, help="Do not ask before discarding; needed where nobody can be asked.")
@client_command()
def enable(client: GatewayClient, as_json: bool, webhook_id: str, pending: str | None, yes: bool) -> None:
    """Deliver again."""
    if pending == "discard":
        confirm(f"Discard what {webhook_id} has collected?", yes)
    show_webhook(client.enable_platform_webhook(webhook_id, pending=pending), as_json)


@platform_webhooks.command("disable")
@click.argument("webhook_id")
@client_command()
def disable(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Stop delivering; no deliveries are made until it is enabled."""
    show_webhook(client.disable_platform_webhook(webhook_id), as_json)


@platform_webhooks.command("test")
@click.argument("webhook_id")
@click.option("--type", "event_type", help="Whose example is sent [webhook.test].")
@client_command()
def test(client: GatewayClient, as_json: bool, webhook_id: str, event_type: str | None) -> None:
    """Send a sample now; exit status 1 unless the receiver took it."""
    show_result(client.test_platform_webhook(webhook_id, type=event_type), as_json)


@platform_webhooks.command("deliveries")
@click.argument("webhook_id")
@click.option("--status", help="pending, in_flight, delivered, failed or cancelled.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def deliveries(client: GatewayClient, as_json: bool, webhook_id: str, status: str | None, limit: int) -> None:
    """List what was delivered to one, newest first."""
    found = client.platform_webhook_deliveries(webhook_id, limit=limit, status=status)
    if as_json:
        show_json(list(found))
    else:
        show_table(found, COLUMNS)


@platform_webhooks.command("release")
@click.argument("webhook_id")
@client_command()
def release(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """End the pause that the receiver has asked for; what was held is sent now."""
    show_released(client.release_platform_webhook(webhook_id), as_json)


@platform_webhooks.command("rotate-secret")
@click.argument("webhook_id")
@rotation_options
@client_command()
def rotate_secret(client: GatewayClient, as_json: bool, webhook_id: str, **terms: Any) -> None:
    """Give one a new secret; prints it, this once. A leaked one: --grace-period 0 --force."""
    show_webhook(client.rotate_platform_secret(webhook_id, **rotation_terms(**terms)), as_json)


@platform_webhooks.command("finish-rotation")
@click.argument("webhook_id")
@client_command()
def finish_rotation(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """End a grace period now: the old secret signs nothing more."""
    show_webhook(client.finish_platform_rotation(webhook_id), as_json)


@platform_webhooks.command("redeliver")
@click.argument("webhook_id")
@redelivery_options
@client_command(everywhere=True)
def redeliver(client: GatewayClient, as_json: bool, webhook_id: str, wait: bool, **range_: Any) -> None:
    """Send again all events whose latest delivery to it failed, or others of a range.

    The job is looked at, and cancelled, with --org '*'.
    """
    dry_run = range_.pop("dry_run")
    order = client.count_platform_redelivery if dry_run else client.redeliver_platform_range
    show_ordered(client, dict(order(webhook_id, **range_body(range_))), as_json, wait)


@platform_webhooks.command("retry")
@click.argument("webhook_id")
@retry_options
@client_command(everywhere=True)
def retry(client: GatewayClient, as_json: bool, webhook_id: str, dry_run: bool, wait: bool) -> None:
    """Try at once what waits for its next attempt: for a receiver that is well again.

    A hold is not ended by this: release ends it. What waits without a time, because nobody answers, is not
    counted: the first answer sets it free.

    The job is looked at, and cancelled, with --org '*'.
    """
    order = client.count_platform_retry if dry_run else client.retry_platform_webhook
    show_ordered(client, dict(order(webhook_id)), as_json, wait, found=WAITING)


@platform_webhooks.command("replay")
@click.argument("webhook_id")
@range_options
@client_command(everywhere=True)
def replay(client: GatewayClient, as_json: bool, webhook_id: str, wait: bool, **range_: Any) -> None:
    """Send the events that match it and never had a delivery to it, of all organizations or those it lists.

    The job is looked at, and cancelled, with --org '*'.
    """
    order = client.count_platform_replay if range_.pop("dry_run") else client.replay_platform_range
    show_ordered(client, dict(order(webhook_id, **range_body(range_))), as_json, wait)


@platform_webhooks.command("stats")
@click.argument("webhook_id")
@window_option
@client_command()
def stats(client: GatewayClient, as_json: bool, webhook_id: str, window: str) -> None:
    """Show what came of the attempts to one, by the hour."""
    show_stats(dict(client.platform_webhook_stats(webhook_id, window=window)), as_json)
