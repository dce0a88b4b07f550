"""What the columns of all tables are made of."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, Text

metadata = MetaData()

# Byte order, so that ids sort by time and partitions can be cut by id.
ID = Text().with_variant(Text(collation="C"), "postgresql")
TIME = BigInteger
SEALED = LargeBinary


def id_(name: str, **kw: Any) -> Column[str]:
    return Column(name, ID, nullable=kw.pop("nullable", False), **kw)
