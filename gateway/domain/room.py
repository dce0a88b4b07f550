"""How much of one kind may go on at once, and how much of it for one organization.

An organization may take as much as is left for all others: alone it gets half, and the more are busy, the
less each. So one whose CRM hangs never takes the last place from the others, and no share is kept for nobody.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

MOST_OPEN: Final = 2048


class Room:
    """Places on this node; nobody waits for one."""

    def __init__(self, most: int = MOST_OPEN) -> None:
        self._most = most
        self._by_org: Counter[str] = Counter()
        self.inside = 0

    @contextmanager
    def place(self, org_id: str) -> Iterator[bool]:
        """Whether there is one; if so it is held until the end of the block."""
        if self._by_org[org_id] >= self._most - self.inside:
            yield False
            return
        self._by_org[org_id] += 1
        self.inside += 1
        try:
            yield True
        finally:
            self.inside -= 1
            self._by_org[org_id] -= 1
            if not self._by_org[org_id]:
                del self._by_org[org_id]
