"""The local copy of the address books: who has a number, in microseconds, whatever notation it stands in.

No CardDAV server can be asked that: they compare raw text, so that "+1 (415) 555-2671" is not found by
"+14155552671", nor "(415) 555 2671" by any notation that one would think of. So every card is read once;
from then on a sync token (RFC 6578) brings what changed, or a comparison of ETags where a server has none.

Only what is needed is kept: the contact, its numbers, and which calls its note tells of.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from connectors.carddav import mapping, multistatus, vcard
from connectors.carddav.dav import Dav, Denied
from connectors.carddav.discovery import Book, address_books
from connectors.carddav.multistatus import DATA, ETAG
from connectors.kit.connector import Candidate
from connectors.kit.failures import Unavailable
from connectors.kit.phones import Phone

BATCH: Final = 100  # cards asked for at once
PAGES: Final = 1_000  # of one synchronization, for servers that answer in pieces

_FORGOTTEN = (400, 403, 404, 409, 410, 412)  # how servers say that they do not know a token any more


@dataclass(frozen=True, slots=True)
class Kept:
    """One card. `candidate` is None when it is no person's, or no vCard at all."""

    etag: str | None
    candidate: Candidate | None = None
    keys: frozenset[str] = frozenset()
    calls: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Copy:
    """One address book as it was at `token`."""

    book: Book
    token: str = ""
    cards: dict[str, Kept] = field(default_factory=dict)


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
        self._as_of = float("-inf")
        self._reading: asyncio.Task[None] | None = None

    @property
    def complete(self) -> bool:
        """Whether every card has been read once."""
        return self._as_of > float("-inf")

    def start(self) -> None:
        """Begins to read, without waiting for it."""
        self._task()

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
        """The address books, asked for once."""
        if not self._copies:
            self._copies = [_Copy(book) for book in await address_books(self._dav, self._only)]
        return [copy.book for copy in self._copies]

    def having(self, phone: Phone) -> list[Candidate]:
        """Everybody who might have the number."""
        return [kept.candidate for name in self._by_phone.get(mapping.key(phone.digits), ())
                if (kept := self.kept(name)) and kept.candidate]  # fmt: skip

    def telling_of(self, call_id: str) -> str | None:
        """The card whose note tells of the call."""
        return self._by_call.get(call_id)

    def kept(self, name: str) -> Kept | None:
        return next((copy.cards[name] for copy in self._copies if name in copy.cards), None)

    def holds(self, name: str) -> bool:
        """Whether the name is one of a card in these address books, known or not."""
        return any(
            name.startswith(copy.book.name) and "/" not in name[len(copy.book.name):] for copy in self._copies
        )  # fmt: skip

    def put(self, name: str, etag: str | None, text: str) -> None:
        """What this connector itself has written."""
        copy = next(copy for copy in self._copies if name.startswith(copy.book.name))
        self._keep(copy, name, self._read(name, etag, text))

    def _task(self) -> asyncio.Task[None]:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_all())
            self._reading.add_done_callback(_retrieved)
        return self._reading

    async def _read_all(self) -> None:
        began = self._clock()
        await self.books()
        for copy in self._copies:
            await self._bring_up_to_date(copy)
        self._as_of = began

    async def _bring_up_to_date(self, copy: _Copy) -> None:
        listed, gone, token = await self._differences(copy)
        wanted = [name for name, etag in listed.items() if not _same(copy.cards.get(name), etag)]
        for start in range(0, len(wanted), BATCH):
            batch = wanted[start : start + BATCH]
            read = await self._fetch(copy.book, batch)
            for name in batch:
                self._keep(copy, name, read.get(name))
        for name in gone:
            self._keep(copy, name, None)
        copy.token = token

    async def _differences(self, copy: _Copy) -> tuple[dict[str, str | None], set[str], str]:
        """The ETags of what may have changed, what is gone, and the token of this state."""
        if copy.book.syncs and copy.token:
            try:
                return await self._since(copy.book, copy.token)
            except Denied as denied:
                if denied.http_status not in _FORGOTTEN:
                    raise
        if copy.book.syncs:
            listed, _, token = await self._since(copy.book, "")
        else:
            entries = (await self._dav.propfind(copy.book.name, [ETAG], depth=1)).entries
            listed, token = {self._dav.name(entry.href): entry.text(ETAG) for entry in entries}, ""
        listed = {name: etag for name, etag in listed.items() if name.startswith(copy.book.name) and name[-1] != "/"}
        return listed, set(copy.cards) - set(listed), token

    async def _since(self, book: Book, token: str) -> tuple[dict[str, str | None], set[str], str]:
        listed: dict[str, str | None] = {}
        gone: set[str] = set()
        for _ in range(PAGES):
            answer = await self._dav.report(book.name, multistatus.sync_collection(token), depth=0)
            truncated = False
            for entry in answer.entries:
                name = self._dav.name(entry.href)
                if entry.status == 507:
                    truncated = True
                elif entry.status in (404, 410):
                    gone.add(name)
                    listed.pop(name, None)
                elif name.startswith(book.name) and name[-1] != "/":
                    listed[name] = entry.text(ETAG)
                    gone.discard(name)
            before, token = token, answer.sync_token or ""
            if not truncated:
                return listed, gone, token
            if token in ("", before):
                break
        raise Unavailable("the CardDAV server does not come to the end of what changed")

    async def _fetch(self, book: Book, names: list[str]) -> dict[str, Kept]:
        answer = await self._dav.report(book.name, multistatus.multiget(names), depth=1)
        return self.read(answer)

    def read(self, answer: multistatus.Multistatus) -> dict[str, Kept]:
        """The cards that an answer holds, by name; nothing is kept."""
        found = {}
        for entry in answer.entries:
            if (text := entry.text(DATA)) is not None:
                name = self._dav.name(entry.href)
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

    def _keep(self, copy: _Copy, name: str, kept: Kept | None) -> None:
        """Instead of what was there; None when nothing is any more."""
        before = copy.cards.pop(name, None)
        for key in before.keys if before else ():
            self._by_phone[key].discard(name)
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
