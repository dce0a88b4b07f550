"""What is kept of callers, read for all who ask at the same time in one go: while the database answers one
question, the next ones gather.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from gateway.domain.contact import CrmContact
from gateway.domain.freshness import State
from gateway.errors import Problem
from gateway.store import recalling
from gateway.store.connector_contacts import Answer
from gateway.store.directory import OrgView
from gateway.store.number_lookups import NOTHING, Standing
from gateway.store.recalling import Key, Listed, Row
from gateway.store.store import Store

log = logging.getLogger("gateway.callers")

READERS: Final = 2
"""So that one slow reading does not hold up everybody."""

MOST_AT_ONCE: Final = 64


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """What is kept, sealed, of a contact."""

    contact: CrmContact
    matches: int


encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Stored).decode


@dataclass(frozen=True, slots=True)
class Kept:
    """What a connector said at `fetched_at` (ms); `stored` is None for "not found"."""

    state: State
    stored: Stored | None
    fetched_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Recalled:
    """What is kept of a person: what connectors have said, by connector, what stands in the address book, and
    what a lookup of the number has told. `reachable` is False when the database could not be asked."""

    answers: dict[str, Kept] = field(default_factory=dict)
    contact: Listed | None = None
    reachable: bool = True
    number: Standing = NOTHING


class _Waiting(NamedTuple):
    org: OrgView
    key: Key
    recalled: asyncio.Future[Recalled]


class Recalls:
    """Those who read."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[_Waiting] = []
        self._readers: set[asyncio.Task[None]] = set()

    def of(self, org: OrgView, phone: str, person: bytes) -> asyncio.Future[Recalled]:
        """What is kept of the person with this number (E.164). When the database is away, that is nothing."""
        recalled: asyncio.Future[Recalled] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(org, (org.id, person, phone), recalled))
        if len(self._readers) < READERS:
            reader = asyncio.create_task(self._read_all(), name="recall")
            self._readers.add(reader)
            reader.add_done_callback(self._readers.discard)
        return recalled

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    async def _read_all(self) -> None:
        while self._waiting:
            some, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
            try:
                async with self._store.looking_up() as conn:
                    found = await recalling.of_callers(conn, [one.key for one in some])
            except Problem as problem:
                log.warning("what is kept of callers is not to be had: %s", problem.message)
                _tell_all(some, Recalled(reachable=False))
            except BaseException:
                _tell_all(some, Recalled(reachable=False))
                raise
            else:
                now = self._store.clock.now()
                for one in some:
                    self._tell(one, found.get(one.key, ()), now)

    def _tell(self, one: _Waiting, rows: Sequence[Row], now: int) -> None:
        """Opens what is about one caller; what does not open is as if it were not there."""
        if one.recalled.done():
            return
        org = one.org
        try:
            found = recalling.opened(org.organization.cipher, one.key, rows, org.connectors.values(), now)
            answers = {connector_id: _kept(answer) for connector_id, answer in found.answers.items()}
            one.recalled.set_result(Recalled(answers, found.contact, number=found.number))
        except Exception:
            log.exception("what is kept of a caller cannot be read")
            one.recalled.set_result(Recalled(reachable=False))


def _tell_all(some: Sequence[_Waiting], recalled: Recalled) -> None:
    for one in some:
        if not one.recalled.done():
            one.recalled.set_result(recalled)


def _kept(answer: Answer) -> Kept:
    stored = None if answer.contact is None else _decode(answer.contact)
    return Kept(answer.state, stored, answer.fetched_at, answer.expires_at)
