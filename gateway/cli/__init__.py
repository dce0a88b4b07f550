"""The command line, `hum-gateway`: operator's work on this machine, and a client of the HTTP API.

A command is one function in a module named after its noun. Modules import click alone; whatever is heavy
(httpx, rich, the server) is imported inside the command that needs it, so that `sign` starts quickly.

    operate      serve, migrate, keygen, status, demo        (through `operator`: the socket or the database)
    backup       the same, for a copy of the database
    keys         the same; with --remote over the HTTP API
    events, webhooks, deliveries, history, jobs, platform,
    connectors, connector_calls, callers, contacts,
    contact_files, backfills, organizations, audit, console  (through `connection`: the HTTP API)
    signatures   sign, verify          listen   a local receiver
    output       tables and JSON       failures   errors, hints, exit statuses
    values       durations, headers, secrets       sources    connectors by name
    reference    docs/cli.md
"""

from __future__ import annotations

from typing import Any

import click

from gateway.cli.audit import audit
from gateway.cli.backup import backup
from gateway.cli.callers import callers
from gateway.cli.connection import JSON_WANTED
from gateway.cli.connector_calls import connectors
from gateway.cli.console import console
from gateway.cli.contacts import contacts
from gateway.cli.deliveries import deliveries
from gateway.cli.events import events
from gateway.cli.failures import failed
from gateway.cli.history import explain, export, stats
from gateway.cli.jobs import jobs
from gateway.cli.keys import keys
from gateway.cli.listen import listen
from gateway.cli.operate import demo, keygen, migrate, serve, status
from gateway.cli.organizations import erasures, organizations
from gateway.cli.platform import platform_webhooks
from gateway.cli.signatures import sign, verify
from gateway.cli.webhooks import webhooks


class _Root(click.Group):
    """Turns what commands raise into a message on standard error and an exit status (`cli.failures`)."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.UsageError, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            expected = failed(error, as_json=bool(ctx.meta.get(JSON_WANTED)))
            if expected is None:
                raise
            raise expected from error


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
    backup,
    status,
    keys,
    demo,
    events,
    webhooks,
    platform_webhooks,
    connectors,
    deliveries,
    jobs,
    callers,
    contacts,
    organizations,
    erasures,
    audit,
    console,
    listen,
    sign,
    verify,
):
    main.add_command(command)
webhooks.add_command(explain)
webhooks.add_command(stats)
deliveries.add_command(export)
