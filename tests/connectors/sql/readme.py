"""The README, and the statements in it that make an index."""

from __future__ import annotations

import re
from pathlib import Path

import connectors.sql
from tests.connectors.sql.databases import Kind

README = (Path(connectors.sql.__file__).parent / "README.md").read_text("utf-8")


def index_for(kind: Kind) -> str:
    """What an operator is told to run on this kind of database."""
    heading = "PostgreSQL:" if kind == "postgresql" else "SQLite (3.31 and later):"
    found = re.search("^" + re.escape(heading) + r"\n\n```sql\n(.+?)```", README, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]
