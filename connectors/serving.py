"""The process behind `hum-connector serve`: a socket, the log, and uvicorn until a signal comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import click
import uvicorn

from connectors.kit.connector import Connector
from connectors.kit.server import application

LAST_WORDS = 25  # seconds for what is under way when the signal comes


def run(connector: Connector, secrets: Sequence[str], *, host: str, port: int, ledger: Path) -> None:
    """Serves until SIGINT or SIGTERM. Raises click.ClickException when the address is not to be had."""
    log_to_standard_error()
    listener = _listener(host, port)
    shown = f"[{host}]" if ":" in host else host
    click.echo(
        f"{connector.name or type(connector).__name__} is listening on http://{shown}:{listener.getsockname()[1]}"
    )
    click.echo(f"the ledger is {ledger}", err=True)
    config = uvicorn.Config(
        application(connector, secrets, ledger),
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=LAST_WORDS,
    )
    server = uvicorn.Server(config)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(server.serve(sockets=[listener]))
    if not server.started:
        raise click.ClickException("the connector did not start: the lines above say why")


def _listener(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(256)
    except (OSError, OverflowError) as error:
        raise click.ClickException(f"cannot listen on {host} port {port}: {error}") from error
    return listener


def log_to_standard_error() -> None:
    """One line per record, in UTC."""
    form = logging.Formatter(
        "%(asctime)s.%(msecs)03dZ %(levelname)-7s %(name)s  %(message)s", "%Y-%m-%dT%H:%M:%S"
    )
    form.converter = time.gmtime
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(form)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for talkative in ("httpx", "httpcore"):  # they log the URLs of a CRM: phone numbers stand in them
        logging.getLogger(talkative).setLevel(logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
