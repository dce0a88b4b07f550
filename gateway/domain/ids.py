"""Ids: a prefix that says what it is, and 26 characters that sort by time.

The opaque part is a ULID in lower case: 48 bits of milliseconds, 80 bits of chance, base 32. Sorting by time
lets large tables be partitioned by id. Ids never contain a dot: the Standard Webhooks content joins by dots.
"""

from __future__ import annotations

import hashlib
import os
import re

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [a + b for a in _ALPHABET for b in _ALPHABET]
_ID = re.compile(r"[a-z]{3}_[a-z0-9_]{1,60}\Z")


def new_id(prefix: str, now: int, entropy: bytes | None = None) -> str:
    """`evt_01k…`; `now` in milliseconds, `entropy` 10 bytes (os.urandom when not given)."""
    value = (now << 80) | int.from_bytes(entropy or os.urandom(10), "big")
    pairs = _PAIRS
    return prefix + "_" + "".join([pairs[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def first_id(prefix: str, now: int) -> str:
    """The smallest id of that millisecond: where a time range begins."""
    return new_id(prefix, now, bytes(10))


def delivery_id(event_id: str, target_id: str) -> str:
    """The id of the delivery that an event owes a target: the same whenever it is asked for, and sorting by
    the event's time."""
    opaque = event_id.partition("_")[2]
    digest = hashlib.blake2b(f"{event_id} {target_id}".encode(), digest_size=10).digest()
    value = int.from_bytes(digest, "big")
    pairs = [_PAIRS[(value >> shift) & 1023] for shift in range(70, -1, -10)]
    return "dlv_" + opaque[:10] + "".join(pairs)


def contact_id(digest: bytes) -> str:
    """The id of the contact with a number, out of 16 bytes of the number's keyed hash: the same whenever it
    is asked for, and telling nothing of the number."""
    value = int.from_bytes(digest, "big")
    return "ctc_" + "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])


def is_id(text: str) -> bool:
    """Whether it has the form of an id, of whatever kind."""
    return _ID.match(text) is not None
