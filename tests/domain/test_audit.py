"""The chain of the audit log: whoever changes, removes, adds or moves an entry is found, and it is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from gateway.domain.audit import GENESIS, Chain, Deed, Finding, Who, chained, document

WHO = Who("Jo Müller", "key_1", "203.0.113.7")


def chain(count: int = 5) -> list[dict[str, Any]]:
    entries, previous = [], GENESIS
    for number in range(1, count + 1):
        deed = Deed(WHO, "createWebhook", "webhook", f"whk_{number}", 1_795_000_000_000, {"fields": ["url"]})
        entry = document(f"aud_{number}", "acme", number, deed)
        made = chained(previous, entry)
        entries.append(entry | {"previous_hash": previous.hex(), "hash": made.hex()})
        previous = made
    return entries


def follow(entries: list[dict[str, Any]], head: str | None = None) -> Finding:
    followed = Chain("acme", bytes.fromhex(head) if head else None)
    for entry in entries:
        followed.follow(entry)
    return followed.end()


def test_a_chain_as_it_was_written_holds() -> None:
    entries = chain()
    assert follow(entries, entries[-1]["hash"]) == Finding("acme", 5, bytes.fromhex(entries[-1]["hash"]))
    assert follow([]).broken is None
    assert follow(entries, entries[3]["hash"]).broken is None  # one was written since the head was asked for


def test_the_hash_is_what_the_pages_say() -> None:
    """Checked with nothing of ours, from an export."""
    for line in map(json.dumps, chain()):
        entry = json.loads(line)
        previous, made = bytes.fromhex(entry.pop("previous_hash")), entry.pop("hash")
        text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(previous + text.encode("ascii")).hexdigest() == made


@pytest.mark.parametrize("name", [name for name in chain(1)[0] if name not in ("previous_hash", "hash")])
def test_a_changed_field_is_found(name: str) -> None:
    entries = chain()
    entries[2][name] = {"number": 7, "details": {"fields": ["events"]}}.get(name, "something else")
    finding = follow(entries)
    assert finding.entries == 2
    assert finding.broken is not None
    assert finding.broken.startswith("entry 3")


def test_an_entry_that_is_missing_is_found() -> None:
    entries = chain()
    head = entries[-1]["hash"]
    assert "entry 3 is missing" in str(follow(entries[:2] + entries[3:], head).broken)
    assert "entry 1 is missing" in str(follow(entries[1:], head).broken)
    assert "after entry 4 more were written" in str(follow(entries[:4], head).broken)
    assert "after entry 0" in str(follow([], head).broken)


def test_an_entry_made_anew_is_found_at_the_next() -> None:
    entries = chain()
    entries[2]["actor"] = "somebody else"
    entries[2]["hash"] = chained(bytes.fromhex(entries[2]["previous_hash"]), entries[2]).hex()
    assert "entry 4 (aud_4) does not follow" in str(follow(entries).broken)


def test_entries_that_changed_places_are_found() -> None:
    entries = chain()
    entries[1], entries[2] = entries[2], entries[1]
    assert "entry 2 is missing: entry 3 (aud_3) stands in its place" in str(follow(entries).broken)


def test_what_is_no_entry_is_named() -> None:
    assert "is not an entry" in str(follow([{"number": 1, "id": "x", "previous_hash": "zz"}]).broken)
