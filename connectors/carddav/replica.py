"""The local copy of the address books: who has a number, in microseconds, whatever notation it stands in.

No CardDAV server can be asked that: they compare raw text, so that "+1 (415) 555-2671" is not found by
"+14155552671", nor "(415) 555 2671" by any notation that one would think of. So every card is read once;
from then on a sync token (RFC 6578) brings what changed, or a comparison of ETags where a server has none.

Only what is needed is kept: the contact, its numbers, and which calls its note tells of.
"""

from __future__ import annotations

import asyncio
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

import httpx

from connectors.carddav import mapping, multistatus, vcard
from connectors.carddav.changes import changes, is_card
from connectors.carddav.dav import Dav, Denied
from connectors.carddav.discovery import Book, address_books
from connectors.carddav.multistatus import DATA, ETAG, Multistatus
from connectors.kit.connector import Candidate
from connectors.kit.phones import Phone

BATCH: Final = 100  # cards asked for at once
BOOKS_KEPT: Final = 900.0  # seconds until it is asked again which address books there are

_NEVER: Final = float("-inf")
_EVER: Final = -sys.float_info.max


@dataclass(frozen=True, slots=True)
class Kept:
    """One card. `candidate` is None when it is no person's, or no vCard at all."""

    etag: str | None
    candidate: Candidate | None = None
    keys: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Copy:
    """One address book as it was at `token`. `written` are the names that this connector has written to
    since: what comes and goes between two tokens no server tells of, so these are looked at by name."""

    book: Book
    token: str = ""
    cards: dict[str, Kept] = field(default_factory=dict)
    written: set[str] = field(default_factory=set)


