"""What is kept of callers: connectors' answers, remembered and written down off the way of the answer; and
the address book, which is read together with them.

An answer is known here from the moment it came; the database has it a little later, in a transaction that
many share, together with the log of what was said, and the address book with whom it was about. What is about
a person or an organization erased meanwhile is not written any more.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.domain.connector import Connector
from gateway.domain.contact import of_crm
from gateway.enrich.recalls import Kept, Recalled, Recalls, encode
from gateway.errors import Overloaded
from gateway.store import connector_contacts as contacts
from gateway.store import connector_creates as creates
from gateway.store import connector_requests as requests
from gateway.store import contact_facts, erased_people, organizations, rotations
from gateway.store.connector_contacts import Answer
from gateway.store.contact_facts import Heard
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


@dataclass(frozen=True, slots=True)
class Note:
    """One call that is to be written down: `begun_at` (ms), when whoever wanted it began, which may be long
    before the question was put; whom it was about, the rows of its log, what it
    said of the person for the next question and for the address book, and what it taught of a rotation.
    `created`: a claim that is fulfilled."""

    org_id: str
    begun_at: int
    person: bytes
    rows: Sequence[requests.Request] = ()
    answer: tuple[AnswerKey, int, tuple[Any, ...]] | None = None
    heard: Heard | None = None
    accepted: Accepted | None = None
    created: tuple[str, bytes, int] | None = None


class Keeping:
    """The memory of one node, and the way to the one they share."""

    def __init__(self, store: Store, commits: GroupCommit) -> None:
        self._commits = commits
        self._unwritten: dict[AnswerKey, Kept] = {}
        self.recalls = Recalls(store)
        self._waiting: set[asyncio.Future[Any]] = set()

    async def recall(self, org: OrgView, phone: str, person: bytes) -> Recalled:
        """What is kept of the person with this number (E.164). When the database is away, only what this node
        has heard a moment ago."""
        return self.with_recent(org, person, await self.recalls.of(org, phone, person))

    def with_recent(self, org: OrgView, person: bytes, known: Recalled) -> Recalled:
        """What was read of the person, and what this node has heard since."""
        if not self._unwritten:
            return known
        recent = self._heard_a_moment_ago(org, person, known.answers)
        return replace(known, answers=known.answers | recent) if recent else known

    def note(self, note: Note, kept: Kept | None = None) -> None:
        """Has it written, soon. `kept` is what `note.answer` says, known here at once."""
        if len(self._waiting) >= MOST_WAITING:
            log.warning("a direct call is not written down: the database does not keep up")
            return
        key = note.answer[0] if note.answer is not None else None
        if key is not None and kept is not None:
            self._unwritten[key] = kept
        try:
            written = self._commits.submit(KIND, note)
        except Overloaded:  # the gateway is stopping
            return
        self._waiting.add(written)
        written.add_done_callback(lambda done: self._written(key, kept, done))

    async def written(self, seconds: float) -> None:
        """Waits until what was noted so far is written, for so long."""
        if self._waiting:
            await asyncio.wait(self._waiting, timeout=seconds)

    async def stop(self) -> None:
        await self.recalls.stop()

    def _heard_a_moment_ago(self, org: OrgView, person: bytes, known: dict[str, Kept]) -> dict[str, Kept]:
        found = {}
        for connector_id in org.connectors:
            kept = self._unwritten.get((org.id, person, connector_id))
            if kept is not None and (
                connector_id not in known or kept.fetched_at >= known[connector_id].fetched_at
            ):
                found[connector_id] = kept
        return found

    def _written(self, key: AnswerKey | None, kept: Kept | None, done: asyncio.Future[Any]) -> None:
        self._waiting.discard(done)
        if key is not None and self._unwritten.get(key) is kept:
            del self._unwritten[key]
        if (problem := done.exception()) is not None:
            log.warning("a direct call is not written down: %s", type(problem).__name__)


def with_answer(note: Note, org: OrgView, connector: Connector, phone: str, kept: Kept) -> Note:
    """The note, with what the connector said of the person with this number (E.164): for the next question,
    and for the address book."""
    cipher, stored = org.organization.cipher, kept.stored
    contact = None if stored is None else encode(stored)
    answer = Answer(connector.id, kept.state, contact, kept.fetched_at, kept.expires_at)
    knowledge = None
    if stored is not None:
        knowledge = of_crm(stored.contact, connector.id, fetched_at=kept.fetched_at, matches=stored.matches)
    key = (org.id, note.person, connector.id)
    return replace(
        note,
        answer=(key, kept.fetched_at, contacts.row(cipher, org.id, note.person, answer)),
        heard=contact_facts.heard(cipher, org.id, phone, connector.id, knowledge, kept.fetched_at),
    )


async def apply(tx: Transaction, notes: list[Any]) -> list[None]:
    """The writer of the group commit."""
    learned = any(note.accepted is not None for note in notes)
    org_ids = sorted({note.org_id for note in notes})
    # Locked: an erasure that is under way is waited for, and one that begins waits.
    erased = await organizations.erasures(tx.conn, org_ids, changing=learned)
    counting = await _counting(tx, notes, erased)
    await _write_answers(tx, counting)
    await requests.write(tx, [row for note in counting for row in note.rows])
    for note in counting:
        if note.created is not None:
            await creates.end(tx.conn, note.created[0], note.created[1], "done", note.created[2])
    accepted = {note.accepted.target_id: note.accepted for note in notes if note.accepted is not None}
    living = [one for one in accepted.values() if one.org_id in erased]
    if living:
        await rotations.accepted(tx, living)
    return [None] * len(notes)


async def _counting(tx: Transaction, notes: list[Any], erased: dict[str, int | None]) -> list[Note]:
    """Those of living organizations, and not of people who were erased after they were wanted."""
    notes = [note for note in notes if note.org_id in erased]
    asked = [(note.org_id, note.person, note.begun_at) for note in notes]
    until = await erased_people.among_asked(tx.conn, asked, erased)
    return [note for note in notes if note.begun_at > until.get((note.org_id, note.person), -1)]


async def _write_answers(tx: Transaction, notes: Sequence[Note]) -> None:
    """Of each person and connector the latest. In one order on all nodes, so that none waits for another in a
    circle."""
    latest: dict[AnswerKey, tuple[int, Note]] = {}
    for note in notes:
        if note.answer is not None:
            key, fetched_at, _ = note.answer
            if key not in latest or fetched_at >= latest[key][0]:
                latest[key] = (fetched_at, note)
    ordered = [latest[key][1] for key in sorted(latest)]
    await contacts.insert_answers(tx.conn, [note.answer[2] for note in ordered if note.answer is not None])
    heard = [note.heard for note in ordered if note.heard is not None]
    if heard:
        await contact_facts.write_heard(tx, heard, max(fact.at for fact in heard))
