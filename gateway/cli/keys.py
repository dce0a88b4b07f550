"""`keys`: make, list and revoke API keys, on this machine or over the API of a gateway elsewhere.

Without further word it is the operator's work: on the database, or through the socket of whoever serves it,
with no key needed. `--remote`, or naming a gateway or a variable with a key, goes over the HTTP API as every
client command does, with a key that may manage keys.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.connection import DEFAULT_URL, json_option, open_client
from gateway.cli.operate import existing_settings, load_settings
from gateway.cli.output import Column, cell, member, show_json, show_table
from gateway.cli.values import Duration, confirm

if TYPE_CHECKING:
    from gateway.cli.operator import KeysOverApi, Operator
    from gateway.config import Settings

ROLES = ("viewer", "operator", "admin")
_RANKS = {
    "id": 0, "name": 1, "org_id": 4, "role": 2, "scopes": 5, "created_at": 7, "expires_at": 6,
    "revoked_at": 3,
}  # fmt: skip


@dataclass(frozen=True)
class Remote:
    """A gateway elsewhere, as the options describe it."""

    url: str | None
    key_env: str


def _where(function: Callable[..., None]) -> Callable[..., None]:
    """The options that say whose keys; the function gets them as `remote`, None for this machine's."""

    @functools.wraps(function)
    def run(*, is_remote: bool, gateway_url: str | None, key_env: str | None, **values: Any) -> None:
        far = is_remote or gateway_url is not None or key_env is not None
        function(remote=Remote(gateway_url, key_env or "HUM_GATEWAY_KEY") if far else None, **values)

    wrapped: Callable[..., None] = run
    for option in (
        json_option,
        click.option(
            "--key-env", help="Variable that holds the API key [HUM_GATEWAY_KEY]; goes with --remote."
        ),
        click.option(
            "--gateway-url",
            "--url",
            "gateway_url",
            help=f"The gateway [HUM_GATEWAY_URL, {DEFAULT_URL}]; goes with --remote.",
        ),
        click.option(
            "--remote",
            "is_remote",
            is_flag=True,
            help="Over a gateway's API, with a key; without it, and without the next two, on this machine.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


@contextlib.contextmanager
def _keeper(
    remote: Remote | None, settings: Callable[[], Settings], org: str = ""
) -> Iterator[Operator | KeysOverApi]:
    """Of a gateway elsewhere with `org` as the organization to act for: none, if it is empty."""
    from gateway.cli.operator import KeysOverApi, Operator

    if remote is not None:
        with open_client(remote.url, remote.key_env, org) as client:
            yield KeysOverApi(client)
        return
    with Operator(settings()) as operator:
        yield operator


@click.group()
def keys() -> None:
    """Make, list and revoke API keys: this machine's, or with --remote a gateway's elsewhere."""


@keys.command("create")
@click.option("--platform", is_flag=True, help="A key for HUM's core: acts for any organization.")
@click.option("--scopes", help="Of a platform key, comma-separated; all has every one.")
@click.option(
    "--org", help="The organization of the key; with --remote also HUM_GATEWAY_ORG, or the caller's own."
)
@click.option("--role", type=click.Choice(ROLES), help="What the organization's key may do.")
@click.option("--expires-in", type=Duration(), help="Such as 90d; without it the key lasts until revoked.")
@click.option("--name", default="", help="What it is for.")
@_where
def create_key(as_json: bool, remote: Remote | None, scopes: str | None, **wanted: Any) -> None:
    """Print a new key, alone, as the last line of standard output. It is shown this once.

    With --remote nobody gives more than they have: an organization's key needs the role admin, a platform key
    the scope manage and what the new one brings.
    """
    platform, role = wanted["platform"], wanted["role"]
    if platform and (wanted["org"] or role):
        raise click.UsageError("--platform goes without --org and --role")
    if remote is not None and not platform:
        wanted["org"] = wanted["org"] or os.environ.get("HUM_GATEWAY_ORG") or None
    if not platform and not (role and (wanted["org"] or remote)):
        raise click.UsageError("give --platform, or --org and --role")
    if scopes and not platform:
        raise click.UsageError("--scopes goes with --platform")
    listed = [scope.strip() for scope in scopes.split(",") if scope.strip()] if scopes else None
    new = None if remote else _missing_database()
    with _keeper(remote, load_settings) as keeper:
        made = keeper.create_key(scopes=listed, **wanted)
    if new is not None:
        click.echo(f"made a new database: {new}", err=True)
        if os.environ.get("HUM_GATEWAY_URL"):
            click.echo("for a key of the gateway at HUM_GATEWAY_URL, add --remote", err=True)
    if as_json:
        show_json(made)
        return
    for name, value in made.items():
        if name != "key":
            click.echo(f"{name}: {cell(value)}", err=True)
    click.echo(made["key"])


def _missing_database() -> str | None:
    """The path of this machine's database when it has yet to be made."""
    from gateway.config import Settings

    path = Settings.load(os.environ).sqlite_path
    return None if path is None or path.exists() else str(path.absolute())


@keys.command("list")
@click.option("--org", help="Only this organization's; with --remote also HUM_GATEWAY_ORG.")
@_where
def list_keys(as_json: bool, remote: Remote | None, org: str | None) -> None:
    """List keys; their text is not kept."""
    if remote is not None:
        org = org or os.environ.get("HUM_GATEWAY_ORG")
    with _keeper(remote, existing_settings, org or "") as keeper:
        found = [key for key in keeper.list_keys() if org in (None, "", "*", key.get("org_id"))]
    if as_json:
        show_json(found)
        return
    elastic = ("name", "scopes")
    show_table(found, [Column(name, member(name), rank, name in elastic) for name, rank in _RANKS.items()])


@keys.command("revoke")
@click.argument("key_id")
@click.option("--yes", is_flag=True, help="Do not ask; needed where nobody can be asked.")
@_where
def revoke_key(as_json: bool, remote: Remote | None, key_id: str, yes: bool) -> None:
    """Revoke a key at once: whoever uses it is refused from then on."""
    settings = None if remote else existing_settings()
    confirm(f"Revoke {key_id}? Whoever uses it is refused from then on.", yes)
    with _keeper(remote, lambda: settings or existing_settings()) as keeper:
        keeper.revoke_key(key_id)
    if as_json:
        show_json({"id": key_id, "revoked": True})
    else:
        click.echo(f"revoked {key_id}", err=True)
