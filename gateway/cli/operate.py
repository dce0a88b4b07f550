"""The operator's commands: `serve`, `migrate`, `keygen`, `status`, `demo`."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import click

from gateway.cli.connection import json_option
from gateway.errors import StartupError

if TYPE_CHECKING:
    from gateway.config import Settings


def load_settings() -> Settings:
    """The settings from the environment; warnings go to standard error. Raises StartupError."""
    from gateway.config import Settings

    settings = Settings.load(os.environ)
    for warning in settings.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Port to listen on."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 256), help="Processes; PostgreSQL only."
)
@click.pass_context
def serve(ctx: click.Context, host: str, port: int, workers: int) -> None:
    """Migrate forward if needed, then serve the API and deliveries."""
    settings = load_settings()
    if workers > 1 and settings.is_sqlite:
        raise StartupError("--workers needs PostgreSQL: a SQLite file belongs to one process")
    from gateway.store.lock import locked

    with locked(settings.sqlite_path):  # before the heavy imports: a second gateway is refused at once
        from gateway.process import serve as run

        status = run(settings, host, port, workers)
    ctx.exit(status)


@click.command()
@json_option
def migrate(as_json: bool) -> None:
    """Bring the database to this version's schema."""
    from gateway.cli.output import show_json

    settings = load_settings()
    from gateway.store.lock import locked

    with locked(settings.sqlite_path):
        from gateway.process import migrate as run

        done = run(settings)
    if as_json:
        show_json({"done": done})
    else:
        click.echo(done)


@click.command()
@json_option
def keygen(as_json: bool) -> None:
    """Print a new master key for HUM_GATEWAY_MASTER_KEY."""
    from gateway.cli.output import show_json

    key = base64.b64encode(os.urandom(32)).decode()
    if as_json:
        show_json({"master_key": key})
    else:
        click.echo(key)


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Show what the gateway on this machine is doing, or its database when nobody serves."""
    from gateway.cli.operator import Operator
    from gateway.cli.output import show_fields, show_json

    settings = existing_settings()
    with Operator(settings) as operator:
        found = operator.status()
    if settings.sqlite_path and "database" in found:
        # As this command was reached by it; a gateway says it relative to its own directory.
        found["database"] = f"sqlite:///{settings.sqlite_path.absolute()}"
    if as_json:
        show_json(found)
    else:
        show_fields(found)


def existing_settings() -> Settings:
    """The settings, of a database that is there: looking at one must not make it. Raises StartupError."""
    settings = load_settings()
    path = settings.sqlite_path
    if path is not None and not path.exists():
        raise StartupError(
            f"there is no database {path.absolute()}\n"
            "  hint: HUM_GATEWAY_DATABASE_URL names it; hum-gateway serve or keys create makes a new one;"
            " keys … --remote asks a gateway elsewhere"
        )
    return settings


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running and print its addresses, a key and examples.")
@click.pass_context
def demo(ctx: click.Context, keep: bool) -> None:
    """Show the whole story on the embedded database; exits 0 only if all of it worked."""
    from gateway.cli.demo import run

    ctx.exit(run(keep))
