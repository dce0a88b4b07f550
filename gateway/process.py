"""A node as a process: the database's lock, the sockets, the signals; and the operator's work beside it."""

from __future__ import annotations

import asyncio
import gc
import logging
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import uvloop

from gateway.app import STOP_PATIENCE_SECONDS, open_gateway, open_migrated_store
from gateway.clock import SystemClock
from gateway.config import Settings, installed_version
from gateway.errors import StartupError
from gateway.logs import configure
from gateway.metrics import Metrics
from gateway.offline import Offline
from gateway.store import migrate as migrations
from gateway.store.engine import Database
from gateway.store.lock import control_socket_path
from gateway.web.routes import for_operator
from gateway.web.server import bind_tcp, bind_unix, make_server, stop_on_signals
from gateway.web.workers import run_workers

log = logging.getLogger("gateway")

FILES_WANTED: Final = 65_536
FILES_NEEDED: Final = 4_096


def serve(settings: Settings, host: str, port: int, workers: int) -> int:
    """Runs until a signal; returns the exit status. On SQLite the caller holds the database's lock. Raises
    StartupError."""
    configure(settings.log_level, settings.log_format)
    _raise_file_limit()
    if workers > 1 and settings.is_sqlite:
        raise StartupError("--workers needs PostgreSQL: a SQLite database has one process")
    if workers > 1:
        return run_workers(bind_tcp(host, port), workers, lambda sock: _run(settings, sock))
    return _run(settings, bind_tcp(host, port))


def migrate(settings: Settings) -> str:
    """Brings the database's schema forward; what was done, for the operator. On SQLite the caller holds the
    database's lock."""

    async def run() -> str:
        database = Database(settings.database_url)
        try:
            await database.check()
            before, after = await migrations.migrate(database)
        finally:
            await database.close()
        return f"schema {after}" + ("" if before == after else f" (was {before or 'empty'})")

    return asyncio.run(run())


@asynccontextmanager
async def offline(settings: Settings) -> AsyncIterator[Offline]:
    """The store alone, for the operator's commands while nobody serves (or beside nodes on PostgreSQL)."""
    store = await open_migrated_store(settings, Metrics(), SystemClock())
    try:
        yield Offline(store, installed_version(), settings.safe_database_url)
    finally:
        await store.close()


def _run(settings: Settings, sock: socket.socket) -> int:
    uvloop.run(_serve(settings, sock))
    return 0


async def _serve(settings: Settings, sock: socket.socket) -> None:
    gateway = await open_gateway(settings)
    host, port = sock.getsockname()[:2]
    gateway.listeners.add((host, port))
    servers = [make_server(gateway.app, trusted_proxies=settings.trusted_proxies)]
    sockets = [sock]
    control: Path | None = None
    if settings.sqlite_path is not None:
        control = control_socket_path(settings.sqlite_path)
        servers.append(make_server(for_operator(gateway.app)))
        sockets.append(bind_unix(control))
    await gateway.start()

    asked_to_stop, patience = gateway.clock.monotonic(), STOP_PATIENCE_SECONDS

    def stop() -> None:
        nonlocal asked_to_stop, patience
        if gateway.draining:
            patience = 0.0  # asked twice: what is on the wire is broken off and given back
            gateway.hurry()
            return
        asked_to_stop = gateway.clock.monotonic()
        in_flight = gateway.dispatcher.in_flight
        log.info("stopping: %d attempts on the wire get up to %d s", in_flight, patience)
        gateway.drain()
        for server in servers:
            server.should_exit = True

    stop_on_signals(stop)
    _calm_the_collector()
    shown = f"[{host}]" if ":" in host else host
    log.info("listening on http://%s:%d", shown, port)
    await asyncio.gather(*(server.serve(sockets=[own]) for server, own in zip(servers, sockets, strict=True)))
    if control is not None:
        control.unlink(missing_ok=True)
    await gateway.stop(patience - (gateway.clock.monotonic() - asked_to_stop))
    log.info("stopped")


def _calm_the_collector() -> None:
    """Modules and code live as long as the process: the garbage collector need not look at them again and
    again, nor so often at objects that reference counting frees by itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _raise_file_limit() -> None:
    """Each attempt and each client is an open file; the usual soft limit of 1,024 is for other programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_WANTED if hard == resource.RLIM_INFINITY else min(hard, FILES_WANTED)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    if wanted < FILES_NEEDED:
        log.warning("only %d files may be open at once: raise the hard limit to %d", wanted, FILES_WANTED)
