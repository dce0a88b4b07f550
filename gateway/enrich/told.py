"""What somebody was told of a caller, and how many such things become rows: the answers, what is counted of
them, and what is announced, in one transaction. What is about a person or an organization erased meanwhile is
not written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.domain.resolution import Resolution
from gateway.store import erased_people, organizations, resolutions, stats
from gateway.store.directory import OrgView
from gateway.store.transaction import AnnounceAll, Transaction

KIND: Final = "resolutions"
LINGER_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 30.0

_encode: Final = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True)
class Told:
    """An answer about a caller who was asked for at `asked_at` (ms); `person` None for a number that is none.
    Until `open_until` (ms) more may come, None when nothing will; `event`: it is to be announced; `counts`
    for the statistics."""

    org: OrgView
    asked_at: int
    person: bytes | None
    resolution: Resolution
    open_until: int | None = None
    event: bool = False
    counts: Sequence[stats.Key] = ()


async def apply(tx: Transaction, batches: list[Any], *, announce: AnnounceAll) -> list[None]:
    """The writer of the group commit; its items are lists of `Told`."""
    told: list[Told] = [one for batch in batches for one in batch]
    # Locked: an erasure that is under way is waited for, and one that begins waits.
    erased = await organizations.erasures(tx.conn, sorted({one.org.id for one in told}))
    told = await _counting(tx, told, erased)
    newest: dict[str, Told] = {}
    counts: Counter[stats.Key] = Counter()
    for one in told:
        counts.update(one.counts)
        before = newest.get(one.resolution.id)
        if before is None or before.resolution.revision < one.resolution.revision:
            newest[one.resolution.id] = one
    await resolutions.insert(tx.conn, [_row(one) for one in newest.values()])
    if counts:
        await stats.add(tx.conn, counts)
    await announce(tx, [_event(one) for one in told if one.event])
    return [None] * len(batches)


async def _counting(tx: Transaction, told: Sequence[Told], erased: Mapping[str, int | None]) -> list[Told]:
    """Those of living organizations, and not of people who were erased after they were asked for."""
    asked = [(one.org.id, one.person, one.asked_at) for one in told if one.person is not None]
    until = await erased_people.among_asked(tx.conn, asked, erased)
    return [
        one
        for one in told
        if one.org.id in erased
        and (one.person is None or one.asked_at > until.get((one.org.id, one.person), -1))
    ]


def _row(told: Told) -> tuple[Any, ...]:
    one = told.resolution
    written = resolutions.Written(one.revision, told.open_until, _encode(one))
    return resolutions.row(told.org.organization.cipher, told.org.id, one.id, told.person, written)


def _event(told: Told) -> tuple[str, str, Mapping[str, Any]]:
    """Ids and words, nothing of the caller."""
    one = told.resolution
    data = {
        "resolution_id": one.id, "call_id": one.call_id, "status": one.status, "source": one.freshness,
        "pending": list(one.pending), "revision": one.revision,
    }  # fmt: skip
    return told.org.id, "caller.resolved", data
