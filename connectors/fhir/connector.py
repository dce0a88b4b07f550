"""A FHIR R4 server as a CRM: patients by phone, calls as Communications."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import ClassVar, Final, Self

import httpx
from phonenumbers import SUPPORTED_REGIONS

from connectors.fhir import mapping
from connectors.fhir.bearer import Given, Granted, Token
from connectors.fhir.client import TIMEOUT, Ambiguous, Changed, Fhir
from connectors.kit import phones
from connectors.kit.candidates import choose
from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest, Found
from connectors.kit.failures import Refused, Unavailable
from connectors.kit.phones import Phone

TRIES: Final = 10  # of one update, when others change the same Communication at the same time


class FhirConnector(Connector):
    """`system`: under which calls have their HUM id among a Communication's identifiers."""

    name: ClassVar[str] = "fhir"
    settings: ClassVar[tuple[Setting, ...]] = (
        Setting("FHIR_URL", "base address of the FHIR R4 server"),
        Setting("FHIR_TOKEN", "bearer token, where it does not change", default="", secret=True),
        Setting("FHIR_TOKEN_URL", "where a token is got with client credentials", default=""),
        Setting("FHIR_CLIENT_ID", "for FHIR_TOKEN_URL", default=""),
        Setting("FHIR_CLIENT_SECRET", "for FHIR_TOKEN_URL", default="", secret=True),
        Setting("FHIR_COUNTRY", "country of numbers without a country code", default="US"),
        Setting("FHIR_CALL_SYSTEM", "system of the identifiers that calls get", default="urn:hum:call"),
    )

    def __init__(
        self, fhir: Fhir, http: httpx.AsyncClient, *, country: str = "US", system: str = "urn:hum:call"
    ) -> None:
        self.country = country
        self._fhir = fhir
        self._http = http
        self._system = system

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        if not mapping.is_system(values["FHIR_CALL_SYSTEM"]):
            raise ValueError("FHIR_CALL_SYSTEM must be a URI, such as https://clinic.example.com/calls")
        if values["FHIR_COUNTRY"].upper() not in SUPPORTED_REGIONS:
            raise ValueError("FHIR_COUNTRY must be a country of two letters, such as US or DE")
        http = httpx.AsyncClient(timeout=TIMEOUT)
        fhir = Fhir(_address("FHIR_URL", values["FHIR_URL"]), _token(values, http), http)
        return cls(fhir, http, country=values["FHIR_COUNTRY"].upper(), system=values["FHIR_CALL_SYSTEM"])

    async def open(self) -> None:
        await self.ping()

    async def close(self) -> None:
        await self._http.aclose()

    async def ping(self) -> None:
        for kind in ("Patient", "Communication"):
            await self._fhir.search(kind, {"_count": "1"})

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        wanted = {"telecom": mapping.any_of(mapping.notations(phone)), "_count": str(mapping.MOST)}
        found = await self._fhir.search("Patient", wanted)
        return [one for patient in found if (one := mapping.candidate(patient, self.country))]

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        phone = phones.parse(request.phone, self.country)
        if phone is None:
            raise Refused("the number cannot be read")
        wanted = mapping.new_patient(request, phone)
        try:
            patient, made = await self._fhir.create(wanted, {"telecom": mapping.any_of([phone.e164])})
        except Ambiguous:
            if (known := await self._known(phone)) is not None:
                return known, False
            patient = {"active": False}
        if (
            mapping.candidate(patient, self.country) is None
        ):  # only records that are not in use have the number
            patient, made = await self._fhir.create(wanted)
        return mapping.contact(patient, self.country), made

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        told = mapping.communication(call, await self._patient(call, contact), self._system)
        for _ in range(TRIES):
            there = await self._fhir.read("Communication", activity_id) if activity_id else None
            if there is None:
                there, new = await self._fhir.create(told, self._called(call.id))
                if new:
                    return str(there["id"])
            activity_id = str(there["id"])
            wanted = mapping.brought_up_to_date(there, told)
            try:
                if wanted != there:
                    await self._fhir.update(wanted)
            except Changed:
                continue
            return activity_id
        raise Unavailable("others keep changing the Communication")

    async def find_call(self, call_id: str) -> str | None:
        found = await self._fhir.search("Communication", self._called(call_id) | {"_count": "1"})
        return str(found[0]["id"]) if found else None

    async def _patient(self, call: Call, contact: ContactRef | None) -> str | None:
        """The patient that the call belongs to, if there is one; never by the clinic's own number."""
        if contact is not None:
            there = mapping.is_id(contact.id) and await self._fhir.read("Patient", contact.id)
            return contact.id if there else None
        number = {"inbound": call.from_, "outbound": call.to}.get(call.direction or "")
        phone = phones.parse(number, self.country) if number else None
        known = await self._known(phone) if phone else None
        return known.id if known else None

    async def _known(self, phone: Phone) -> Contact | None:
        answer = choose(phone, await self.lookup(phone), self.country)
        return answer.contact if isinstance(answer, Found) else None

    def _called(self, call_id: str) -> dict[str, str]:
        """The search for the Communication of this call."""
        return {"identifier": f"{self._system}|{mapping.identifier(call_id)}"}


def _token(values: Mapping[str, str], http: httpx.AsyncClient) -> Token:
    if not values["FHIR_TOKEN_URL"]:
        return Given(values["FHIR_TOKEN"] or None)
    if values["FHIR_TOKEN"]:
        raise ValueError("FHIR_TOKEN and FHIR_TOKEN_URL: only one of them")
    credentials = values["FHIR_CLIENT_ID"], values["FHIR_CLIENT_SECRET"]
    if not all(credentials):
        raise ValueError("FHIR_TOKEN_URL needs FHIR_CLIENT_ID and FHIR_CLIENT_SECRET")
    return Granted(http, _address("FHIR_TOKEN_URL", values["FHIR_TOKEN_URL"]), credentials, time.monotonic)


def _address(setting: str, text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise ValueError(f"{setting} must be an address such as https://fhir.example.com/r4")
    return text
