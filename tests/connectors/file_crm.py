"""A CRM in a file, for connectors that are processes: every line is one thing that it was told."""

from __future__ import annotations

import asyncio
import json
import os
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, ContactRef
from connectors.kit.phones import Phone

LATENCY = 0.02  # seconds from the request to the moment at which the CRM has it


class FileCrm(Connector):
    """`FILE_CRM_DIES`: the process ends without a word once the CRM has the first call, before anybody else
    knows. `FILE_CRM_SEARCHES=no`: it cannot be asked for a call."""

    name = "file"
    settings = (
        Setting("FILE_CRM", "where the lines go"),
        Setting("FILE_CRM_DIES", "", default=""),
        Setting("FILE_CRM_SEARCHES", "", default="yes"),
    )

    def __init__(self, values: Mapping[str, str]) -> None:
        self._file = Path(values["FILE_CRM"])
        self._dies = bool(values["FILE_CRM_DIES"])
        self._searches = values["FILE_CRM_SEARCHES"] == "yes"

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        return cls(values)

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        return []

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        await asyncio.sleep(LATENCY)
        activity = activity_id or str(uuid.uuid4())
        line = {"activity": activity, "call": call.id, "revision": call.revision}
        with self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")
        if self._dies:
            os._exit(9)
        return activity

    async def find_call(self, call_id: str) -> str | None:
        await asyncio.sleep(LATENCY)
        known = (line["activity"] for line in lines(self._file) if line["call"] == call_id)
        return next(known, None) if self._searches else None

    async def ping(self) -> None:
        pass


def lines(file: Path) -> list[dict[str, object]]:
    """What the CRM was told, in order."""
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def activities(file: Path) -> dict[object, set[object]]:
    """The activities that each call became."""
    found: dict[object, set[object]] = {}
    for line in lines(file):
        found.setdefault(line["call"], set()).add(line["activity"])
    return found
