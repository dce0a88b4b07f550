"""The options every client command takes, the client they make, and how its lists are shown."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.output import Column, Row, member, show_json, show_table

if TYPE_CHECKING:
    from gateway.client import GatewayClient

DEFAULT_URL = "http://127.0.0.1:8080"
JSON_WANTED = "gateway.cli.json"


def _remember(ctx: click.Context, _: click.Parameter, wanted: bool) -> bool:
    ctx.meta[JSON_WANTED] = wanted  # errors are told in the same form
    return wanted


json_option = click.option(
    "--json", "as_json", is_flag=True, callback=_remember, help="Print JSON; of a list, the bare array."
)


def client_command(
    *, takes_url: bool = False, everywhere: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Adds the client's options; the function gets the open client first, then its own parameters.

    `takes_url`: the command has a `--url` of its own, so the gateway's is only called `--gateway-url`.
    `everywhere`: whatever organization is set, it reads over all of them.
    """
    names = ["--gateway-url"] if takes_url else ["--gateway-url", "--url"]

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*, gateway_url: str | None, key_env: str, org: str | None, **values: Any) -> None:
            # A command about an organization acts for it.
            whose = "*" if everywhere else org or values.get("org_id")
            with open_client(gateway_url, key_env, whose) as client:
                function(client, **values)

        wrapped: Callable[..., None] = run
        options = [
            click.option(*names, "gateway_url", help=f"The gateway [HUM_GATEWAY_URL, {DEFAULT_URL}]."),
            click.option(
                "--key-env",
                default="HUM_GATEWAY_KEY",
                show_default=True,
                help="Variable that holds the API key.",
            ),
            click.option("--org", help="Organization a platform key acts for [HUM_GATEWAY_ORG]."),
            json_option,
        ]
        for option in reversed(options):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def show_list(client: GatewayClient, as_json: bool, found: Iterable[Row], columns: Sequence[Column]) -> None:
    """A list's rows as a table, or as a bare array; of all organizations, with whose each is."""
    if as_json:
        show_json(list(found))
        return
    first, *others = columns
    whose = [Column("organization", member("org_id"), elastic=True)] if client.everywhere else []
    show_table(found, [first, *whose, *others])


def open_client(gateway_url: str | None, key_env: str, org: str | None) -> GatewayClient:
    """The client that these options describe; an empty `org` is none, whatever the environment says."""
    from gateway.client import GatewayClient

    key = os.environ.get(key_env, "").strip()
    if not key:
        what = f"{key_env} is empty" if key_env in os.environ else f"set {key_env}"
        raise click.ClickException(f"no API key: {what}, or name another variable with --key-env")
    try:
        return GatewayClient(
            gateway_url or os.environ.get("HUM_GATEWAY_URL") or DEFAULT_URL,
            key,
            os.environ.get("HUM_GATEWAY_ORG") if org is None else org,
            notice=lambda text: click.echo(text, err=True),
        )
    except ValueError as error:
        raise click.ClickException(str(error)) from None
