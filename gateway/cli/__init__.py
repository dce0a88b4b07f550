"""The command line, `hum-gateway`: operator's work on this machine, and a client of the HTTP API.

A command is one function in a module named after its noun. Modules import click alone; whatever is heavy
(httpx, rich, the server) is imported inside the command that needs it, so that `sign` starts quickly.

    operate      serve, migrate, keygen, status, keys, demo  (through `operator`: the socket or the database)
    events, webhooks, deliveries, organizations, audit       (through `connection`: the HTTP API)
    signatures   sign, verify          listen   a local receiver
    output       tables and JSON       values   durations, headers, secrets       reference   docs/cli.md
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.audit import audit
from gateway.cli.deliveries import deliveries
from gateway.cli.events import events
from gateway.cli.listen import listen
from gateway.cli.operate import demo, keygen, keys, migrate, serve, status
from gateway.cli.organizations import erasures, organizations
from gateway.cli.signatures import sign, verify
from gateway.cli.webhooks import webhooks
from gateway.errors import Problem, StartupError


class _Root(click.Group):
    """Turns what commands raise into a message on standard error and exit status 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            message = _message(error)
            if message is None:
                raise
            raise click.ClickException(message) from error


def _message(error: Exception) -> str | None:
    """What to print for an expected failure; None for a fault of ours, which shows its traceback."""
    if isinstance(error, StartupError):
        return str(error)
    if isinstance(error, Problem):
        details = [f"{item.field}: {item.message}" for item in error.details]
        return "\n".join([error.message, *_further(error.message, details)])
    from gateway.cli.output import clean
    from gateway.client import GatewayError  # httpx: not before something went wrong

    if not isinstance(error, GatewayError):
        return None
    lines = [error.message if error.status == 0 else f"{error.message} ({error.status} {error.code})"]
    details = [f"{item.get('field', '')}: {item.get('message', '')}" for item in error.details]
    lines += _further(error.message, details)
    if error.request_id:
        lines.append(f"  request: {error.request_id}")
    return clean("\n".join(lines))


def _further(message: str, details: list[str]) -> list[str]:
    """The details that the message does not already tell."""
    return [f"  {detail}" for detail in details if detail not in message]


def _print_version(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from gateway.config import installed_version

        click.echo(f"hum-gateway {installed_version()}")
        ctx.exit()


@click.group(cls=_Root, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version)
def main() -> None:
    """Signed webhooks, CRM connectors and caller resolution for HUM's voice and SMS agents."""


for command in (
    serve,
    migrate,
    keygen,
    status,
    keys,
    demo,
    events,
    webhooks,
    deliveries,
    organizations,
    erasures,
    audit,
    listen,
    sign,
    verify,
):
    main.add_command(command)
