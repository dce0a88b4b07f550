"""What a resolve costs bare: uvicorn and Starlette take the POST, hash the key, decode the JSON; one row is
read by its key through the driver and opened; an answer of the usual size is encoded.

    python -m bench.floor_resolve [--url postgresql://…]

No rules, no merging, no words for an agent, nothing written: nothing that does the job can cost less.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.floors import serve

SECRET = b"resolve" * 4 + b"flor"
CONTACT = msgspec.msgpack.encode(
    {"id": "7351", "name": "Ada Example", "company": "Example Ltd", "matches": 1}
)
ANSWER = {
    "phone": "+13175550142", "status": "found", "source": "fresh", "elapsed_ms": 1, "contact": {},
    "context": "x" * 250, "errors": [],
}  # fmt: skip


class Asked(msgspec.Struct):
    phone: str
    call_id: str | None = None
    deadline_ms: int = 900


class Floor:
    """The process: its table holds one contact, under whatever number it is asked for."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._aead = AESGCM(SECRET)
        nonce = os.urandom(12)
        self._sealed = nonce + self._aead.encrypt(nonce, CONTACT, b"floor")
        self._decode = msgspec.json.Decoder(Asked).decode
        self._read: Any = None

    async def prepare(self) -> None:
        self._read = await (self._postgresql() if self._url else self._sqlite())

    async def answer(self, request: Request) -> Response:
        hashlib.sha256(request.headers["authorization"].encode()).digest()
        asked = self._decode(await request.body())
        sealed = await self._read(hashlib.sha256(b"one").digest())
        contact = msgspec.msgpack.decode(self._aead.decrypt(sealed[:12], sealed[12:], b"floor"))
        shown = {
            **ANSWER,
            "phone": asked.phone,
            "contact": {"provenance": {}, "ages": {}, "crm": [], **contact},
        }
        return Response(msgspec.json.encode(shown), media_type="application/json")

    async def _sqlite(self) -> Any:
        import aiosqlite

        self._directory = tempfile.TemporaryDirectory()
        conn = await aiosqlite.connect(f"{self._directory.name}/floor.db")
        await conn.execute("PRAGMA journal_mode=WAL")
        await conn.execute("CREATE TABLE floor (key BLOB PRIMARY KEY, sealed BLOB) WITHOUT ROWID")
        await conn.execute("INSERT INTO floor VALUES (?, ?)", (hashlib.sha256(b"one").digest(), self._sealed))
        await conn.commit()

        async def read(key: bytes) -> bytes:
            [(sealed,)] = await conn.execute_fetchall("SELECT sealed FROM floor WHERE key = ?", (key,))
            return bytes(sealed)

        return read

    async def _postgresql(self) -> Any:
        import asyncpg

        conn = await asyncpg.create_pool(self._url, min_size=8, max_size=8)
        await conn.execute(
            "CREATE TABLE IF NOT EXISTS bench_floor_resolve (key BYTEA PRIMARY KEY, sealed BYTEA)"
        )
        await conn.execute(
            "INSERT INTO bench_floor_resolve VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET sealed = $2",
            hashlib.sha256(b"one").digest(), self._sealed,
        )  # fmt: skip

        async def read(key: bytes) -> bytes:
            return bytes(await conn.fetchval("SELECT sealed FROM bench_floor_resolve WHERE key = $1", key))

        return read


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="")
    floor = Floor(parser.parse_args().url)
    serve([Route("/api/callers/resolve", floor.answer, methods=["POST"])], floor.prepare)
