"""Style and script of the console: read once, named with their hash, so that browsers may keep them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

_TYPES: Final = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class File:
    body: bytes
    media_type: str
    mark: str


@cache
def all_files() -> dict[str, File]:
    found = {}
    for one in resources.files("gateway.web.console").joinpath("static").iterdir():
        body, ending = one.read_bytes(), one.name.rpartition(".")[2]
        if ending in _TYPES:
            found[one.name] = File(body, _TYPES[ending], hashlib.sha256(body).hexdigest()[:12])
    return found


def address(root: str, name: str) -> str:
    return f"{root}/console/static/{name}?v={all_files()[name].mark}"