class Replica:
    """`clock` gives seconds that only grow. Everything is read by `fresh`; nothing is before the first."""

    def __init__(self, dav: Dav, books: Iterable[str], country: str, clock: Callable[[], float]) -> None:
        self._dav = dav
        self._only = tuple(books)
        self._country = country
        self._clock = clock
        self._copies: list[_Copy] = []
        self._by_phone: dict[str, set[str]] = defaultdict(set)
        self._by_call: dict[str, str] = {}
        self._as_of = _NEVER
        self._discovered = _NEVER
        self._reading: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to read, without waiting for it."""
        self._task()

    async def read(self) -> None:
        """Returns when every card has been read once, however long ago."""
        await self.fresh(_EVER)

    async def close(self) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def fresh(self, since: float) -> None:
        """Returns when the copy is what the server had at `since` or later. Callers share one reading, and
        one that goes away does not end it for the others."""
        while self._as_of < since:
            await asyncio.shield(self._task())

    async def books(self) -> list[Book]:
        """The address books, asked for every so often."""
        if self._clock() - self._discovered > BOOKS_KEPT:
            began, books = self._clock(), await address_books(self._dav, self._only)
            known = {copy.book.name: copy for copy in self._copies}
            self._copies = [known.pop(book.name) if book.name in known else _Copy(book) for book in books]
            for copy, book in zip(self._copies, books, strict=True):
                copy.book = book
            for gone in known.values():
                self._forget(gone)
            self._discovered = began
        return [copy.book for copy in self._copies]

    def having(self, phone: Phone) -> list[Candidate]:
        """Everybody who might have the number."""
        names = self._by_phone.get(mapping.key(phone.digits), set())
        kept = (copy.cards.get(name) for copy in self._copies for name in names)
        return [card.candidate for card in kept if card and card.candidate]

    def telling_of(self, call_id: str) -> str | None:
        """The card whose note tells of the call."""
        return self._by_call.get(call_id)

    def holds(self, name: str) -> bool:
        """Whether the name is one that a card in these address books can have."""
        try:
            usual = name == self._dav.name(name)
        except httpx.InvalidURL:
            return False
        return usual and any(is_card(name, copy.book) for copy in self._copies)

    def put(self, name: str, etag: str | None, text: str) -> list[Candidate]:
        """What this connector itself has written, or read alone; the contact that it is."""
        copy = next(copy for copy in self._copies if is_card(name, copy.book))
        kept = self._read(name, etag, text)
        copy.written.add(name)
        self._keep(copy, name, kept)
        return [kept.candidate] if kept.candidate else []

    def candidates(self, answer: Multistatus) -> list[Candidate]:
        """The contacts in an answer of the server; nothing is kept."""
        return [kept.candidate for kept in self._cards(answer).values() if kept.candidate]

    def _task(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
            self._reading.add_done_callback(_retrieved)
        return self._reading

    async def _read_all(self) -> None:
        began = self._clock()
        await self.books()
        for copy in self._copies:
            try:
                await self._bring_up_to_date(copy)
            except Denied as denied:
                if denied.http_status in (404, 410):
                    self._discovered = _NEVER  # the address book is gone: look again which there are
                raise
        self._as_of = began

    async def _bring_up_to_date(self, copy: _Copy) -> None:
        written, copy.written = copy.written, set()
        try:
            found = await changes(self._dav, copy.book, copy.token)
            wanted = [name for name, etag in found.listed.items() if not _same(copy.cards.get(name), etag)]
            unsaid = set() if found.complete else written - set(found.listed) - found.gone
            await self._fetch(copy, [*wanted, *unsaid])
        except BaseException:
            copy.written |= written
            raise
        for name in set(copy.cards) - set(found.listed) if found.complete else found.gone:
            self._keep(copy, name, None)
        copy.token = found.token

    async def _fetch(self, copy: _Copy, names: list[str]) -> None:
        """Reads these cards; those that are not there are forgotten."""
        for start in range(0, len(names), BATCH):
            batch = names[start : start + BATCH]
            asked = multistatus.multiget(self._dav.path(name) for name in batch)
            answer = await self._dav.report(copy.book.name, asked, depth=1)
            read, gone = self._cards(answer), {e.href for e in answer.entries if e.status in (404, 410)}
            for name in batch:
                known = name in read or name in gone
                self._keep(copy, name, read.get(name) if known else await self._alone(name))

    async def _alone(self, name: str) -> Kept | None:
        """A card that the server passed over when it was asked for many. To take it for none would be to say
        of somebody who is there that nobody is."""
        resource = await self._dav.get(name)
        return None if resource is None else self._read(name, resource.etag, resource.text)

    def _cards(self, answer: Multistatus) -> dict[str, Kept]:
        found = {}
        for entry in answer.entries:
            if (text := entry.text(DATA)) is not None:
                name = entry.href
                found[name] = self._read(name, entry.text(ETAG), text)
        return found

    def _read(self, name: str, etag: str | None, text: str) -> Kept:
        try:
            card = vcard.parse(text)
        except ValueError:
            return Kept(etag)
        candidate = mapping.candidate(card, name, self._country)
        if candidate is None:
            return Kept(etag)
        keys = mapping.keys(candidate.phones, self._country)
        return Kept(etag, candidate, keys, mapping.calls_in(card))

    def _forget(self, copy: _Copy) -> None:
        for name in list(copy.cards):
            self._keep(copy, name, None)

    def _keep(self, copy: _Copy, name: str, kept: Kept | None) -> None:
        """Instead of what was there; None when nothing is any more."""
        before = copy.cards.pop(name, None)
        for key in before.keys if before else ():
            self._by_phone[key].discard(name)
            if not self._by_phone[key]:
                del self._by_phone[key]
        for call in before.calls if before else ():
            if self._by_call.get(call) == name:
                del self._by_call[call]
        if kept is not None:
            copy.cards[name] = kept
            for key in kept.keys:
                self._by_phone[key].add(name)
            self._by_call.update(dict.fromkeys(kept.calls, name))


def _same(kept: Kept | None, etag: str | None) -> bool:
    return kept is not None and etag is not None and kept.etag == etag


def _retrieved(task: asyncio.Task[None]) -> None:
    """A failure that nobody waits for is looked at by the next who does; asyncio need not complain."""
    if not task.cancelled():
        task.exception()
