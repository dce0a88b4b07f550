"""Begins a connector: a directory in which lookups work at once, made from `connectors/kit/skeleton`."""

from __future__ import annotations

import re
from pathlib import Path

SKELETON = Path(__file__).parent / "kit" / "skeleton"
FILES = ("connector.py", "test_connector.py", "seed.json", "README.md")

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*\Z")
_LONGEST = 40  # characters


class NotBegun(Exception):
    """The name cannot be one, or something is in the way."""


def begin(name: str, directory: Path) -> list[Path]:
    """Writes the files and returns them; touches none that is there. Raises NotBegun."""
    if not _NAME.match(name) or len(name) > _LONGEST:
        raise NotBegun(
            f"{name!r} is no name: lower-case letters, digits, and - or _ between them, such as my-crm"
        )
    files = [directory / file for file in FILES]
    there = [str(file) for file in files if file.exists()]
    if there:
        raise NotBegun(f"{', '.join(there)} is there already; nothing was written")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for file in files:
            text = (SKELETON / file.name).read_text("utf-8")
            with file.open("x", encoding="utf-8") as made:
                made.write(_named(text, name))
    except OSError as error:
        raise NotBegun(f"{error.filename or directory}: {error.strerror}") from error
    return files


def _named(text: str, name: str) -> str:
    words = re.split("[-_]", name)
    for placeholder, word in (
        ("SKELETON", "_".join(words).upper()),
        ("SkeletonConnector", "".join(map(str.capitalize, words)) + "Connector"),
        ("SkeletonTest", "".join(map(str.capitalize, words)) + "Test"),
        ("Skeleton", " ".join(map(str.capitalize, words))),
        ("skeleton", name),
    ):
        text = text.replace(placeholder, word)
    return text
