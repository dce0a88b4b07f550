"""The operator's commands: `serve`, `migrate`, `keygen`, `status`, `keys`, `demo`."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import json_option
from gateway.cli.values import Duration, confirm
from gateway.errors import StartupError

if TYPE_CHECKING:
    from gateway.config import Settings

ROLES = ("viewer", "operator", "admin")


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
            "  hint: HUM_GATEWAY_DATABASE_URL names it; hum-gateway serve or keys create makes a new one"
        )
    return settings


@click.group()
def keys() -> None:
    """Make, list and revoke API keys."""


@keys.command("create")
@click.option("--platform", is_flag=True, help="A key for HUM's core: acts for any organization.")
@click.option("--scopes", help="Of a platform key, comma-separated; all has every one.")
@click.option("--org", help="The organization of the key.")
@click.option("--role", type=click.Choice(ROLES), help="What the organization's key may do.")
@click.option("--expires-in", type=Duration(), help="Such as 90d; without it the key lasts until revoked.")
@click.option("--name", default="", help="What it is for.")
@json_option
def create_key(as_json: bool, scopes: str | None, **wanted: Any) -> None:
    """Print a new key, alone, as the last line of standard output. It is shown this once."""
    platform, org, role = wanted["platform"], wanted["org"], wanted["role"]
    if platform and (org or role):
        raise click.UsageError("--platform goes without --org and --role")
    if not platform and not (org and role):
        raise click.UsageError("give --platform, or --org and --role")
    if scopes and not platform:
        raise click.UsageError("--scopes goes with --platform")
    from gateway.cli.operator import Operator
    from gateway.cli.output import cell, show_json

    listed = [scope.strip() for scope in scopes.split(",") if scope.strip()] if scopes else None
    settings = load_settings()
    path = settings.sqlite_path
    new = path is not None and not path.exists()
    with Operator(settings) as operator:
        made = operator.create_key(scopes=listed, **wanted)
    if new and path is not None:
        click.echo(f"made a new database: {path.absolute()}", err=True)
    if as_json:
        show_json(made)
        return
    for name, value in made.items():
        if name != "key":
            click.echo(f"{name}: {cell(value)}", err=True)
    click.echo(made["key"])


@keys.command("list")
@json_option
def list_keys(as_json: bool) -> None:
    """List keys; their text is not kept."""
    from gateway.cli.operator import Operator
    from gateway.cli.output import Column, member, show_json, show_table

    with Operator(existing_settings()) as operator:
        found = operator.list_keys()
    if as_json:
        show_json(found)
        return
    elastic = ("name", "scopes")
    ranks = {
        "id": 0, "name": 1, "org_id": 4, "role": 2, "scopes": 5, "created_at": 7, "expires_at": 6,
        "revoked_at": 3,
    }  # fmt: skip
    show_table(found, [Column(name, member(name), rank, name in elastic) for name, rank in ranks.items()])


@keys.command("revoke")
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@json_option
def revoke_key(as_json: bool, key_id: str, yes: bool) -> None:
    """Revoke a key at once: whoever uses it is refused from then on."""
    from gateway.cli.operator import Operator
    from gateway.cli.output import show_json

    settings = existing_settings()
    confirm(f"Revoke {key_id}? Whoever uses it is refused from then on.", yes)
    with Operator(settings) as operator:
        operator.revoke_key(key_id)
    if as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        click.echo(f"revoked {key_id}", err=True)


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running and print its addresses, a key and examples.")
@click.pass_context
def demo(ctx: click.Context, keep: bool) -> None:
    """Show the whole story on the embedded database; exits 0 only if all of it worked."""
    from gateway.cli.demo import run

    ctx.exit(run(keep))
