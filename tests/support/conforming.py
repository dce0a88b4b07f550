"""A connector over HTTP on loopback, under the conformance check."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn

from connectors.kit.conformance import Options, Report, Result, run_async
from connectors.kit.connector import Connector
from connectors.kit.server import application

# Judged by the clock, and a machine that runs a test suite has none: the long forms of proofs ask for them.
TIMED = frozenset({"HUM-DEA-001", "HUM-DEA-005"})


@asynccontextmanager
async def served(connector: Connector, ledger: Path) -> AsyncIterator[tuple[str, str]]:
    """Its base URL and its secret."""
    secret = f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"
    app = application(connector, [secret], ledger)
    server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_config=None, access_log=False))
    running = asyncio.create_task(server.serve())
    while not server.started and not running.done():
        await asyncio.sleep(0.005)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}", secret
    finally:
        server.should_exit = True
        await running


async def conforming(connector: Connector, ledger: Path, options: Options) -> Report:
    async with served(connector, ledger) as (url, secret):
        return await run_async(url, secret, options)


def failures(report: Report, *, timed: bool) -> list[Result]:
    return [result for result in report.failures if timed or result.check.id not in TIMED]


def told(report: Report) -> str:
    """The figure, and each failure."""
    figure = (
        f"{len(report.passed)} checks passed, {len(report.failures)} failed, {len(report.skipped)} skipped, "
        f"{report.requests} requests in {report.seconds:.1f} s"
    )
    failed = (f"  {result.check.id} {result.check.title}: {result.failure}" for result in report.failures)
    return "\n".join([figure, *failed])
