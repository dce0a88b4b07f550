"""HubSpot as a connector: contacts by phone, calls on their timelines.

HubSpot's search learns of what was made some seconds later, and of two contacts with one number HubSpot
itself sees nothing. So this process remembers what it has made, answers from that, and makes nothing a
second time while nobody can tell whether the first time worked.
"""

from __future__ import annotations

import contextlib
import math
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

from connectors.hubspot import body, mapping
from connectors.hubspot.answers import Exists, Missing, Unanswered
from connectors.hubspot.client import Client, Kind
from connectors.hubspot.mapping import Links, Record
from connectors.hubspot.recent import Recent
from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.failures import Failure, Unavailable
from connectors.kit.phones import Phone

SEARCH_LAG: Final = 30.0  # longer than HubSpot's search takes to learn of something


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Options:
    """How contacts are shown: links, further properties, and the country of numbers without one."""

    links: Links = field(default_factory=Links)
    fields: tuple[str, ...] = ()
    country: str = "US"


class HubSpot(Connector):
    name: ClassVar[str] = "hubspot"
    version: ClassVar[str] = "1"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("HUBSPOT_TOKEN", "the access token of a private app", secret=True),
        Setting("HUBSPOT_URL", "where HubSpot's API is", "https://api.hubapi.com"),
        Setting("HUBSPOT_PORTAL_ID", "the account's id: contacts come with a link to their record", ""),
        Setting("HUBSPOT_APP_URL", "where people open HubSpot", "https://app.hubspot.com"),
        Setting("HUBSPOT_FIELDS", "further contact properties to answer, separated by commas", ""),
        Setting("HUBSPOT_COUNTRY", "the country of numbers saved without one", "US"),
    )

    def __init__(
        self,
        client: Client,
        options: Options | None = None,
        *,
        clock: Callable[[], datetime] = _now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._client = client
        self._options = options or Options()
        self._clock = clock
        self.country = self._options.country
        self._made: Recent[Record] = Recent(SEARCH_LAG, monotonic=monotonic)
        self._unanswered: Recent[bool] = Recent(SEARCH_LAG, monotonic=monotonic)

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        token = values["HUBSPOT_TOKEN"].strip()
        if not re.fullmatch(r"[!-~]+", token):
            raise ValueError("HUBSPOT_TOKEN: one word is needed, as HubSpot shows it")
        options = _options(values)
        return cls(Client(_url(values, "HUBSPOT_URL"), token), options)

    async def close(self) -> None:
        await self._client.close()

    async def ping(self) -> None:
        await self._client.ping()

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        if (made := self._made.get(phone.e164)) is not None:
            return [self._candidate(made)]
        found = await self._client.search("contacts", mapping.contact_search(phone, self._options.fields))
        return [self._candidate(record) for record in found]

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        """The kit has looked for the number before, and lets one request for it through at a time."""
        if (made := self._made.get(request.phone)) is not None:
            return self._candidate(made).contact, False
        self._refuse_twice(request.phone)
        try:
            record = await self._make("contacts", request.phone, mapping.new_contact(request), [])
        except Exists as exists:
            return await self._other(exists, request.email or ""), False
        self._made.put(request.phone, record)
        return self._candidate(record).contact, True

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        if activity_id is not None:
            await self._bring_up_to_date(activity_id, call, contact)
            return activity_id
        self._refuse_twice(call.id)
        properties = mapping.new_call(call, body.render(body.sections(call)), self._clock())
        record = await self._make("calls", call.id, properties, mapping.associations(contact))
        return record.id

    async def find_call(self, call_id: str) -> str | None:
        found = await self._client.search("calls", mapping.call_search(call_id), behind=True)
        return found[0].id if found else None

    async def _make(
        self, kind: Kind, key: str, properties: Mapping[str, str], associations: list[dict[str, object]]
    ) -> Record:
        """Creates, and remembers as unanswered whatever ends without an answer, also by the caller's end."""
        self._unanswered.put(key, True)
        try:
            record = await self._client.create(kind, properties, associations)
        except Unanswered:
            raise
        except Failure:
            self._unanswered.forget(key)
            raise
        self._unanswered.forget(key)
        return record

    def _refuse_twice(self, key: str) -> None:
        if (left := self._unanswered.seconds_left(key)) > 0:
            raise Unavailable(
                "HubSpot has not said whether the last try worked, and its search cannot tell yet",
                retry_after=math.ceil(left),
            )

    async def _other(self, exists: Exists, email: str) -> Contact:
        """The contact that has the e-mail address of one that was to be made."""
        fields = self._options.fields
        if exists.id is not None:
            record = await self._client.read("contacts", exists.id, mapping.contact_properties(fields))
            return self._candidate(record).contact
        for record in await self._client.search("contacts", mapping.email_search(email, fields)):
            return self._candidate(record).contact
        raise exists

    async def _bring_up_to_date(self, activity_id: str, call: Call, contact: ContactRef | None) -> None:
        """A call that a person has deleted in HubSpot stays deleted."""
        parts = body.sections(call)
        with contextlib.suppress(Missing):
            record = Record(activity_id)
            if parts or contact:
                record = await self._client.read("calls", activity_id, [mapping.BODY], ["contacts"])
            html = body.merge(record.text(mapping.BODY) or "", parts) if parts else ""
            if changes := mapping.changes(call, html):
                await self._client.update("calls", activity_id, changes)
            if contact is not None and not record.contacts:
                await self._client.associate(activity_id, contact.id)

    def _candidate(self, record: Record) -> Candidate:
        return mapping.candidate(record, self._options.links, self._options.fields, self.country)


def _options(values: Mapping[str, str]) -> Options:
    portal_id = values.get("HUBSPOT_PORTAL_ID", "").strip()
    if not re.fullmatch(r"[0-9]*", portal_id):
        raise ValueError("HUBSPOT_PORTAL_ID: digits only, as in the address of every page in HubSpot")
    fields = tuple(name.strip() for name in values.get("HUBSPOT_FIELDS", "").split(",") if name.strip())
    for name in fields:
        if not re.fullmatch(r"[a-z0-9_]+", name):
            raise ValueError(f"HUBSPOT_FIELDS: {name!r} is no internal name of a property")
    country = values.get("HUBSPOT_COUNTRY", "US").strip().upper()
    if not re.fullmatch(r"[A-Z]{2}", country):
        raise ValueError("HUBSPOT_COUNTRY: two letters, such as US or DE")
    return Options(Links(portal_id, _url(values, "HUBSPOT_APP_URL")), fields, country)


def _url(values: Mapping[str, str], name: str) -> str:
    """An address of HubSpot's; without encryption on this machine only, since the token travels with it."""
    url = values[name].strip().rstrip("/")
    parts = urlsplit(url)
    if parts.scheme == "https" and parts.hostname:
        return url
    if parts.scheme == "http" and parts.hostname in ("127.0.0.1", "::1", "localhost"):
        return url
    raise ValueError(f"{name}: an https address is needed")
