"""A CardDAV server as a CRM: found by phone, created as a vCard, calls as lines of the contact's note."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import ClassVar, Final, Self
from urllib.parse import quote
from weakref import WeakValueDictionary

import httpx
from phonenumbers import SUPPORTED_REGIONS

from connectors.carddav import mapping, multistatus, vcard
from connectors.carddav.dav import Changed, Dav, Resource
from connectors.carddav.discovery import Book
from connectors.carddav.replica import Replica
from connectors.kit import phones
from connectors.kit.candidates import choose
from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest, Found
from connectors.kit.failures import NotSupported, Refused, Unavailable
from connectors.kit.phones import Phone

FIRST_READING: Final = 1.0  # seconds that a lookup waits for it before it asks the server for the number
TRIES: Final = 10  # of one edit, when others edit the same contact at the same time


class CardDavConnector(Connector):
    """`fresh_for`: how many seconds a contact that was found may lag behind the server. Who is *not* found
    has been looked for on the server as it is at that moment."""

    name: ClassVar[str] = "carddav"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("CARDDAV_URL", "address of the server, of the principal, or of one address book"),
        Setting("CARDDAV_USER", "user name", default=""),
        Setting("CARDDAV_PASSWORD", "password, best one made for this alone", default="", secret=True),
        Setting("CARDDAV_BOOKS", "address books, by title or path, comma separated; "
                "new contacts go into the first (default: all)", default=""),
        Setting("CARDDAV_LOG_CALLS", "note: calls become lines of the contact's note; off", default="note"),
        Setting("CARDDAV_KEEP_CALLS", "how many calls one contact's note holds", default="100"),
        Setting("CARDDAV_FRESH_SECONDS", "seconds that who is found may lag behind", default="5"),
        Setting("CARDDAV_COUNTRY", "country of numbers without a country code", default="US"),
        Setting("CARDDAV_ORIGINS", "further origins that may get the password, comma separated", default=""),
    )  # fmt: skip

    def __init__(
        self,
        dav: Dav,
        *,
        books: Iterable[str] = (),
        log_calls: bool = True,
        keep_calls: int = 100,
        fresh_for: float = 5.0,
        country: str = "US",
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.country = country
        self._dav = dav
        self._log_calls = log_calls
        self._keep_calls = keep_calls
        self._fresh_for = fresh_for
        self._clock = clock
        self._now = now
        self._replica = Replica(dav, books, country, clock)
        self._creating = asyncio.Lock()
        self._editing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        if values["CARDDAV_LOG_CALLS"] not in ("note", "off"):
            raise ValueError("CARDDAV_LOG_CALLS must be note or off")
        user, password = values["CARDDAV_USER"], values["CARDDAV_PASSWORD"]
        if password and not user:
            raise ValueError("CARDDAV_PASSWORD needs CARDDAV_USER")
        dav = Dav(
            _address("CARDDAV_URL", values["CARDDAV_URL"]),
            auth=(user, password) if user else None,
            origins=[_address("CARDDAV_ORIGINS", origin) for origin in _listed(values["CARDDAV_ORIGINS"])],
        )
        return cls(
            dav,
            books=_listed(values["CARDDAV_BOOKS"]),
            log_calls=values["CARDDAV_LOG_CALLS"] == "note",
            keep_calls=int(_number("CARDDAV_KEEP_CALLS", values["CARDDAV_KEEP_CALLS"], 1)),
            fresh_for=_number("CARDDAV_FRESH_SECONDS", values["CARDDAV_FRESH_SECONDS"], 0),
            country=_country("CARDDAV_COUNTRY", values["CARDDAV_COUNTRY"]),
        )

    async def open(self) -> None:
        await self._replica.books()
        self._replica.start()

    async def close(self) -> None:
        await self._replica.close()
        await self._dav.close()

    async def ping(self) -> None:
        await self._replica.books()
        await self._dav.propfind((await self._home()).name, [multistatus.ETAG])

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        if not await self._is_read():
            return await self._ask(phone)
        now = self._clock()
        await self._replica.fresh(now - self._fresh_for)
        if not self._chosen(phone, self._replica.having(phone)):
            await self._replica.fresh(now)
        return self._replica.having(phone)

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        phone = phones.parse(request.phone, self.country)
        if phone is None:
            raise Refused("the number cannot be read")
        async with self._creating:
            await self._replica.fresh(self._clock())
            there = self._chosen(phone, self._replica.having(phone))
            return (there, False) if there else await self._put_new(phone, request)

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        if not self._log_calls:
            raise NotSupported("calls are not noted: CARDDAV_LOG_CALLS is off")
        await self._replica.books()
        noted_before = activity_id.partition("#")[0] if activity_id else None
        for name in (noted_before, contact.id if contact else await self._caller(call)):
            if name and await self._note(name, call):
                return _activity(name, call.id)
        raise NotSupported("a call is noted on its contact, and there is none")

    async def find_call(self, call_id: str) -> str | None:
        await self._replica.fresh(self._clock())
        name = self._replica.telling_of(call_id)
        return _activity(name, call_id) if name else None

    async def _caller(self, call: Call) -> str | None:
        """The contact of the other party, where HUM does not know one; never of the office's own number."""
        number = {"inbound": call.from_, "outbound": call.to}.get(call.direction or "")
        phone = phones.parse(number, self.country) if number else None
        found = self._chosen(phone, await self.lookup(phone)) if phone else None
        return found.id if found else None

    async def _is_read(self) -> bool:
        """Whether all cards have been read once; waits a moment for it."""
        try:
            async with asyncio.timeout(FIRST_READING):
                await self._replica.read()
        except TimeoutError:
            return False
        return True

    async def _ask(self, phone: Phone) -> list[Candidate]:
        """What the server itself finds: raw text against the likeliest notations. Nobody means nothing."""
        query = multistatus.phone_query(phone.notations)
        found: list[Candidate] = []
        for book in await self._replica.books():
            answer = await self._dav.report(book.name, query, depth=1)
            found += self._replica.candidates(answer)
        if not self._chosen(phone, found):
            raise Unavailable("the address books are still being read", retry_after=5)
        return found

    def _chosen(self, phone: Phone, candidates: Iterable[Candidate]) -> Contact | None:
        """Of those that have the number, the one that a lookup answers with."""
        answer = choose(phone, candidates, self.country)
        return answer.contact if isinstance(answer, Found) else None

    async def _home(self) -> Book:
        """Where new contacts go."""
        for book in await self._replica.books():
            if book.writable:
                return book
        raise Refused("none of the address books may be written to")

    async def _put_new(self, phone: Phone, request: CreateRequest) -> tuple[Contact, bool]:
        """Under a name that follows from the number: of two who create it at once, one finds it made."""
        book = await self._home()
        for uid in (uuid.uuid5(uuid.NAMESPACE_URL, f"tel:{phone.e164}"), uuid.uuid4()):
            name, text = f"{book.name}{uid}.vcf", mapping.new_card(request, phone, str(uid), self._now())
            try:
                etag = await self._dav.create(name, text)
                made = True
            except Changed:
                there = await self._dav.get(name)
                if there is None:
                    continue
                text, etag, made = there.text, there.etag, False
            written = self._chosen(phone, self._replica.put(name, etag, text))
            if written:
                return written, made
        raise Unavailable("the CardDAV server takes no contact under a name of its own")

    async def _note(self, name: str, call: Call) -> bool:
        """Writes the call into the contact's note, over nobody's change; False when there is no contact."""
        if not self._replica.holds(name):
            return False
        async with self._editing.setdefault(name, asyncio.Lock()):
            for _ in range(TRIES):
                resource = await self._dav.get(name)
                if resource is None:
                    return False
                try:
                    await self._edit(name, resource, call)
                except Changed:
                    continue
                return True
        raise Unavailable("others keep changing the contact")

    async def _edit(self, name: str, resource: Resource, call: Call) -> None:
        """Raises Changed when somebody else was faster."""
        try:
            card = vcard.parse(resource.text)
        except ValueError:
            raise Refused("the contact is no vCard, or longer than 1 MiB") from None
        text = mapping.with_call(card, call, self._keep_calls).text
        if text == resource.text:
            return
        if resource.etag is None:
            raise Refused("the CardDAV server gives no ETag: a change could undo somebody else's")
        self._replica.put(name, await self._dav.update(name, text, resource.etag), text)


def _activity(name: str, call_id: str) -> str:
    return f"{name}#{quote(call_id, safe='')}"


def _listed(text: str) -> list[str]:
    return [part for piece in text.split(",") if (part := piece.strip())]


def _address(setting: str, text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo:
        raise ValueError(f"{setting} must be an address such as https://dav.example.com, without a password")
    return text


def _country(setting: str, text: str) -> str:
    if text.upper() not in SUPPORTED_REGIONS:
        raise ValueError(f"{setting} must be a country of two letters, such as US or DE")
    return text.upper()


def _number(setting: str, text: str, least: int) -> float:
    if not text.isascii() or not text.isdigit() or not least <= int(text) <= 1_000_000:
        raise ValueError(f"{setting} must be a whole number, at least {least}")
    return int(text)
