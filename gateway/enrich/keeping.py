"""What connectors have said: remembered, and written down off the way of the answer.

An answer is known here from the moment it came; the database has it a little later, in a transaction that
many share, together with the log of what was said. What is about a person or an organization erased meanwhile
is not written any more.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from gateway.domain.connector import Connector
from gateway.domain.contact import CrmContact
from gateway.domain.freshness import State
from gateway.enrich.flights import Flights
from gateway.errors import Overloaded, Problem
from gateway.store import connector_contacts as contacts
from gateway.store import connector_creates as creates
from gateway.store import connector_requests as requests
from gateway.store import organizations, rotations
from gateway.store.connector_contacts import Answer
from gateway.store.directory import OrgView
from gateway.store.group_commit import GroupCommit
from gateway.store.rotations import Accepted
from gateway.store.store import Store
from gateway.store.transaction import Transaction

log = logging.getLogger("gateway.callers")

KIND: Final = "callers"
LINGER_SECONDS: Final = 0.05
PATIENCE_SECONDS: Final = 30.0
MOST_WAITING: Final = 5_000

AnswerKey = tuple[str, bytes, str]
"""Organization, person, connector."""


class Stored(msgspec.Struct, frozen=True, array_like=True):
    """What is kept, sealed, of a contact."""

    contact: CrmContact
    matches: int


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Stored).decode


@dataclass(frozen=True, slots=True)
class Kept:
    """What a connector said at `fetched_at` (ms); `stored` is None for "not found"."""

    state: State
    stored: Stored | None
    fetched_at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Note:
    """One call that is to be written down: `asked_at` (ms), the rows of its log, what it said of a person,
    and what it taught of a rotation. `created`: a claim that is fulfilled."""

    org_id: str
    asked_at: int
    rows: Sequence[requests.Request] = ()
    answer: tuple[AnswerKey, int, tuple[Any, ...]] | None = None
    accepted: Accepted | None = None
    created: tuple[str, bytes, int] | None = None


class Keeping:
    """The memory of one node, and the way to the one they share."""

    def __init__(self, store: Store, commits: GroupCommit) -> None:
        self._store = store
        self._commits = commits
        self._unwritten: dict[AnswerKey, Kept] = {}
        self._recalls: Flights[tuple[str, bytes], dict[str, Kept]] = Flights("recall")
        self._waiting = 0

    async def recall(self, org: OrgView, person: bytes) -> dict[str, Kept]:
        """What the organization's connectors have said of the person, by connector. When the database is
        away, only what this node has heard a moment ago."""
        known = await self._recalls.join((org.id, person), lambda: self._recall(org, person))
        return known | self._heard_a_moment_ago(org, person, known)

    def note(self, note: Note, kept: Kept | None = None) -> None:
        """Has it written, soon. `kept` is what `note.answer` says, known here at once."""
        if self._waiting >= MOST_WAITING:
            log.warning("a direct call is not written down: the database does not keep up")
            return
        key = note.answer[0] if note.answer is not None else None
        if key is not None and kept is not None:
            self._unwritten[key] = kept
        try:
            written = self._commits.submit(KIND, note)
        except Overloaded:  # the gateway is stopping
            return
        self._waiting += 1
        written.add_done_callback(lambda done: self._written(key, kept, done.exception()))

    async def stop(self) -> None:
        await self._recalls.stop()

    async def _recall(self, org: OrgView, person: bytes) -> dict[str, Kept]:
        now = self._store.clock.now()
        try:
            async with self._store.looking_up() as conn:
                found = await contacts.of_person(
                    conn, org.organization.cipher, org.id, person, org.connectors.values(), now
                )
        except Problem as problem:
            log.warning("what connectors have said is not to be had: %s", problem.message)
            return {}
        return {connector_id: _kept(answer) for connector_id, answer in found.items()}

    def _heard_a_moment_ago(self, org: OrgView, person: bytes, known: dict[str, Kept]) -> dict[str, Kept]:
        if not self._unwritten:
            return {}
        found = {}
        for connector_id in org.connectors:
            kept = self._unwritten.get((org.id, person, connector_id))
            if kept is not None and (
                connector_id not in known or kept.fetched_at >= known[connector_id].fetched_at
            ):
                found[connector_id] = kept
        return found

    def _written(self, key: AnswerKey | None, kept: Kept | None, problem: BaseException | None) -> None:
        self._waiting -= 1
        if key is not None and self._unwritten.get(key) is kept:
            del self._unwritten[key]
        if problem is not None:
            log.warning("a direct call is not written down: %s", type(problem).__name__)


def answer_of(
    org: OrgView, connector: Connector, person: bytes, kept: Kept
) -> tuple[AnswerKey, int, tuple[Any, ...]]:
    """The row that keeps it, with what it is about."""
    contact = None if kept.stored is None else _encode(kept.stored)
    answer = Answer(connector.id, kept.state, contact, kept.fetched_at, kept.expires_at)
    row = contacts.row(org.organization.cipher, org.id, person, answer)
    return (org.id, person, connector.id), kept.fetched_at, row


async def apply(tx: Transaction, notes: list[Any]) -> list[None]:
    """The writer of the group commit."""
    org_ids = sorted({note.org_id for note in notes})
    learned = any(note.accepted is not None for note in notes)
    # Locked: an erasure that is under way is waited for, and one that begins waits.
    erased = await organizations.erasures(tx.conn, org_ids, changing=learned)
    counting = [note for note in notes if note.org_id in erased and _counts(note, erased[note.org_id])]
    latest: dict[AnswerKey, tuple[int, tuple[Any, ...]]] = {}
    for note in counting:
        if note.answer is not None:
            key, fetched_at, row = note.answer
            if key not in latest or fetched_at >= latest[key][0]:
                latest[key] = fetched_at, row
    # In one order on all nodes, so that none waits for another in a circle.
    await contacts.insert_answers(tx.conn, [latest[key][1] for key in sorted(latest)])
    await requests.write(tx, [row for note in counting for row in note.rows])
    for note in counting:
        if note.created is not None:
            await creates.end(tx.conn, note.created[0], note.created[1], "done", note.created[2])
    accepted = {note.accepted.target_id: note.accepted for note in notes if note.accepted is not None}
    living = [one for one in accepted.values() if one.org_id in erased]
    if living:
        await rotations.accepted(tx, living)
    return [None] * len(notes)


def _counts(note: Note, people_erased_at: int | None) -> bool:
    """Whoever was erased may be the one it is about: what was asked before that is not written."""
    return people_erased_at is None or note.asked_at > people_erased_at


def _kept(answer: Answer) -> Kept:
    stored = None if answer.contact is None else _decode(answer.contact)
    return Kept(answer.state, stored, answer.fetched_at, answer.expires_at)
