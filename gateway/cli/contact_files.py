"""`contacts import` and `contacts export`: the address book as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.connection import client_command
from gateway.cli.output import clean, show_bytes, show_json

if TYPE_CHECKING:
    from gateway.client import GatewayClient

FORMATS = click.Choice(("csv", "ndjson"))


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "kind",
    type=FORMATS,
    help="A table, or a JSON object for each line [by the file's name, else csv].",
)
@click.option("--region", help="The country of numbers that are written without one [US].")
@click.option("--dry-run", is_flag=True, help="Only say what would become of it.")
@client_command()
def import_file(
    client: GatewayClient,
    as_json: bool,
    file: BinaryIO,
    kind: str | None,
    region: str | None,
    dry_run: bool,
) -> None:
    """Bring contacts in from FILE (- is standard input), and say which lines were refused. Exits with 1 when
    any was. The same file again changes nothing."""
    by_name = "ndjson" if str(getattr(file, "name", "")).endswith((".ndjson", ".jsonl")) else "csv"
    report = client.import_contacts(
        file.read(), format=kind or by_name, region=region, dry_run=dry_run or None
    )
    if as_json:
        show_json(report)
    else:
        for line in report["errors"]:
            what = f"{line['field']}: {line['message']}" if line["field"] else line["message"]
            click.echo(f"line {line['line']}  {clean(what)}", err=True)
        names = ("created", "updated", "unchanged", "refused")
        counts = ", ".join(f"{report[name]} {name}" for name in names)  # type: ignore[literal-required]
        what = "contact" if report["lines"] == 1 else "contacts"
        click.echo(f"{report['lines']} {what}: {counts}" + (" (dry run)" if dry_run else ""))
    if report["refused"]:
        raise SystemExit(1)


@click.command()
@click.option(
    "--format", "kind", type=FORMATS, default="csv", show_default=True,
    help="A table, or a JSON object for each line; --json is the latter.",
)  # fmt: skip
@click.option("--tag", help="Only those with this tag.")
@client_command()
def export(client: GatewayClient, as_json: bool, kind: str, tag: str | None) -> None:
    """Write the address book to standard output. Needs the role admin."""
    show_bytes(client.export_contacts(format="ndjson" if as_json else kind, tag=tag))
