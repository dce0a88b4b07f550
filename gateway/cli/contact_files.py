"""`contacts import` and `contacts export`: the address book as a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

import click

from gateway.cli.connection import client_command
from gateway.cli.output import Column, clean, member, show_bytes, show_json, show_table

if TYPE_CHECKING:
    from gateway.client import GatewayClient
    from gateway.client.types import ImportReport

FORMATS = click.Choice(("csv", "ndjson"))


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--format",
    "kind",
    type=FORMATS,
    help="A table, or a JSON object for each line [by the file's name, else csv].",
)
@click.option(
    "--map",
    "maps",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="This column, or key, is phone, name, tags, … or fields.NAME; repeatable.",
)
@click.option(
    "--ignore",
    multiple=True,
    metavar="COLUMN",
    help="Leave this column or key out; repeatable. '*' leaves out all that are no field.",
)
@click.option(
    "--region",
    help="The country of numbers that are written without one [the organization's default region, else US].",
)
@click.option("--dry-run", is_flag=True, help="Only say what would become of it, and of each column.")
@client_command()
def import_file(
    client: GatewayClient,
    as_json: bool,
    file: BinaryIO,
    kind: str | None,
    maps: tuple[str, ...],
    ignore: tuple[str, ...],
    region: str | None,
    dry_run: bool,
) -> None:
    """Bring contacts in from FILE (- is standard input), and say which lines were refused. Exits with 1 when
    any was. The same file again changes nothing."""
    by_name = "ndjson" if str(getattr(file, "name", "")).endswith((".ndjson", ".jsonl")) else "csv"
    report = client.import_contacts(
        file.read(), format=kind or by_name, map=_mapped(maps), ignore=ignore, region=region,
        dry_run=dry_run or None,
    )  # fmt: skip
    if as_json:
        show_json(report)
    else:
        _show(report)
    if report["refused"]:
        raise SystemExit(1)


def _mapped(entries: tuple[str, ...]) -> dict[str, str]:
    """Fields by column. Raises click.BadParameter."""
    mapped: dict[str, str] = {}
    for entry in entries:
        column, _, field = (part.strip() for part in entry.rpartition("="))
        if not column or not field:
            raise click.BadParameter(f"{entry!r} is not COLUMN=FIELD", param_hint="--map")
        if column in mapped:
            raise click.BadParameter(f"{column!r} is mapped twice", param_hint="--map")
        mapped[column] = field
    return mapped


def _show(report: ImportReport) -> None:
    """Refused lines and how many more there are on standard error, then what became of all; of a dry run also
    of the columns."""
    for line in report["errors"]:
        what = f"{line['field']}: {line['message']}" if line["field"] else line["message"]
        click.echo(f"line {line['line']}  {clean(what)}", err=True)
    shown = len(report["errors"])
    if (more := report["refused"] - shown) > 0:
        lines = "line was" if more == 1 else "lines were"
        click.echo(f"{more:,} more {lines} refused; the first {shown:,} are shown", err=True)
    if report["dry_run"] and report["columns"]:
        show_table(report["columns"], [Column(name, member(name)) for name in ("column", "field")])
        click.echo()
    names = ("created", "updated", "unchanged", "refused")
    counts = ", ".join(f"{report[name]:,} {name}" for name in names)  # type: ignore[literal-required]
    what = "contact" if report["lines"] == 1 else "contacts"
    click.echo(f"{report['lines']:,} {what}: {counts}" + (" (dry run)" if report["dry_run"] else ""))


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
