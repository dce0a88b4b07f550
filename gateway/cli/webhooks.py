"""`webhooks`: register receivers and manage them over the HTTP API."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command, show_list
from gateway.cli.jobs import (
    WAITING,
    range_body,
    range_options,
    redelivery_options,
    retry_options,
    show_ordered,
)
from gateway.cli.output import Column, Json, Row, member, show_fields, show_json, show_warnings
from gateway.cli.values import confirm, environment, pairs

if TYPE_CHECKING:
    from gateway.client import GatewayClient


@click.group()
def webhooks() -> None:
    """Register receivers and manage them."""


def webhook_options(required: bool) -> Callable[[Callable[..., None]], Callable[..., None]]:
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
        click.option("--rate-limit", type=int, help="At most so many requests per second; 0 for no limit."),
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


def webhook_body(given: dict[str, Any], *, update: bool = False) -> Json:
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
    if body.get("rate_limit_per_second") == 0:
        body["rate_limit_per_second"] = None
    return body | removed


def show_webhook(webhook: Row, as_json: bool) -> None:
    if as_json:
        show_json(webhook)
        return
    shown = {**webhook, "status": standing(webhook)}
    show_fields(shown, skip=("secret", "warnings", "was_held_until"))
    show_warnings(webhook)
    if webhook.get("secret"):
        click.echo(f"\nThe secret, shown this once:\n{webhook['secret']}")


def standing(webhook: Row) -> str:
    """Its status in a word: a webhook that is enabled and gets nothing because it is held is `held`."""
    held = webhook.get("status") == "enabled" and webhook.get("held_until")
    return "held" if held else str(webhook.get("status"))


def show_released(webhook: Row, as_json: bool) -> None:
    """What was ended goes to standard error, the webhook to standard output."""
    if not as_json:
        until = webhook.get("was_held_until")
        said = f"ended the hold that would have lasted until {until}" if until else "it was not held"
        click.echo(said, err=True)
    show_webhook(webhook, as_json)


@webhooks.command("create")
@webhook_options(required=True)
@click.option("--secret-env", help="Variable that holds a secret to import [a new one is made].")
@click.option("--disabled", is_flag=True, help="Do not deliver yet.")
@client_command(takes_url=True)
def create(
    client: GatewayClient, as_json: bool, secret_env: str | None, disabled: bool, **given: Any
) -> None:
    """Register a receiver; prints its secret, this once."""
    body = webhook_body(given)
    if secret_env:
        body["secret"] = environment(secret_env)
    if disabled:
        body["enabled"] = False
    show_webhook(client.create_webhook(**body), as_json)


@webhooks.command("list")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_webhooks(client: GatewayClient, as_json: bool, limit: int) -> None:
    """List webhooks, newest first."""
    found = client.list_webhooks(limit=limit)
    elastic = ("url", "events", "description")
    ranks = {
        "id": 0, "url": 1, "events": 3, "status": 0, "disabled_reason": 2, "held_until": 2,
        "failing_since": 4, "description": 5,
    }  # fmt: skip
    show_list(client, as_json, found, webhook_columns(ranks, elastic))


def webhook_columns(ranks: dict[str, int], elastic: tuple[str, ...]) -> list[Column]:
    """The columns of a list of webhooks, by the name of the member that each shows."""
    read = {"status": standing}
    return [Column(name, read.get(name, member(name)), rank, name in elastic) for name, rank in ranks.items()]


@webhooks.command("get")
@click.argument("webhook_id")
@client_command()
def get(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Show one webhook."""
    show_webhook(client.get_webhook(webhook_id), as_json)


@webhooks.command("update")
@click.argument("webhook_id")
@webhook_options(required=False)
@client_command(takes_url=True)
def update(client: GatewayClient, as_json: bool, webhook_id: str, **given: Any) -> None:
    """Change what is given, and nothing else. A new origin needs all header values again."""
    body = webhook_body(given, update=True)
    if not body:
        raise click.UsageError("nothing to change")
    show_webhook(client.update_webhook(webhook_id, **body), as_json)


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
    show_webhook(client.enable_webhook(webhook_id, pending=pending), as_json)


