"""The command line, `hum-connector`: serves a connector, begins one, checks one, sends a request to one.

    serve NAME   the connector over HTTP        list   those that are shipped, with their settings
    new NAME     a directory to begin with      send   one signed request, by hand
    check URL    everything that the contract asks (`connectors.kit.conformance`)

What is heavy (the server, httpx, rich, the connectors) is imported inside the command that needs it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from connectors.kit.connector import Connector, Setting

SHORTEST_SECRET = 16  # characters, of each secret; HUM makes and takes no shorter ones
_CHECK = "connectors.kit.conformance.command"


class _Root(click.Group):
    """Adds `check`, which is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), *(["check"] if _has_check() else [])])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "check" or not _has_check():
            return super().get_command(ctx, cmd_name)
        import importlib

        command: click.Command = importlib.import_module(_CHECK).check
        return command


def _has_check() -> bool:
    from importlib.util import find_spec

    return find_spec(_CHECK.rpartition(".")[0]) is not None and find_spec(_CHECK) is not None


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from importlib import metadata

        click.echo(f"hum-connector {metadata.version('hum-gateway')}")
        ctx.exit()


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Connectors between HUM and a CRM: serve, begin, check."""


@main.command()
@click.argument("name")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9100, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option(
    "--secret-env",
    "variables",
    multiple=True,
    required=True,
    metavar="VAR",
    help="Variable that holds the connector's secret; several, separated by commas, while it is rotated.",
)
@click.option(
    "--ledger",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that remembers which call became which activity.  [default: var/connector-NAME.db]",
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False),
    help="JSON file of contacts to begin with, for connectors that take one.",
)
def serve(
    name: str, host: str, port: int, variables: tuple[str, ...], ledger: Path | None, seed: str | None
) -> None:
    """Serve a connector: NAME is a shipped one, module:Class, or the path of your own connector.py."""
    kind = _found(name)
    given = _seeded(kind, seed)
    problems, secrets = _secrets(variables)
    connector = None
    try:
        connector = _made(kind, given)
    except click.ClickException as error:
        problems += error.message.splitlines()
    if problems or connector is None:
        raise click.ClickException("the connector cannot be served:\n" + _lines(problems))
    file = ledger or Path("var") / f"connector-{_slug(kind)}.db"
    from connectors.serving import run

    run(connector, secrets, host=host, port=port, ledger=file)


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_connectors(as_json: bool) -> None:
    """List the connectors that are shipped, and the environment variables that each reads."""
    from connectors.registry import shipped

    rows = [_described(name) for name in shipped()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['name']}  {row.get('unavailable') or row['summary']}")
        for setting in row["settings"]:
            click.echo(f"    {setting['name']}  {setting['help']} ({_default(setting)})")


@main.command()
@click.argument("name")
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="Where.  [default: ./NAME]")
def new(name: str, directory: Path | None) -> None:
    """Begin a connector: a directory in which lookups work at once, with tests."""
    from connectors.beginning import NotBegun, begin

    try:
        files = begin(name, directory or Path(name))
    except NotBegun as error:
        raise click.ClickException(str(error)) from error
    for file in files:
        click.echo(file)
    click.echo(f"next: hum-connector serve {_relative(files[0])} --secret-env HUM_SECRET", err=True)


@main.command()
@click.argument("url")
@click.argument("event", type=click.Choice(["contact.lookup", "contact.create", "call.sync", "ping"]))
@click.argument("body", default="{}")
@click.option(
    "--secret-env", "variable", required=True, metavar="VAR", help="Variable that holds the secret."
)
@click.option("--delivery", metavar="ID", help="X-HUM-Delivery; the same one again is the same request.")
def send(url: str, event: str, body: str, variable: str, delivery: str | None) -> None:
    """Send one signed request to the connector at URL and print its answer; BODY is JSON, or - for a pipe."""
    problems, secrets = _secrets((variable,))
    if problems:
        raise click.ClickException(_lines(problems))
    content = (sys.stdin.read() if body == "-" else body).encode()
    import httpx

    from connectors.kit.signing import PATHS, signed

    try:
        answer = httpx.post(
            url.rstrip("/") + PATHS[event],
            content=content,
            headers=signed(content, event, secrets[0], delivery=delivery),
            timeout=30,
        )
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise click.ClickException(f"{url}: {error}") from error
    click.echo(f"HTTP {answer.status_code}", err=True)
    click.echo(_printable(answer))
    if not answer.is_success:
        sys.exit(1)


def _relative(file: Path) -> str:
    return str(file) if file.is_absolute() else f"./{file.as_posix()}"


def _found(name: str) -> type[Connector]:
    from connectors.registry import NoConnector, find

    try:
        return find(name)
    except NoConnector as error:
        raise click.ClickException(str(error)) from error


def _made(kind: type[Connector], given: Mapping[str, str]) -> Connector:
    from connectors.registry import NoConnector, make

    try:
        return make(kind, os.environ, given)
    except NoConnector as error:
        raise click.ClickException(str(error)) from error


def _seeded(kind: type[Connector], seed: str | None) -> dict[str, str]:
    if seed is None:
        return {}
    names = [setting.name for setting in kind.settings if setting.name.endswith("_SEED")]
    if not names:
        raise click.UsageError(f"the connector {kind.name or kind.__name__} takes no --seed")
    return {names[0]: seed}


def _secrets(variables: Iterable[str]) -> tuple[list[str], list[str]]:
    """What is wrong with the variables, and the secrets that they hold."""
    problems, secrets = [], []
    for name in variables:
        found = [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]
        if not found:
            problems.append(f"{name} is not set: the secret that HUM showed when the connector was created")
        problems += [
            f"{name} holds a secret of fewer than {SHORTEST_SECRET} characters"
            for secret in found
            if len(secret) < SHORTEST_SECRET
        ]
        secrets += found
    return problems, secrets


def _slug(kind: type[Connector]) -> str:
    name = kind.name or kind.__name__
    return "".join(character if character.isalnum() or character in "-_" else "-" for character in name)


def _described(name: str) -> dict[str, Any]:
    try:
        kind = _found(name)
    except click.ClickException as error:
        return {"name": name, "unavailable": error.message, "settings": []}
    summary = (sys.modules[kind.__module__].__doc__ or "").strip().partition("\n")[0]
    return {"name": name, "summary": summary, "settings": [_shown(setting) for setting in kind.settings]}


def _shown(setting: Setting) -> dict[str, object]:
    return {
        "name": setting.name,
        "help": setting.help,
        "required": setting.default is None,
        "default": None if setting.secret else setting.default,
        "secret": setting.secret,
    }


def _default(setting: Mapping[str, object]) -> str:
    if setting["required"]:
        return "must be set"
    return f"default: {setting['default']}" if setting["default"] else "optional"


def _lines(problems: Iterable[str]) -> str:
    return "\n".join(f"  {problem}" for problem in problems)


def _printable(answer: object) -> str:
    text = str(getattr(answer, "text", ""))
    try:
        return json.dumps(json.loads(text), indent=2)
    except ValueError:
        return "".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text)
