"""The audit log as a chain: each entry's hash covers the entry and the hash of the one before.

An entry is hashed as it is exported, so whoever has an export can check it with nothing but SHA-256 and JSON:
`hash = sha256(previous_hash + canonical)`, where `canonical` is the entry without its two hashes as JSON with
sorted names, without spaces, in ASCII. Storing entries is `store.audit`; what becomes one, `web.audit`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.clock import format_time

GENESIS: Final = bytes(32)
MAX_ACTOR: Final = 128
_HASHES: Final = ("previous_hash", "hash")


@dataclass(frozen=True, slots=True)
class Who:
    """Who acts: the key; the person behind a platform key, as `X-HUM-Actor` names them; the address."""

    actor: str
    key_id: str | None
    address: str | None


@dataclass(frozen=True, slots=True)
class Deed:
    """What somebody did, before it is part of a chain. `details` hold names of fields and ids, never what is
    secret or somebody's data."""

    who: Who
    action: str
    object_type: str
    object_id: str | None
    at: int
    details: Mapping[str, Any] = field(default_factory=dict)


def document(entry_id: str, org_id: str, number: int, deed: Deed) -> dict[str, Any]:
    """The entry as it is shown, without its hashes."""
    return {
        "id": entry_id,
        "org_id": org_id,
        "number": number,
        "at": format_time(deed.at),
        "actor": deed.who.actor,
        "key_id": deed.who.key_id,
        "address": deed.who.address,
        "action": deed.action,
        "object_type": deed.object_type,
        "object_id": deed.object_id,
        "details": dict(deed.details),
    }


def chained(previous: bytes, entry: Mapping[str, Any]) -> bytes:
    """The hash of an entry, which may carry its own hashes already."""
    plain = {name: value for name, value in entry.items() if name not in _HASHES}
    canonical = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(previous + canonical.encode("ascii")).digest()


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check of one organization's chain came to. `broken` names the first entry that is not as it was
    written, and why; None when the chain holds. `head` is the hash of its last good entry."""

    org_id: str
    entries: int
    head: bytes
    broken: str | None = None


class Chain:
    """Follows one organization's entries in the order of their numbers, as far as they hold. `head` is the
    newest hash, as the organization held it a moment ago, if that is known: without it, entries that are
    missing at the end cannot be noticed."""

    def __init__(self, org_id: str, head: bytes | None = None) -> None:
        self._missing = head
        self._org_id = org_id
        self._head = GENESIS
        self._number = 0
        self._broken: str | None = None

    def follow(self, entry: Mapping[str, Any]) -> None:
        if self._broken is None:
            self._broken = _wrong(entry, self._number + 1, self._head)
            if self._broken is None:
                self._head, self._number = bytes.fromhex(entry["hash"]), self._number + 1
                if self._head == self._missing:
                    self._missing = None

    def end(self) -> Finding:
        """What it came to."""
        broken = self._broken
        if broken is None and self._missing is not None:
            broken = f"after entry {self._number} more were written, which are missing or changed"
        return Finding(self._org_id, self._number, self._head, broken)


def _wrong(entry: Mapping[str, Any], number: int, previous: bytes) -> str | None:
    name = f"entry {entry.get('number')} ({entry.get('id')})"
    try:
        if entry["number"] != number:
            return f"entry {number} is missing: {name} stands in its place"
        if bytes.fromhex(entry["previous_hash"]) != previous:
            return f"{name} does not follow from the one before"
        if bytes.fromhex(entry["hash"]) != chained(previous, entry):
            return f"{name} was changed"
    except (KeyError, TypeError, ValueError):
        return f"{name} is not an entry"
    return None
