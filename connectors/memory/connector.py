"""A CRM that lives in memory: the whole contract in one short class. For reading and for trying out."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Self

import msgspec

from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.phones import Phone


class MemoryConnector(Connector):
    name = "memory"
    settings = (Setting("MEMORY_SEED", "JSON file with the list of contacts to begin with", default=""),)

    def __init__(self, contacts: Iterable[Contact] = ()) -> None:
        self.contacts = {contact.id: contact for contact in contacts}
        self.calls: dict[str, tuple[Call, ContactRef | None]] = {}  # by the activity's id

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        seed = values["MEMORY_SEED"]
        try:
            return cls(msgspec.json.decode(Path(seed).read_bytes(), type=list[Contact]) if seed else ())
        except (OSError, msgspec.MsgspecError) as error:
            raise ValueError(f"MEMORY_SEED: {error}") from error

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        # Everybody with a number: the kit finds out whose it is. A real CRM searches for `phone.notations`.
        return [Candidate(found, (found.phone,)) for found in self.contacts.values() if found.phone]

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        contact = Contact(str(uuid.uuid4()), request.name, email=request.email, phone=request.phone)
        self.contacts[contact.id] = contact
        return contact, True

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        activity = activity_id or str(uuid.uuid4())
        self.calls[activity] = call, contact
        return activity

    async def find_call(self, call_id: str) -> str | None:
        return next((activity for activity, (call, _) in self.calls.items() if call.id == call_id), None)

    async def ping(self) -> None:
        """Nobody to ask: it is there."""
