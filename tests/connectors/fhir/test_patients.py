"""Patients are found by phone and created, in Medplum's FHIR router."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.fhir.connector import FhirConnector
from connectors.kit.candidates import choose
from connectors.kit.contract import CreateRequest, Found, NotFound
from connectors.kit.phones import parse
from tests.connectors.fhir.server import Clinic

pytestmark = pytest.mark.anyio


async def find(connector: FhirConnector, number: str = "+13175550142") -> Found | NotFound:
    phone = parse(number)
    assert phone is not None
    return choose(phone, await connector.lookup(phone), "US")


@pytest.mark.parametrize(
    "stored",
    ["+13175550142", "13175550142", "3175550142", "(317) 555-0142", "317-555-0142", "317.555.0142",
     "317 555 0142", "+1 317-555-0142", "+1 (317) 555-0142", "+1-317-555-0142", "1-317-555-0142",
     "1 317 555 0142", "+1 317 555 0142", "+1.317.555.0142", "tel:+1-317-555-0142", "+1 3175550142"],
)  # fmt: skip
async def test_a_number_as_records_hold_it(clinic: Clinic, connector: FhirConnector, stored: str) -> None:
    ann = clinic.patient("Ann", "+13175550177", stored)
    found = await find(connector)
    assert isinstance(found, Found), stored
    assert (found.contact.id, found.contact.name, found.matches) == (ann, "Ann", 1)


@pytest.mark.parametrize(
    "stored",
    ["030 12345678", "03012345678", "030/12345678", "030-12345678", "+49 30 12345678", "+49 (0)30 12345678",
     "+493012345678", "493012345678"],
)  # fmt: skip
async def test_a_number_with_a_trunk_prefix(clinic: Clinic, stored: str) -> None:
    ann = clinic.patient("Ann", stored)
    connector = clinic.connector(country="DE")
    phone = parse("+493012345678")
    assert phone is not None
    found = choose(phone, await connector.lookup(phone), "DE")
    assert isinstance(found, Found)
    assert found.contact.id == ann
    await connector.close()


async def test_all_that_a_record_says(clinic: Clinic, connector: FhirConnector) -> None:
    clinic.send("POST", "Patient", {
        "resourceType": "Patient", "active": True,
        "name": [{"use": "old", "text": "Ann Before"},
                 {"use": "official", "family": "Meadow", "given": ["Ann", "M."]}],
        "telecom": [{"system": "email", "value": "old@example.com", "use": "old"},
                    {"system": "email", "value": "ann@example.com"},
                    {"system": "sms", "value": "+13175550142"}],
        "managingOrganization": {"display": "Maple Grove"}, "birthDate": "1990-01-01",
    })  # fmt: skip
    found = await find(connector)
    assert isinstance(found, Found)
    contact = found.contact
    assert (contact.name, contact.first_name, contact.last_name) == ("Ann M. Meadow", "Ann M.", "Meadow")
    assert (contact.email, contact.phone, contact.company) == (
        "ann@example.com",
        "+13175550142",
        "Maple Grove",
    )
    assert (contact.notes, contact.fields) == (None, {})


@pytest.mark.parametrize(
    "more",
    [{"active": False}, {"telecom": [{"system": "phone", "value": "+13175550142", "use": "old"}]},
     {"telecom": [{"system": "fax", "value": "+13175550142"}]},
     {"telecom": [{"system": "phone", "value": "+13175550142", "period": {"end": "2020-01-01"}}]}],
    ids=["merged", "old", "fax", "ended"],
)  # fmt: skip
async def test_who_is_not_meant(clinic: Clinic, connector: FhirConnector, more: dict[str, Any]) -> None:
    clinic.patient("Ann", "+13175550142", **more)
    assert isinstance(await find(connector), NotFound)


async def test_somebody_new(clinic: Clinic, connector: FhirConnector) -> None:
    request = CreateRequest(phone="+13175550142", name="José  Núñez", email="jose@example.com")
    contact, made = await connector.create(request)
    assert made
    assert (contact.name, contact.phone, contact.email) == ("José Núñez", "+13175550142", "jose@example.com")
    [patient] = clinic.all("Patient")
    assert patient["name"] == [{"text": "José Núñez", "family": "Núñez", "given": ["José"]}]
    again = await find(connector)
    assert isinstance(again, Found)
    assert again.contact.id == contact.id


async def test_without_a_name_the_number_stands_there_and_is_no_name(
    clinic: Clinic, connector: FhirConnector
) -> None:
    contact, _ = await connector.create(CreateRequest(phone="+13175550142"))
    assert clinic.all("Patient")[0]["name"] == [{"text": "+13175550142"}]
    assert contact.name is None


async def test_several_processes_at_once_make_one_patient(clinic: Clinic) -> None:
    several = [clinic.connector() for _ in range(5)]
    request = CreateRequest(phone="+13175550142", name="Ann")
    done = await asyncio.gather(*(connector.create(request) for connector in several))
    assert sorted(made for _, made in done) == [False] * 4 + [True]
    assert len({contact.id for contact, _ in done}) == len(clinic.all("Patient")) == 1
    for connector in several:
        await connector.close()


async def test_records_that_are_not_in_use_do_not_stand_in_the_way(
    clinic: Clinic, connector: FhirConnector
) -> None:
    for name in ("Merged", "Mistaken"):
        clinic.patient(name, "+13175550142", active=False)
        contact, made = await connector.create(CreateRequest(phone="+13175550142", name="Ann"))
        assert contact.name == "Ann"
        assert made == (name == "Merged")  # the second time, there is Ann
