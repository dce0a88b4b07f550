"""`sign` and `verify`: the signature of a file, and why one does not hold."""

from __future__ import annotations

import json
import time
from typing import IO

import click

from gateway.cli.connection import json_option
from gateway.cli.values import pairs, secrets
from gateway.signing import SignatureError
from gateway.signing import sign as make_headers
from gateway.signing import verify as check

_secret = click.option(
    "--secret", "given", multiple=True, help="A secret itself; seen by others on this machine."
)
_secret_env = click.option("--secret-env", "names", multiple=True, help="Variable that holds a secret.")


@click.command()
@click.argument("file", type=click.File("rb"))
@_secret
@_secret_env
@click.option("--id", "message_id", help="webhook-id: the event's id [a new one].")
@click.option("--timestamp", type=int, help="webhook-timestamp: seconds since 1970 [now].")
@json_option
def sign(
    file: IO[bytes],
    given: tuple[str, ...],
    names: tuple[str, ...],
    message_id: str | None,
    timestamp: int | None,
    as_json: bool,
) -> None:
    """Print the signature headers of FILE (- for standard input), one "Name: value" per line.

    Several secrets give several signatures, as during a rotation.
    """
    from gateway.domain.ids import new_id

    identifier = message_id or new_id("evt", time.time_ns() // 1_000_000)
    moment = int(time.time()) if timestamp is None else timestamp
    try:
        headers = make_headers(file.read(), secrets(given, names), id=identifier, timestamp=moment)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    if as_json:
        click.echo(json.dumps(headers, indent=2))
        return
    for name, value in headers.items():
        click.echo(f"{name}: {value}")


@click.command()
@click.argument("file", type=click.File("rb"))
@_secret
@_secret_env
@click.option("--header", "headers", multiple=True, help='One header, as "Name: value".')
@click.option("--headers-file", type=click.File("r"), help='Headers, one "Name: value" per line.')
@click.option("--tolerance", default=300, show_default=True, help="Seconds a timestamp may be off.")
@click.option("--allow-body-only", is_flag=True, help="Accept X-HUM-Signature alone: no replay protection.")
@json_option
@click.pass_context
def verify(
    ctx: click.Context,
    file: IO[bytes],
    given: tuple[str, ...],
    names: tuple[str, ...],
    headers: tuple[str, ...],
    headers_file: IO[str] | None,
    tolerance: int,
    allow_body_only: bool,
    as_json: bool,
) -> None:
    """Check FILE, the raw body of a request, against its headers: "ok", or the reason and exit status 1."""
    lines = [line.strip() for line in headers_file if ":" in line] if headers_file else []
    found = pairs((*headers, *lines), ":")
    try:
        result = check(
            file.read(), found, secrets(given, names), tolerance=tolerance, allow_body_only=allow_body_only
        )
    except SignatureError as error:
        answer = {"ok": False, "reason": error.reason, "message": str(error)}
        click.echo(json.dumps(answer) if as_json else f"{error.reason}: {error}")
        ctx.exit(1)
    except ValueError as error:
        raise click.ClickException(str(error)) from None
    protected = result.replay_protected
    if as_json:
        click.echo(json.dumps({"ok": True, "scheme": result.scheme, "replay_protected": protected}))
    else:
        click.echo("ok" if protected else "ok (the body alone: not protected against replay)")