@webhooks.command("redeliver")
@click.argument("webhook_id")
@redelivery_options
@client_command()
def redeliver(client: GatewayClient, as_json: bool, webhook_id: str, wait: bool, **range_: Any) -> None:
    """Send again all events whose latest delivery to the webhook failed, or others of a range.

    They go oldest first, and after everything else that the webhook is owed.
    """
    order = client.count_redelivery if range_.pop("dry_run") else client.redeliver_range
    show_ordered(client, dict(order(webhook_id, **range_body(range_))), as_json, wait)


@webhooks.command("retry")
@click.argument("webhook_id")
@retry_options
@client_command()
def retry(client: GatewayClient, as_json: bool, webhook_id: str, dry_run: bool, wait: bool) -> None:
    """Try at once what waits for its next attempt: for a receiver that is well again.

    A hold is not ended by this: release ends it. What waits without a time, because nobody answers, is not
    counted: the first answer sets it free.
    """
    order = client.count_retry if dry_run else client.retry_webhook
    show_ordered(client, dict(order(webhook_id)), as_json, wait, found=WAITING)


@webhooks.command("replay")
@click.argument("webhook_id")
@range_options
@client_command()
def replay(client: GatewayClient, as_json: bool, webhook_id: str, wait: bool, **range_: Any) -> None:
    """Send the events that match the webhook and never had a delivery to it.

    For a new webhook, for types that were added later, and for the time in which a person had disabled it.
    """
    order = client.count_replay if range_.pop("dry_run") else client.replay_range
    show_ordered(client, dict(order(webhook_id, **range_body(range_))), as_json, wait)


@webhooks.command("disable")
@click.argument("webhook_id")
@client_command()
def disable(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """Stop delivering; no deliveries are made until it is enabled."""
    show_webhook(client.disable_webhook(webhook_id), as_json)


@webhooks.command("test")
@click.argument("webhook_id")
@click.option("--type", "event_type", help="Whose example is sent [webhook.test].")
@client_command()
def test(client: GatewayClient, as_json: bool, webhook_id: str, event_type: str | None) -> None:
    """Send a sample now, also while it is disabled; exit status 1 unless the receiver took it."""
    show_result(client.test_webhook(webhook_id, type=event_type), as_json)


def show_result(result: Row, as_json: bool) -> None:
    """What came of a test; ends the command with status 1 when the receiver did not take it."""
    if as_json:
        show_json(result)
    else:
        show_fields(result, skip=() if result.get("error_detail") else ("error_detail",))
    if not result["ok"]:
        raise click.exceptions.Exit(1)


@webhooks.command("release")
@click.argument("webhook_id")
@client_command()
def release(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """End the pause that the receiver has asked for; what was held is sent now."""
    show_released(client.release_webhook(webhook_id), as_json)


def rotation_options(function: Callable[..., None]) -> Callable[..., None]:
    """The options of a rotation; `rotation_terms` reads them."""
    for option in (
        click.option("--force", is_flag=True, help="Also while a rotation is under way."),
        click.option("--secret-env", help="Variable that holds a secret to import [a new one is made]."),
        click.option(
            "--grace-period",
            type=int,
            help="Seconds in which the old secret signs, too; 0 to 604800 [86400].",
        ),
    ):
        function = option(function)
    return function


def rotation_terms(grace_period: int | None, secret_env: str | None, force: bool) -> dict[str, Any]:
    """What the client's call takes."""
    secret = environment(secret_env) if secret_env else None
    return {"grace_period_seconds": grace_period, "secret": secret, "force": force}


@webhooks.command("rotate-secret")
@click.argument("webhook_id")
@rotation_options
@client_command()
def rotate_secret(client: GatewayClient, as_json: bool, webhook_id: str, **terms: Any) -> None:
    """Give a webhook a new secret; prints it, this once. A leaked one: --grace-period 0 --force."""
    show_webhook(client.rotate_secret(webhook_id, **rotation_terms(**terms)), as_json)


@webhooks.command("finish-rotation")
@click.argument("webhook_id")
@client_command()
def finish_rotation(client: GatewayClient, as_json: bool, webhook_id: str) -> None:
    """End a grace period now: the old secret signs nothing more."""
    show_webhook(client.finish_rotation(webhook_id), as_json)
