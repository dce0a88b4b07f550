"""`callers`: who has a number."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, TextIO

import click

from gateway.cli.connection import client_command
from gateway.cli.output import Column, cell, member, show_fields, show_json, show_table
from gateway.cli.sources import Sources
from gateway.cli.values import pairs

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.types import Resolution

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
        _show(found, Sources(client))
    if found["status"] == "unknown":
        raise SystemExit(1)


@callers.command("resolution")
@click.argument("resolution_id")
@click.option(
    "--wait-ms",
    type=click.IntRange(0, 20_000),
    default=0,
    show_default=True,
    help="How long to wait for sources that are still being asked.",
)
@click.option(
    "--after", type=click.IntRange(0, 1_000), default=0, show_default=True, help="The revision known already."
)
@click.option("--context", is_flag=True, help="Print the block for an agent's prompt and nothing else.")
@client_command()
def resolution(
    client: GatewayClient, as_json: bool, resolution_id: str, wait_ms: int, after: int, context: bool
) -> None:
    """Show what a caller was resolved to within the last day, with what came after the deadline."""
    found = client.get_resolution(resolution_id, wait_ms=wait_ms, after=after)
    if as_json:
        show_json(found)
    elif context:
        click.echo(found["context"], nl=False)
    else:
        _show(found, Sources(client))


@callers.command("preview")
@click.argument("phone", required=False)
@click.option(
    "--value", "values", multiple=True, metavar="FIELD=VALUE", help="Of somebody with these values."
)
@click.option("--direction", type=click.Choice(["inbound", "outbound"]), default="inbound", show_default=True)
@click.option("--attestation", type=click.Choice(["A", "B", "C", "none"]), help="STIR/SHAKEN.")
@click.option(
    "--template",
    type=click.File(encoding="utf-8"),
    help="Try the template in this file; - is standard input.",
)
@client_command()
def preview(
    client: GatewayClient,
    as_json: bool,
    phone: str | None,
    values: tuple[str, ...],
    template: TextIO | None,
    **details: Any,
) -> None:
    """Print what an agent would be told of a number, or of somebody with these values, without asking
    anybody. Which known fields that leaves out, and who would be asked in a call, goes to standard error."""
    if phone is None and not values:
        raise click.UsageError("name a PHONE, or give --value FIELD=VALUE, or both")
    asked: dict[str, Any] = {name: value for name, value in details.items() if value is not None}
    if phone is not None:
        asked["phone"] = phone
    if values:
        asked["contact"] = _contact(values)
    if template is not None:
        asked["context_template"] = template.read().rstrip("\n")
    found = client.preview_caller(**asked)
    if as_json:
        show_json(found)
        return
    click.echo(found["context"], nl=False)
    if found["withheld"]:
        click.echo(f"known and not told: {', '.join(found['withheld'])}", err=True)
    silent = [error["source"] for error in found["errors"] if error["error"] == "not_asked"]
    if silent:
        click.echo(f"would be asked in a call: {Sources(client).all_called(silent)}", err=True)


@callers.command("dial")
@click.option(
    "--window",
    type=click.Choice(["1h", "24h", "7d", "30d"]),
    default="7d",
    show_default=True,
    help="How far back.",
)
@client_command()
def dial(client: GatewayClient, as_json: bool, window: str) -> None:
    """Show how many callers would be known at which deadline, together and for each connector."""
    found = client.caller_dial(window=window)
    if as_json:
        show_json(found)
        return
    whole: dict[str, Any] = {**found, "name": "all together"}
    rows = [whole, *map(dict, found["connectors"])]
    columns = [Column("", member("name"), elastic=True), Column("callers", member("callers"))]
    for place, at in enumerate(found["deadlines"]):
        columns.append(Column(f"{at['deadline_ms']} ms", partial(_share, place)))
    columns.append(Column("ever", lambda row: _percent(row["known"], row["callers"])))
    show_table(rows, columns)


def _share(place: int, row: Mapping[str, Any]) -> str:
    return _percent(row["deadlines"][place]["known"], row["callers"])


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def _contact(values: tuple[str, ...]) -> dict[str, Any]:
    """`name=Ada`, `tags=vip,payer`, `fields.plan=gold`."""
    contact: dict[str, Any] = {}
    for name, value in pairs(values, "="):
        if name == "tags":
            contact["tags"] = [tag.strip() for tag in value.split(",") if tag.strip()]
        elif name.startswith("fields."):
            contact.setdefault("fields", {})[name.removeprefix("fields.")] = value
        else:
            contact[name] = value
    return contact


def _show(found: Resolution, sources: Sources) -> None:
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
            shown[sources.called(link["connector_id"])] = link["url"] or link["contact_id"]
    for error in found["errors"]:
        shown[f"no answer: {sources.called(error['source'])}"] = error["error"]
    if found["pending"]:
        pending = sources.all_called(found["pending"])
        shown["still asked"] = f"{pending}  (callers resolution {found['resolution_id']})"
    show_fields(shown)


def _with_source(found: Resolution, name: str, value: Any) -> str:
    contact = found["contact"]
    if contact is None or name not in contact["provenance"]:
        return cell(value)
    return f"{cell(value)}  ({contact['provenance'][name]}, {contact['ages'].get(name, 0)} s old)"
