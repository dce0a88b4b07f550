"""Finds and reads the fixtures: inside the package in an installed wheel, else at the top of a checkout."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec


def fixtures_dir() -> Path:
    """The directory that holds `events/` and `signatures/`. Raises FileNotFoundError when there is none."""
    package = Path(__file__).resolve().parent
    for candidate in (package / "fixtures", package.parent / "fixtures"):
        if (candidate / "events").is_dir():
            return candidate
    raise FileNotFoundError("fixtures/events is missing from this installation")


@lru_cache
def event_bytes(event_type: str) -> bytes:
    """`fixtures/events/<type>.json`: an object of `type` and `data`. Raises FileNotFoundError."""
    # A type comes from a request: looked up among the names, never joined to a path.
    for path in (fixtures_dir() / "events").glob("*.json"):
        if path.stem == event_type:
            return path.read_bytes()
    raise FileNotFoundError(f"no sample of {event_type!r}")


def event(event_type: str) -> dict[str, Any]:
    """The sample of a type, a fresh object every time: `{"type": …, "data": {…}}`."""
    return msgspec.json.decode(event_bytes(event_type), type=dict[str, Any])


def signature_vectors(name: str) -> dict[str, Any]:
    """`fixtures/signatures/<name>.json`; its fields are described in `fixtures/README.md`."""
    return msgspec.json.decode(
        (fixtures_dir() / "signatures" / f"{name}.json").read_bytes(), type=dict[str, Any]
    )


@lru_cache
def twilio_examples() -> dict[str, Any]:
    """Worked examples of answers of Twilio Lookup v2, by name; not to be changed."""
    found = msgspec.json.decode((fixtures_dir() / "twilio" / "lookup_v2.json").read_bytes())
    examples: dict[str, Any] = found["examples"]
    return examples
