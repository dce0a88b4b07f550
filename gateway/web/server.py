"""uvicorn, with sockets that are bound beforehand and a stop that the gateway decides on."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import StartupError
from gateway.web.protocol import LimitedProtocol

GRACE_FOR_REQUESTS_SECONDS = 5


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # Signals are taken by `stop_on_signals`: stopping is more than closing HTTP.
        yield


def make_server(app: ASGIApp, *, trusted_proxies: Sequence[str] = ()) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        loop="none",
        http=LimitedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies) or None,
        backlog=2048,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=GRACE_FOR_REQUESTS_SECONDS,
    )
    return _Server(config)


def bind_tcp(host: str, port: int) -> socket.socket:
    """A listening socket. Raises StartupError in one clear line."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise StartupError(f"port {port} on {host} is in use by another process") from None
        raise StartupError(f"cannot listen on {host}:{port}: {error.strerror}") from None
    except OverflowError:
        sock.close()
        raise StartupError(f"{port} is not a port") from None
    sock.listen(2048)
    sock.set_inheritable(True)
    return sock


def bind_unix(path: Path) -> socket.socket:
    """A listening Unix socket that only its owner may open. The database's lock is held, so an old one of
    that name belongs to nobody."""
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(0o177)
    try:
        sock.bind(str(path))
    finally:
        os.umask(mask)
    sock.listen(64)
    return sock


def stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
