"""`audit`: who did what, and whether the log is as it was written."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import client_command, json_option, open_client, show_list
from gateway.cli.output import Column, Json, member, show_json, show_table
from gateway.cli.values import Moment

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.domain.audit import Finding

COLUMNS = [
    Column("at", member("at")),
    Column("actor", member("actor"), 1, True),
    Column("action", member("action")),
    Column("object", lambda row: row.get("object_id") or row.get("object_type"), 2),
    Column("address", member("address"), 3),
    Column("details", member("details"), 4, True),
]

FILTERS = (
    click.option("--action", help="Only this operation, such as createWebhook."),
    click.option("--object", "object_id", help="Only what was done to this id."),
    click.option("--actor", help="Only what this key or person did."),
    click.option("--since", type=Moment(), help="From this time on; 2h means two hours ago."),
    click.option("--until", type=Moment(), help="Before this time."),
)


def _filtered(function: Any) -> Any:
    for option in reversed(FILTERS):
        function = option(function)
    return function


@click.group()
def audit() -> None:
    """See who did what, and verify the log."""


@audit.command("list")
@_filtered
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1), help="At most so many.")
@client_command()
def list_audit(client: GatewayClient, as_json: bool, limit: int, **filters: Any) -> None:
    """List entries, newest first."""
    found = client.list_audit(limit=limit, **filters)
    show_list(client, as_json, found, COLUMNS)


@audit.command("export")
@_filtered
@click.option("--csv", "as_csv", is_flag=True, help="As CSV; else a JSON object on each line.")
@client_command()
def export(client: GatewayClient, as_json: bool, as_csv: bool, **filters: Any) -> None:
    """Print all entries, oldest first; `audit verify --file` reads the JSON form."""
    if as_csv and as_json:
        raise click.UsageError("--csv goes without --json")
    entries: Iterable[Json] = map(dict, client.list_audit(order="asc", **filters))
    if as_csv:
        _print_csv(entries)
        return
    for entry in entries:
        click.echo(json.dumps(entry, separators=(",", ":")))


def _entries(source: Iterable[str]) -> list[dict[str, Any]]:
    """The entries of an export, one a line."""
    entries = []
    for number, line in enumerate(source, 1):
        if not line.strip():
            continue
        try:
            entries.append(json.loads(line))
        except ValueError:
            raise click.ClickException(
                f"line {number} is not JSON: verify reads what `audit export` writes without --csv"
            ) from None
    return entries


@audit.command("verify")
@click.option(
    "--file", "source", type=click.File("r", encoding="utf-8"), help="An export, instead of the API."
)
@click.option("--local", is_flag=True, help="The database of this machine, every organization; needs no key.")
@click.option("--gateway-url", "--url", "gateway_url", help="The gateway [HUM_GATEWAY_URL].")
@click.option(
    "--key-env", default="HUM_GATEWAY_KEY", show_default=True, help="Variable that holds the API key."
)
@click.option("--org", help="Organization a platform key acts for [HUM_GATEWAY_ORG]; * is every one.")
@json_option
def verify(source: Any, local: bool, as_json: bool, **connection: Any) -> None:
    """Follow each chain of hashes; exits 1 and names the first entry that is missing or was changed."""
    if source is not None and local:
        raise click.UsageError("--file goes without --local")
    if source is not None:
        found = _follow(_entries(source), {})
    elif local:
        found = _local()
    else:
        with open_client(**connection) as client:
            found = _over_api(client, connection["org"] or os.environ.get("HUM_GATEWAY_ORG") or "*")
    shown = [
        {"org": one.org_id, "entries": one.entries, "head": one.head.hex(), "broken": one.broken}
        for one in found
    ]
    if as_json:
        show_json(shown)
    else:
        show_table(shown, [Column(name, member(name)) for name in ("org", "entries", "head", "broken")])
    if any(one.broken for one in found):
        click.get_current_context().exit(1)


def _over_api(client: GatewayClient, org: str) -> list[Finding]:
    """The organization's chain, or with `*` each that the key may read. The heads are asked for first: what
    is written meanwhile does no harm."""
    heads = {one["id"]: one["audit_head"] for one in client.list_organizations() if org in ("*", one["id"])}
    return _follow(map(dict, client.list_audit(order="asc")), heads)


def _follow(entries: Iterable[Json], heads: dict[str, str | None]) -> list[Finding]:
    from gateway.domain.audit import Chain

    by_org: dict[str, list[Json]] = {org: [] for org, head in heads.items() if head}
    for entry in entries:
        by_org.setdefault(str(entry.get("org_id")), []).append(entry)
    found = []
    for org, own in sorted(by_org.items()):
        head = heads.get(org)
        chain = Chain(org, bytes.fromhex(head) if head else None)
        for entry in sorted(own, key=lambda one: int(one.get("number", 0))):
            chain.follow(entry)
        found.append(chain.end())
    return found


def _local() -> list[Finding]:
    from gateway.cli.operate import existing_settings
    from gateway.cli.operator import Operator

    with Operator(existing_settings()) as operator:
        return operator.verify_audit()


def _print_csv(entries: Iterable[Json]) -> None:
    """What spreadsheets would take for a formula begins with an apostrophe."""
    writer: Any = None
    for entry in entries:
        if writer is None:
            writer = csv.DictWriter(sys.stdout, list(entry))
            writer.writeheader()
        row = entry | {"details": json.dumps(entry["details"])}
        writer.writerow({name: _plain(value) for name, value in row.items()})


def _plain(value: object) -> object:
    return (
        f"'{value}"
        if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r"))
        else value
    )
