"""What is kept of callers, read for all who ask at the same time in one go: while the database answers one
question, the next ones gather.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
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
        self._reading = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def of(self, org: OrgView, phone: str, person: bytes) -> asyncio.Future[Recalled]:
        """What is kept of the person with this number (E.164). When the database is away, that is nothing."""
        recalled: asyncio.Future[Recalled] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(org, (org.id, person, phone), recalled))
        if self._reading < READERS:
            self._reading += 1
            task = asyncio.create_task(self._read_all(), name="recall")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return recalled

    async def stop(self) -> None:
        """Breaks off what is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read_all(self) -> None:
        try:
            while self._waiting:
                some, self._waiting = self._waiting[:MOST_AT_ONCE], self._waiting[MOST_AT_ONCE:]
                found = await self._read(some)
                now = self._store.clock.now()
                for one in some:
                    self._tell(one, found, now)
        finally:
            self._reading -= 1  # here, so that whoever comes in this moment starts another

    async def _read(self, some: Sequence[_Waiting]) -> Mapping[Key, Sequence[Row]] | None:
        """What there is of these; None when it cannot be had."""
        try:
            async with self._store.looking_up() as conn:
                return await recalling.of_callers(conn, [one.key for one in some])
        except Problem as problem:
            log.warning("what is kept of callers is not to be had: %s", problem.message)
        except Exception:
            log.exception("what is kept of callers cannot be read")
        return None

    def _tell(self, one: _Waiting, found: Mapping[Key, Sequence[Row]] | None, now: int) -> None:
        """Opens what is about one caller, and nobody else's."""
        if one.recalled.done():  # whoever asked has gone away
            return
        if found is None:
            one.recalled.set_result(Recalled(reachable=False))
            return
        org, rows = one.org, found.get(one.key, ())
        try:
            kept = recalling.opened(org.organization.cipher, one.key, rows, org.connectors.values(), now)
            answers = {connector_id: _kept(answer) for connector_id, answer in kept.answers.items()}
            one.recalled.set_result(Recalled(answers, kept.contact, number=kept.number))
        except Exception:
            log.exception("what is kept of a caller cannot be opened")
            one.recalled.set_result(Recalled(reachable=False))


def _kept(answer: Answer) -> Kept:
    stored = None if answer.contact is None else _decode(answer.contact)
    return Kept(answer.state, stored, answer.fetched_at, answer.expires_at)
