"""`deliveries`: what was sent where, and how each attempt went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command, show_list
from gateway.cli.output import Column, Json, Row, clean, indent, member, show_fields, show_json, show_table
from gateway.cli.values import Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient

BODY_SHOWN = 400  # characters of a receiver's answer

COLUMNS = [
    Column("id", member("id")),
    Column("type", member("event_type"), 2),
    Column("target", member("target", "id"), 5),
    Column("status", lambda row: _status(row)),
    Column("attempts", member("attempts_made"), 3),
    Column("last", lambda row: row.get("last_status_code") or row.get("last_error")),
    Column("created", member("created_at"), 4),
    Column("next attempt", member("next_attempt_at"), 1),
]


@click.group()
def deliveries() -> None:
    """Look at deliveries and their attempts; send one again, or not at all."""


@deliveries.command("list")
@click.option("--webhook", help="Only to this webhook.")
@click.option("--event", help="Only of this event.")
@click.option("--status", help="pending, in_flight, delivered, failed or cancelled.")
@click.option("--type", "event_type", help="Only this event type.")
@click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago.")
@click.option("--until", type=Moment(), help="Before this time.")
@click.option("--code", "last_status_code", type=click.IntRange(100, 999), help="Last answered with this.")
@click.option("--error", "last_error", help="Last ended with this error, such as timeout.")
@click.option("--search", "q", help="Only where the payload holds this text; give --since with it.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_deliveries(
    client: GatewayClient,
    as_json: bool,
    webhook: str | None,
    event: str | None,
    event_type: str | None,
    limit: int,
    **filters: Any,
) -> None:
    """List deliveries, newest first."""
    found = client.list_deliveries(
        webhook_id=webhook, event_id=event, type=event_type, limit=limit, **filters
    )
    show_list(client, as_json, found, COLUMNS)


@deliveries.command("get")
@click.argument("delivery_id")
@click.option("--payload", "with_payload", is_flag=True, help="Show the payload too.")
@click.option("--body", "body_only", is_flag=True, help="Print the request's body alone, byte for byte.")
@client_command()
def get(client: GatewayClient, as_json: bool, delivery_id: str, with_payload: bool, body_only: bool) -> None:
    """Show one delivery and each of its attempts.

    With --json, `attempts` holds what each attempt sent and got: url, request_headers, status_code,
    response_headers, response_body.
    """
    from msgspec import Raw
    from msgspec.json import decode

    if body_only and (as_json or with_payload):
        raise click.UsageError("--body goes without --json and --payload")
    answer = client.raw_delivery(delivery_id)
    if as_json:
        show_json(answer)
        return
    parts = decode(answer, type=dict[str, Raw])
    payload = parts.pop("payload", None)
    if body_only:
        if payload is None or bytes(payload) == b"null":
            raise click.ClickException(f"the body of {delivery_id} is not kept, or not open to this key")
        click.echo(bytes(payload), nl=False)
        return
    delivery: Json = {name: decode(value) for name, value in parts.items()}
    shown = delivery | {
        "status": _status(delivery),
        "target": _target(delivery),
        "waiting_for": (delivery.get("waiting_for") or {}).get("message"),
    }
    show_fields(shown, skip=("attempts", "reason"))
    attempts = delivery.get("attempts") or []
    click.echo("" if attempts else "\nno attempt yet")
    for attempt in attempts:
        _show_attempt(attempt)
    if with_payload and payload is not None:
        click.echo("\npayload")
        click.echo(indent(bytes(payload).decode()))


@deliveries.command("redeliver")
@click.argument("delivery_id")
@client_command()
def redeliver(client: GatewayClient, as_json: bool, delivery_id: str) -> None:
    """Send the event of a delivery to its webhook once more.

    It goes to the webhook's present URL, signed with its present secret, under the same `webhook-id`.
    """
    made = client.redeliver(delivery_id)
    if as_json:
        show_json(made)
    else:
        show_table([made], COLUMNS)


@deliveries.command("cancel")
@click.argument("delivery_id")
@client_command()
def cancel(client: GatewayClient, as_json: bool, delivery_id: str) -> None:
    """Do not send a delivery any more."""
    cancelled = client.cancel_delivery(delivery_id)
    if as_json:
        show_json(cancelled)
    else:
        click.echo(f"cancelled {delivery_id}", err=True)


def _status(delivery: Row) -> str:
    notes = [note for note in (delivery.get("reason"), "test" if delivery.get("test") else None) if note]
    status = str(delivery.get("status"))
    return f"{status} ({', '.join(notes)})" if notes else status


def _target(delivery: Json) -> str:
    target = delivery.get("target") or {}
    return f"{target.get('type')} {target.get('id')}"


def _show_attempt(attempt: Json) -> None:
    """A line with time, result, duration and address; below it the URL, what went wrong in a sentence, and
    the first part of the answer."""
    code = attempt.get("status_code")
    result = " ".join(str(part) for part in (f"HTTP {code}" if code else None, _error(attempt)) if part)
    good = isinstance(code, int) and 200 <= code < 300 and not attempt.get("error")
    duration = attempt.get("duration_ms")
    parts = [
        f"#{attempt.get('number')}",
        str(attempt.get("started_at")),
        click.style(clean(result or "no answer recorded"), fg="green" if good else "red"),
        f"{duration} ms" if duration is not None else "",
        f"from {attempt['remote_ip']}" if attempt.get("remote_ip") else "",
        "(the other secret was refused first)" if attempt.get("swapped_from") else "",
    ]
    click.echo("  ".join(part for part in parts if part))
    for field in ("url", "error_detail"):
        if attempt.get(field):
            click.echo("    " + clean(str(attempt[field])))
    body = clean(" ".join(str(attempt.get("response_body") or "").split()))
    if body:
        cut = len(body) > BODY_SHOWN or attempt.get("response_truncated")
        click.echo("    answered: " + body[:BODY_SHOWN] + (" …" if cut else ""))


def _error(attempt: Json) -> str | None:
    error = attempt.get("error")
    return None if error == "http_status" else error  # the status says it already
