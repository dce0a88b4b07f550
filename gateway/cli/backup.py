"""`backup`: the database into a file, while it is served or not."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.connection import json_option
from gateway.cli.operate import existing_settings
from gateway.cli.output import Json, show_fields, show_json

if TYPE_CHECKING:
    from gateway.config import Settings


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
@json_option
def backup(as_json: bool, file: Path, force: bool) -> None:
    """Copy the SQLite database into FILE, while it is served or not; what is accepted meanwhile goes on.

    Every event that was acknowledged before the command began is in it. The copy is checked, and FILE is
    there only when all of it is. The master key is not in it, and without it nobody can read the database:
    keep it too, in another place. PostgreSQL has its own tools: the command names them.
    """
    from gateway.cli.operator import Operator

    settings = existing_settings()
    if settings.sqlite_path is None:
        raise click.ClickException(_postgresql(settings, file))
    with Operator(settings) as operator:
        made = _watched(operator.backup(file, force=force))
    if as_json:
        show_json(made)
        return
    show_fields(made)
    click.echo(f"The master key is not in it: {_key(settings)}. Keep it in another place.", err=True)


def _watched(lines: Iterable[Json]) -> Json:
    """What was made; meanwhile a bar on standard error, if that is a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task("copying", total=None)
        for line in lines:
            if "done" in line:
                done: Json = line["done"]
                return done
            copied, pages = line["copied"], line["pages"]
            what = "checking" if copied == pages > 0 else "copying"
            progress.update(bar, description=what, total=pages or None, completed=copied)
    raise click.ClickException("the gateway has ended, and the backup with it")


def _key(settings: Settings) -> str:
    """Where it is, as far as this command can tell."""
    path = settings.sqlite_path
    beside = path.with_name(path.name + ".key") if path is not None else None
    if not settings.master_keys and beside is not None and beside.exists():
        return f"it is {beside.absolute()}"
    return "it is the gateway's setting HUM_GATEWAY_MASTER_KEY"


def _postgresql(settings: Settings, file: Path) -> str:
    from gateway.store.engine import url_for_tools

    url = shlex.quote(url_for_tools(settings.database_url))
    return (
        "PostgreSQL is backed up by its own tools, which know more ways than one:\n"
        f"  pg_dump --format=custom --file={shlex.quote(str(file))} {url}\n"
        "and restored into an empty database:\n"
        f"  pg_restore --no-owner --dbname=URL {shlex.quote(str(file))}\n"
        "pg_dump asks for the password, or takes it from PGPASSWORD or ~/.pgpass. The master key is not in\n"
        "the dump: it is the setting HUM_GATEWAY_MASTER_KEY. Keep it in another place."
    )
