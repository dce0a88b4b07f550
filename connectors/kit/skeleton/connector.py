"""Skeleton for HUM: finds a caller among its contacts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Self

from connectors.kit.connector import Candidate, Connector, Setting
from connectors.kit.contract import Contact
from connectors.kit.phones import Phone

# These stand in for the CRM until `lookup` asks the real one. 555-01xx numbers belong to nobody.
CONTACTS = [
    Contact("1", "Ann Example", phone="+13175550142", company="Example Ltd"),
    Contact("2", "Ben Example", phone="(317) 555-0143"),
    Contact("3", "Cleo Example", phone="+1 317-555-0144"),
    Contact("4", "Cleo's Shop", phone="+1 317-555-0144"),
]


class SkeletonConnector(Connector):
    name = "skeleton"
    version = "0.1"
    settings = (
        Setting("SKELETON_COUNTRY", "country of the numbers that are stored without one", default="US"),
    )

    def __init__(self, country: str = "US") -> None:
        self.country = country

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        return cls(values["SKELETON_COUNTRY"])

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        # Too many are fine: the kit compares every number. One that is left out here is never found.
        return [
            Candidate(contact, phones=(contact.phone,), created=contact.id)
            for contact in CONTACTS
            if contact.phone and contact.phone.endswith(phone.digits[-4:])
        ]

    async def ping(self) -> None:
        """Returns when the CRM answers and takes the credentials."""
