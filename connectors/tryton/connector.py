"""Tryton as a CRM: parties by phone, calls as notes on the party.

Tryton lets nobody change what a note says. So a call that is told again gets a new note, and the one before
is deleted; the activity's id, made of party and call, stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Self
from urllib.parse import quote

import httpx
from phonenumbers import SUPPORTED_REGIONS

from connectors.kit import phones
from connectors.kit.candidates import choose
from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest, Found
from connectors.kit.failures import NotSupported, Refused
from connectors.kit.phones import Phone
from connectors.tryton import mapping
from connectors.tryton.client import Invalid, Record, Tryton
from connectors.tryton.mapping import MECHANISM, NOTE, PARTY

_NO_PARTY: Final = "a call is noted on its party, and there is none"
_LINKS: Final = "/#"  # where the web client's addresses of records begin, before the database's name


class TrytonConnector(Connector):
    """`web_url`: where a person opens a record, up to `/#DATABASE`; empty for no links."""

    name: ClassVar[str] = "tryton"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("TRYTON_URL", "address of the server, such as https://tryton.example.com"),
        Setting("TRYTON_DATABASE", "name of the database"),
        Setting("TRYTON_KEY", "key of a validated user application for rest", secret=True),
        Setting("TRYTON_COUNTRY", "country of numbers without a country code", default="US"),
        Setting("TRYTON_WEB_URL", "address of the web client, for links to parties", default=""),
    )

    def __init__(self, tryton: Tryton, *, country: str = "US", web_url: str = "") -> None:
        self.country = country
        self._tryton = tryton
        self._web_url = web_url
        self._creating = asyncio.Lock()  # on SQLite, Tryton gives parties made at once the same code

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        database, web = values["TRYTON_DATABASE"], values["TRYTON_WEB_URL"]
        if values["TRYTON_COUNTRY"].upper() not in SUPPORTED_REGIONS:
            raise ValueError("TRYTON_COUNTRY must be a country of two letters, such as US or DE")
        if not values["TRYTON_KEY"].isascii() or not values["TRYTON_KEY"].isprintable():
            raise ValueError("TRYTON_KEY must be the key alone, as Tryton shows it")
        tryton = Tryton(_address("TRYTON_URL", values["TRYTON_URL"]), database, values["TRYTON_KEY"])
        return cls(
            tryton,
            country=values["TRYTON_COUNTRY"].upper(),
            web_url=_address("TRYTON_WEB_URL", web, "https").rstrip("/") + _LINKS + quote(database)
            if web
            else "",
        )

    async def open(self) -> None:
        await self.ping()

    async def close(self) -> None:
        await self._tryton.close()

    async def ping(self) -> None:
        await self._tryton.search(PARTY, [], ["id"], most=1)
        await self._tryton.search(NOTE, [], ["id"], most=1)

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        found = await self._tryton.search(MECHANISM, mapping.phone_search(phone), mapping.MECHANISM_FIELDS)
        return mapping.candidates(found, self._web_url, self.country)

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        phone = phones.parse(request.phone, self.country)
        if phone is None:
            raise Refused("the number cannot be read")
        async with self._creating:
            made = await self._new_party(request, phone)
        return mapping.candidate(made, self._web_url, self.country).contact, True

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        """Several notes of one call, which a crash may leave behind, become one again."""
        notes = await self._notes(call.id) if activity_id else []
        party = await self._party(call, contact, notes)
        text = mapping.note_text(call)
        same = [note for note in notes if note["message"] == text and mapping.party_of(note) == party]
        if not same:
            await self._write(party, text)
        for note in notes:
            if note not in same[:1]:
                await self._tryton.delete(NOTE, note["id"])
        return activity_id or _activity(party, call.id)

    async def find_call(self, call_id: str) -> str | None:
        for note in await self._notes(call_id):
            if (party := mapping.party_of(note)) is not None:
                return _activity(party, call_id)
        return None

    async def _new_party(self, request: CreateRequest, phone: Phone) -> Record:
        """Tryton may refuse a party because another one, made at that moment, got the same code; and because
        it does not like the e-mail address. The person who called exists all the same."""
        refusal: Invalid | None = None
        for wanted in (request, request, CreateRequest(request.phone, request.name)):
            try:
                party = mapping.new_party(wanted, phone)
                return await self._tryton.create(PARTY, party, mapping.PARTY_FIELDS)
            except Invalid as invalid:
                refusal = invalid
        raise refusal or Refused("no party was made")

    async def _notes(self, call_id: str) -> list[Record]:
        found = await self._tryton.search(NOTE, mapping.call_search(call_id), mapping.NOTE_FIELDS)
        return [note for note in found if mapping.tells_of(note, call_id)]

    async def _party(self, call: Call, contact: ContactRef | None, notes: list[Record]) -> int:
        """Where the call was noted before, else its contact. Raises NotSupported when there is none."""
        for note in notes:
            if (party := mapping.party_of(note)) is not None:
                return party
        party = mapping.identifier(contact.id if contact else await self._caller(call) or "")
        if party is None:
            raise NotSupported(_NO_PARTY)
        return party

    async def _write(self, party: int, text: str) -> None:
        """Raises NotSupported when there is no such party."""
        try:
            await self._tryton.create(NOTE, {"resource": f"{PARTY},{party}", "message": text}, ["id"])
        except Invalid:
            if await self._tryton.read(PARTY, party, ["id"]) is None:
                raise NotSupported(_NO_PARTY) from None
            raise

    async def _caller(self, call: Call) -> str | None:
        """The party of the other side, where HUM does not know it; never of the office's own number."""
        number = {"inbound": call.from_, "outbound": call.to}.get(call.direction or "")
        phone = phones.parse(number, self.country) if number else None
        found = choose(phone, await self.lookup(phone), self.country) if phone else None
        return found.contact.id if isinstance(found, Found) else None


def _activity(party: int, call_id: str) -> str:
    return f"{party}#{quote(call_id, safe='')}"


def _address(setting: str, text: str, *schemes: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if (
        url.scheme not in (schemes or ("http", "https"))
        or not url.host
        or url.userinfo
        or url.query
        or url.fragment
    ):
        raise ValueError(f"{setting} must be an address such as https://tryton.example.com")
    return text
