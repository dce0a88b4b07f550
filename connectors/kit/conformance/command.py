"""`hum-connector check`: everything that the contract asks of a connector, against one that runs.

Exit status: 0 when nothing failed, 1 when something did, 2 when nothing could be checked.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

if TYPE_CHECKING:
    from connectors.kit.conformance import Options, Report, Seed

T = TypeVar("T")

_OUT = click.Path(dir_okay=False, writable=True, allow_dash=True)


@click.command()
@click.argument("url")
@click.option(
    "--secret-env", "variable", required=True, metavar="VAR", help="Variable that holds the secret."
)
@click.option(
    "--profile",
    type=click.Choice(["lookup", "full"]),
    default="full",
    show_default=True,
    help="lookup: only lookup and ping; full: contacts and calls as well.",
)
@click.option(
    "--mode",
    type=click.Choice(["strict", "compatible"]),
    default="strict",
    show_default=True,
    help="compatible: what HUM gets along with; strict: good practice, too.",
)
@click.option(
    "--seed",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="JSON file of contacts that are in the CRM.",
)
@click.option(
    "--allow-writes",
    is_flag=True,
    help="Also run checks that write: 555-01xx numbers under marked names, which stay in the CRM.",
)
@click.option("--only", multiple=True, metavar="ID", help="Only checks whose id begins so: HUM-SIG, LKP-004.")
@click.option(
    "--show-activity",
    metavar="COMMAND",
    help="Program that prints an activity of the CRM; it gets the id as last argument.",
)
@click.option(
    "--ca-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="More root certificates."
)
@click.option("--timeout", default=4.0, show_default=True, help="Seconds for one answer.")
@click.option("--total-timeout", default=120.0, show_default=True, help="Seconds for the whole run.")
@click.option("--settle", default=10.0, show_default=True, help="Seconds until a lookup finds a new contact.")
@click.option("--concurrency", default=8, show_default=True, help="Checks at a time.")
@click.option(
    "--json", "json_out", type=_OUT, metavar="OUT", help="Write the report as JSON; - is standard output."
)
@click.option("--junit", "junit_out", type=_OUT, metavar="OUT", help="Write the report as JUnit XML.")
@click.option("--html", "html_out", type=_OUT, metavar="OUT", help="Write the report as an HTML page.")
def check(url: str, variable: str, **given: Any) -> None:
    """Check the connector at the base URL against HUM's contract.

    Without --allow-writes nothing is written, and the checks that would are skipped. Without --seed, known
    contacts are created where writing is allowed.
    """
    outputs = {name: given[f"{name}_out"] for name in ("json", "junit", "html") if given[f"{name}_out"]}
    if list(outputs.values()).count("-") > 1:
        raise click.UsageError("standard output takes one report: give a file for the others")
    report = _checked(_base(url), _secret(variable), _options(given))
    _show(report, to_stderr="-" in outputs.values())
    _write(report, outputs)
    sys.exit(1 if report.failures else 0)


def _checked(url: str, secret: str, options: Options) -> Report:
    from connectors.kit.conformance import Unreachable, run

    try:
        return run(url, secret, options)
    except (ValueError, OSError) as error:
        raise click.UsageError(str(error)) from error
    except Unreachable as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or parts.fragment or not url.isprintable() or " " in url:
        raise click.BadParameter("an address such as https://crm.example.com/hum is needed", param_hint="URL")
    if "@" in parts.netloc:
        raise click.BadParameter("no user name or password belongs into the address", param_hint="URL")
    return url


def _secret(variable: str) -> str:
    secret = os.environ.get(variable, "")
    if not secret:
        raise click.BadParameter(
            f"{variable} is not set: the secret that HUM showed when the connector was created",
            param_hint="--secret-env",
        )
    return secret


def _options(given: Mapping[str, Any]) -> Options:
    from connectors.kit.conformance import Options
    from connectors.kit.conformance.activities import shown_by

    for name in ("timeout", "total_timeout", "concurrency"):
        if not 0 < given[name] < 10_000:
            raise click.BadParameter("must be more than 0", param_hint=f"--{name.replace('_', '-')}")
    command = given["show_activity"]
    return Options(
        profile=given["profile"],
        mode=given["mode"],
        seed=_seed(given["seed"]),
        allow_writes=given["allow_writes"],
        only=given["only"],
        timeout=given["timeout"],
        total=given["total_timeout"],
        settle=max(0.0, given["settle"]),
        concurrency=given["concurrency"],
        ca_file=given["ca_file"],
        show_activity=_understood(lambda: shown_by(command), "--show-activity")
        if command is not None
        else None,
    )


def _seed(path: Path | None) -> Seed:
    from connectors.kit.conformance import Seed, read_seed

    if path is None:
        return Seed()
    return _understood(lambda: read_seed(path.read_text("utf-8")), "--seed")


def _understood(read: Callable[[], T], option: str) -> T:
    try:
        return read()
    except (ValueError, OSError) as error:
        raise click.BadParameter(str(error), param_hint=option) from error


def _show(report: Report, *, to_stderr: bool) -> None:
    from rich.console import Console

    from connectors.kit.conformance.render.terminal import show

    show(Console(stderr=to_stderr, highlight=False, emoji=False), report)


def _write(report: Report, outputs: Mapping[str, str]) -> None:
    from connectors.kit.conformance.render.files import as_html, as_json, as_junit

    make: dict[str, Callable[[Report], str]] = {"json": as_json, "junit": as_junit, "html": as_html}
    for name, out in outputs.items():
        text = make[name](report)
        if out == "-":
            click.echo(text.encode(), nl=False)
            continue
        try:
            Path(out).write_text(text, "utf-8")
        except OSError as error:
            click.echo(f"Error: {out}: {error.strerror}", err=True)
            sys.exit(2)
