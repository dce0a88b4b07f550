"""A call is one Communication of its patient, and what others add to it stays."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.fhir.client import Resource
from connectors.fhir.connector import FhirConnector
from connectors.kit.contract import Agent, Call, ContactRef, Turn
from tests.connectors.fhir.server import Clinic

pytestmark = pytest.mark.anyio

TEXT = "Summary\nMoved the appointment.\n\nTranscript\n0:03 Caller: Good morning."
URL = "https://recordings.example.com/1.mp3"


def call(call_id: str = "call_1", **more: Any) -> Call:
    told = {
        "direction": "inbound", "from_": "+13175550142", "to": "+13175550100",
        "started_at": "2026-11-20T21:05:09.123Z", "ended_at": "2026-11-20T21:08:14.000Z",
        "duration_seconds": 185.4, "status": "completed", "summary": "Moved the appointment.",
        "agent": Agent(name="Iris"), "transcript": [Turn("caller", "Good morning.", 3.2)],
    }  # fmt: skip
    return Call(call_id, **{**told, **more})


@pytest.fixture
def ann(clinic: Clinic) -> str:
    return clinic.patient("Ann", "+13175550142")


async def test_a_call_is_a_communication(clinic: Clinic, connector: FhirConnector, ann: str) -> None:
    activity = await connector.log_call(call(recording_url=URL), ContactRef(ann), None)
    [found] = clinic.all("Communication")
    found.pop("meta")
    patient = {"reference": f"Patient/{ann}"}
    assert found == {
        "resourceType": "Communication", "id": activity, "status": "completed",
        "identifier": [{"system": "urn:hum:call", "value": "call_1"}],
        "medium": [{"coding": [
            {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationMode", "code": "PHONE"}]}],
        "topic": {"text": "2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed, with Iris"},
        "subject": patient, "sender": patient,
        "sent": "2026-11-20T21:05:09.123Z", "received": "2026-11-20T21:08:14.000Z",
        "payload": [{"contentString": TEXT}, {"contentAttachment": {"url": URL, "title": "Recording"}}],
    }  # fmt: skip


async def test_a_later_word_changes_it_and_keeps_what_others_added(
    clinic: Clinic, connector: FhirConnector, ann: str
) -> None:
    activity = await connector.log_call(call(status="missed"), ContactRef(ann), None)
    [there] = clinic.all("Communication")
    assert (there["status"], there["statusReason"]) == ("not-done", {"text": "missed"})
    there["note"] = [{"text": "Called back."}]
    there["identifier"].append({"system": "urn:clinic", "value": "7"})
    clinic.send("PUT", f"Communication/{activity}", there)
    assert await connector.log_call(call(recording_url=URL), ContactRef(ann), activity) == activity
    [after] = clinic.all("Communication")
    assert after["note"] == [{"text": "Called back."}]
    assert [one["value"] for one in after["identifier"]] == ["call_1", "7"]
    assert (after["status"], after.get("statusReason")) == ("completed", None)
    assert after["payload"][1]["contentAttachment"]["url"] == URL


async def test_the_same_word_again_writes_nothing(clinic: Clinic, connector: FhirConnector, ann: str) -> None:
    activity = await connector.log_call(call(), ContactRef(ann), None)
    before = clinic.all("Communication")
    await connector.log_call(call(), ContactRef(ann), activity)
    assert clinic.all("Communication") == before


async def test_somebody_elses_edit_at_the_same_moment_is_kept(
    clinic: Clinic, connector: FhirConnector, ann: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes between the connector's reading and its writing."""
    activity = await connector.log_call(call(), ContactRef(ann), None)
    read, edits = connector._fhir.read, iter(["Called back."])

    async def overtaken(kind: str, resource_id: str) -> Resource | None:
        found = await read(kind, resource_id)
        if kind == "Communication" and (text := next(edits, None)):
            clinic.send("PUT", f"Communication/{activity}", {**(found or {}), "note": [{"text": text}]})
        return found

    monkeypatch.setattr(connector._fhir, "read", overtaken)
    await connector.log_call(call(summary="Later"), ContactRef(ann), activity)
    [after] = clinic.all("Communication")
    assert after["note"] == [{"text": "Called back."}]
    assert "Later" in after["payload"][0]["contentString"]


async def test_several_processes_at_once_make_one(clinic: Clinic, ann: str) -> None:
    several = [clinic.connector() for _ in range(5)]
    done = await asyncio.gather(*(one.log_call(call(), ContactRef(ann), None) for one in several))
    assert len(set(done)) == len(clinic.all("Communication")) == 1
    for connector in several:
        await connector.close()


@pytest.mark.parametrize("call_id", ["call_1", "a|b,c$d\\e", "ü &+% #"])
async def test_a_call_is_found_again_when_nobody_remembers(
    clinic: Clinic, connector: FhirConnector, ann: str, call_id: str
) -> None:
    activity = await connector.log_call(call(call_id), ContactRef(ann), None)
    assert await connector.find_call(call_id) == activity
    assert await connector.find_call("another") is None


async def test_without_a_contact_it_is_the_other_partys(
    clinic: Clinic, connector: FhirConnector, ann: str
) -> None:
    clinic.patient("The clinic itself", "+13175550100")
    for number, told in enumerate(
        (call("inbound"), call("outbound", direction="outbound", from_="+13175550100", to="+13175550142"))
    ):
        await connector.log_call(told, None, None)
        found = clinic.all("Communication")[number]
        patient = {"reference": f"Patient/{ann}"}
        assert found["subject"] == patient
        assert (found.get("sender"), found.get("recipient")) == ((patient, None), (None, [patient]))[number]


@pytest.mark.parametrize("contact_id", [None, "gone", "../Patient", "a/b", ""])
async def test_a_call_with_nobody_is_logged_all_the_same(
    clinic: Clinic, connector: FhirConnector, contact_id: str | None
) -> None:
    contact = None if contact_id is None else ContactRef(contact_id)
    await connector.log_call(Call("call_1"), contact, None)
    [found] = clinic.all("Communication")
    assert (found["status"], found.get("subject")) == ("unknown", None)


async def test_one_that_was_deleted_is_made_again(clinic: Clinic, connector: FhirConnector, ann: str) -> None:
    activity = await connector.log_call(call(), ContactRef(ann), None)
    clinic.send("DELETE", f"Communication/{activity}")
    again = await connector.log_call(call(summary="Later"), ContactRef(ann), activity)
    assert [found["id"] for found in clinic.all("Communication")] == [again]
