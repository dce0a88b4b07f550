"""What the parts cost bare, in the same run: nothing that does the job can cost less than their sum.

Each floor is a process of its own, pinned like the gateway, and prints its CPU seconds:

    accept   uvicorn and Starlette take a POST, hash the key, decode the JSON, answer 202
    post     aiohttp posts a signed 500-byte body and reads the answer, 32 at a time
    insert   event, delivery, attempt and update as batched statements (SQLite: executemany, FULL, 200 a
             transaction; PostgreSQL: unnest through asyncpg)
    seal     AES-GCM of the payload
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import socket
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

ROWS_A_BATCH = 200


class BareEvent(msgspec.Struct):
    """Enough of an event, or of a batch, to be decoded."""

    type: str = ""
    data: msgspec.Raw = msgspec.Raw(b"{}")
    events: list[msgspec.Raw] = []


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def accept() -> None:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    decoder = msgspec.json.Decoder(BareEvent)

    async def take(request: Request) -> Response:
        hashlib.sha256(request.headers["authorization"].encode()).digest()
        event = decoder.decode(await request.body())
        for raw in event.events:
            decoder.decode(raw)
        return Response(b'{"id":"evt_01","deliveries":1}', 202, media_type="application/json")

    serve([Route(path, take, methods=["POST"]) for path in ("/api/events", "/api/events/batch")])


def serve(routes: list[Any], prepare: Callable[[], Awaitable[None]] | None = None) -> None:
    """Prints its port once it answers. Between the lines `go` and `stop` of standard input it counts its CPU
    seconds, and prints them; again and again, until it is ended. `prepare` runs on its loop before."""
    import uvicorn
    import uvloop
    from starlette.applications import Starlette

    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=routes), http="httptools", ws="none", lifespan="off", access_log=False,
        log_level="error",
    )  # fmt: skip
    server = uvicorn.Server(config)

    async def run() -> None:
        loop = asyncio.get_running_loop()
        if prepare is not None:
            await prepare()
        serving = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started:
            await asyncio.sleep(0.001)
        print(sock.getsockname()[1], flush=True)
        begun = 0.0
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            if line.strip() == "go":
                begun = _cpu()
            else:
                print(_cpu() - begun, flush=True)
        server.should_exit = True
        await serving

    uvloop.run(run())


def post(port: int, count: int) -> None:
    import aiohttp
    import uvloop

    body = json.dumps({"data": "x" * 450}).encode()
    headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", "X-HUM-Event": "bench"}

    async def run() -> None:
        url = f"http://127.0.0.1:{port}/"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as http:
            left = count

            async def worker() -> None:
                nonlocal left
                while left > 0:
                    left -= 1
                    async with http.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                        await answer.content.read()

            begun = _cpu()
            started = time.monotonic()
            await asyncio.gather(*(worker() for _ in range(32)))
            print(json.dumps({"cpu": _cpu() - begun, "seconds": time.monotonic() - started}))

    uvloop.run(run())


_TABLES = (
    "CREATE TABLE events (id TEXT PRIMARY KEY, position BIGINT, org TEXT, type TEXT, at BIGINT,"
    " payload {blob})",
    "CREATE TABLE deliveries (id TEXT PRIMARY KEY, position BIGINT, org TEXT, event TEXT, target TEXT,"
    " status TEXT, queue TEXT, due BIGINT, attempts INTEGER)",
    "CREATE INDEX waiting ON deliveries (queue, due) WHERE status = 'pending'",
    "CREATE TABLE attempts (delivery TEXT, number INTEGER, at BIGINT, status INTEGER,"
    " PRIMARY KEY (delivery, number))",
)


def _rows(first: int) -> tuple[list[Any], list[Any], list[Any]]:
    numbers = range(first, first + ROWS_A_BATCH)
    payload = b"x" * 300
    events = [(f"evt_{n:026d}", n, "bench", "bench.event", n, payload) for n in numbers]
    owed = [
        (f"dlv_{n:026d}", n, "bench", f"evt_{n:026d}", "whk_1", "pending", "lse_1", n, 0) for n in numbers
    ]
    tried = [(f"dlv_{n:026d}", 1, n, 200) for n in numbers]
    return events, owed, tried


def _transactions(took: list[float]) -> dict[str, float]:
    """How long one transaction took, in milliseconds: what the disk was like during the run."""
    ordered = sorted(took)
    return {"p50_ms": ordered[len(ordered) // 2], "worst_ms": ordered[-1]}


def insert_sqlite(count: int) -> None:
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        conn = sqlite3.connect(Path(directory) / "floor.db", isolation_level=None)
        conn.execute("PRAGMA journal_mode=WAL")
        conn.execute("PRAGMA synchronous=FULL")
        for table in _TABLES:
            conn.execute(table.format(blob="BLOB"))
        begun, took = _cpu(), []
        for first in range(0, count, ROWS_A_BATCH):
            events, owed, tried = _rows(first)
            started = time.monotonic()
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany("INSERT INTO events VALUES (?,?,?,?,?,?)", events)
            conn.executemany("INSERT INTO deliveries VALUES (?,?,?,?,?,?,?,?,?)", owed)
            conn.execute("COMMIT")
            conn.execute("BEGIN IMMEDIATE")
            conn.executemany(
                "UPDATE deliveries SET status = 'delivered', queue = NULL, attempts = 1"
                " WHERE id = ? AND queue = 'lse_1'",
                [(row[0],) for row in owed],
            )
            conn.executemany("INSERT INTO attempts VALUES (?,?,?,?)", tried)
            conn.execute("COMMIT")
            took.append((time.monotonic() - started) * 500)
        print(json.dumps({"cpu": _cpu() - begun, **_transactions(took)}))


def insert_postgresql(url: str, count: int) -> None:
    import asyncpg

    async def run() -> None:
        conn = await asyncpg.connect(url)
        await conn.execute("CREATE SCHEMA bench_floor")  # beside the tables of a gateway
        await conn.execute("SET search_path TO bench_floor")
        for table in _TABLES:
            await conn.execute(table.format(blob="BYTEA"))
        begun, took = _cpu(), []
        for first in range(0, count, ROWS_A_BATCH):
            events, owed, tried = _rows(first)
            started = time.monotonic()
            async with conn.transaction():
                await conn.execute(
                    "INSERT INTO events"
                    " SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[],"
                    " $5::bigint[], $6::bytea[])", *map(list, zip(*events, strict=True)),
                )  # fmt: skip
                await conn.execute(
                    "INSERT INTO deliveries"
                    " SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[], $4::text[], $5::text[],"
                    " $6::text[], $7::text[], $8::bigint[], $9::int[])",
                    *map(list, zip(*owed, strict=True)),
                )
            async with conn.transaction():
                await conn.execute(
                    "UPDATE deliveries SET status = 'delivered', queue = NULL, attempts = 1"
                    " FROM unnest($1::text[]) AS u(id) WHERE deliveries.id = u.id AND queue = 'lse_1'",
                    [row[0] for row in owed],
                )
                await conn.execute(
                    "INSERT INTO attempts"
                    " SELECT * FROM unnest($1::text[], $2::int[], $3::bigint[], $4::int[])",
                    *map(list, zip(*tried, strict=True)),
                )
            took.append((time.monotonic() - started) * 500)
        print(json.dumps({"cpu": _cpu() - begun, **_transactions(took)}))
        await conn.execute("DROP SCHEMA bench_floor CASCADE")
        await conn.close()

    asyncio.run(run())


def seal(count: int) -> None:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    cipher, payload = AESGCM(bytes(32)), b"x" * 300
    begun = _cpu()
    for _ in range(count):
        cipher.encrypt(os.urandom(12), payload, b"bench|evt_01|payload")
    print(json.dumps({"cpu": _cpu() - begun}))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("floor", choices=["accept", "post", "insert-sqlite", "insert-postgresql", "seal"])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    if options.floor == "accept":
        accept()
    elif options.floor == "post":
        post(options.port, options.count)
    elif options.floor == "insert-sqlite":
        insert_sqlite(options.count)
    elif options.floor == "insert-postgresql":
        insert_postgresql(options.url, options.count)
    else:
        seal(options.count)


if __name__ == "__main__":
    main()
