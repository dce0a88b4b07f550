"""`callers`: who has a number."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command
from gateway.cli.output import cell, show_fields, show_json

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.types_callers import Resolution

_PLAIN = (
    "name", "email", "company", "title", "carrier", "line_type", "caller_name", "tags",
)  # fmt: skip


@click.group()
def callers() -> None:
    """Ask who is calling."""


@callers.command("resolve")
@click.argument("phone")
@click.option("--call-id", help="HUM's id of the call; connectors get it.")
@click.option(
    "--direction",
    type=click.Choice(["inbound", "outbound"]),
    default="inbound",
    show_default=True,
    help="Whether the person calls, or is called.",
)
@click.option(
    "--attestation",
    type=click.Choice(["A", "B", "C", "none"]),
    help="STIR/SHAKEN: how sure the network is of the number.",
)
@click.option(
    "--deadline-ms",
    type=click.IntRange(50, 10_000),
    default=900,
    show_default=True,
    help="How long the answer may take.",
)
@click.option("--context", is_flag=True, help="Print the block for an agent's prompt and nothing else.")
@client_command()
def resolve(client: GatewayClient, as_json: bool, phone: str, context: bool, **details: Any) -> None:
    """Say who has a number, in any notation. Exits with 1 when that is unknown: a source did not answer, or
    nobody could be found under such a number. That nobody knows it is an answer."""
    found = client.resolve_caller(
        phone=phone, **{name: value for name, value in details.items() if value is not None}
    )
    if as_json:
        show_json(found)
    elif context:
        click.echo(found["context"], nl=False)
    else:
        _show(found)
    if found["status"] == "unknown":
        raise SystemExit(1)


def _show(found: Resolution) -> None:
    """What is known, with the age and kind of source behind each value; then what is missing."""
    shown: dict[str, Any] = {
        "status": f"{found['status']} ({found['source']}, {found['elapsed_ms']} ms)",
        "phone": found["phone"],
    }
    contact = found["contact"]
    if contact is not None:
        values: dict[str, Any] = {**contact}
        shown |= {name: _with_source(found, name, values[name]) for name in _PLAIN if values[name]}
        for link in contact["crm"]:
            shown[link["connector_id"]] = link["url"] or link["contact_id"]
    for error in found["errors"]:
        shown[f"no answer: {error['source']}"] = error["error"]
    show_fields(shown)


def _with_source(found: Resolution, name: str, value: Any) -> str:
    contact = found["contact"]
    if contact is None or name not in contact["provenance"]:
        return cell(value)
    return f"{cell(value)}  ({contact['provenance'][name]}, {contact['ages'].get(name, 0)} s old)"
