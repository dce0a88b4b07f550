"""HUM, the kit, this connector and the double together: what the contract promises, request by request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kit.server import application
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot, Line
from tests.connectors.signing import NOW, SECRET, signed_headers

pytestmark = pytest.mark.anyio

DANA = "+13175550142"
FIXTURES = Path(__file__).parents[3] / "fixtures" / "events"
PATHS = {
    "contact.lookup": "/contacts/lookup",
    "contact.create": "/contacts",
    "call.sync": "/calls",
    "ping": "/ping",
}

Hum = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
def hum(connect: Connect, tmp_path: Path) -> Hum:
    """Sends one request as HUM does. `process`: which of several on the same ledger gets it."""
    lines: dict[int, httpx.AsyncClient] = {}

    async def sent(
        event: str, body: dict[str, Any], *, delivery: str = "dlv_1", process: int = 0
    ) -> httpx.Response:
        if process not in lines:
            app = application(connect(), [SECRET], tmp_path / "ledger.db", clock=lambda: NOW)
            lines[process] = httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://connector"
            )
        raw = json.dumps(body).encode()
        headers = signed_headers(raw, event, delivery=delivery)
        return await lines[process].post(PATHS[event], content=raw, headers=headers)

    return sent


def call(**fields: Any) -> dict[str, Any]:
    data = json.loads((FIXTURES / "call.completed.json").read_text("utf-8"))["data"]
    contact = data.pop("contact")
    whole = {"id": data.pop("call_id"), **data} if not fields else {"id": data["call_id"], **fields}
    return {"call": whole, "contact": {**contact, "id": "501"}}


async def test_a_lookup(hubspot: HubSpot, hum: Hum) -> None:
    hubspot.has_contact(firstname="Dana", lastname="Quillfeather", phone="(317) 555-0142")
    hubspot.has_contact(firstname="Elsewhere", phone="+44 317 555 0142")
    found = (await hum("contact.lookup", {"phone": DANA})).json()
    assert (found["found"], found["contact"]["name"], found["matches"], found["match"]) == (
        True, "Dana Quillfeather", 1, "suffix",
    )  # fmt: skip
    assert (await hum("contact.lookup", {"phone": "+13175550143"})).json() == {"found": False}


async def test_trouble_and_limits_reach_hum_as_such(hubspot: HubSpot, hum: Hum) -> None:
    hubspot.answers(429, {"policyName": "TEN_SECONDLY_ROLLING"})
    limited = await hum("contact.lookup", {"phone": DANA})
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "10")
    hubspot.clock.now += 11
    hubspot.answers(502)
    assert (await hum("contact.lookup", {"phone": DANA})).status_code == 503
    hubspot.answers(401)
    assert (await hum("ping", {})).status_code == 502
    hubspot.complaints.clear()  # these answers are made up


async def test_ten_creations_at_once_make_one_contact(hubspot: HubSpot, hum: Hum) -> None:
    wanted = {"phone": DANA, "name": "Dana Quillfeather", "source": "hum"}
    answers = await asyncio.gather(
        *(hum("contact.create", wanted, delivery=f"dlv_{number}", process=number % 2) for number in range(10))
    )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 9
    assert {answer.json()["contact"]["id"] for answer in answers} == {*hubspot.contacts}
    found = (await hum("contact.lookup", {"phone": DANA})).json()
    assert found["contact"]["name"] == "Dana Quillfeather", "at once, although HubSpot's search knows nothing"


async def test_ten_syncs_at_once_make_one_activity_of_one_contact(hubspot: HubSpot, hum: Hum) -> None:
    dana = hubspot.has_contact(firstname="Dana", phone=DANA)
    hubspot.has_contact(firstname="Same number", phone=DANA)
    answers = await asyncio.gather(
        *(hum("call.sync", call(), delivery=f"dlv_{number}", process=number % 2) for number in range(10))
    )
    assert {answer.json()["activity_id"] for answer in answers} == {*hubspot.calls}
    [activity] = hubspot.calls.values()
    assert activity.associations == [(dana, 194)]


async def test_a_late_recording_updates_and_an_older_revision_does_not_undo(
    hubspot: HubSpot, hum: Hum
) -> None:
    hubspot.has_contact(phone=DANA)
    await hum("call.sync", call())
    late = call(revision=3, recording_url="https://r.example/final.mp3", summary="As reviewed.")
    older = call(revision=2, recording_url="https://r.example/raw.mp3", summary="As first heard.")
    for body in (late, older):
        assert (await hum("call.sync", body)).status_code == 200
    [activity] = hubspot.calls.values()
    assert activity.properties["hs_call_recording_url"] == "https://r.example/final.mp3"
    assert "As reviewed." in activity.properties["hs_call_body"]
    assert "Thursday at 10:30 is free." in activity.properties["hs_call_body"], "the transcript stays"


async def test_a_crash_between_hubspots_answer_and_the_ledger_makes_no_second_activity(
    hubspot: HubSpot, line: Line, hum: Hum
) -> None:
    line.breaks("answer lost", "/crm/v3/objects/calls")
    hubspot.has_contact(phone=DANA)
    assert (await hum("call.sync", call())).status_code == 503
    hubspot.clock.now += 20  # HUM comes again later, to a process that remembers nothing
    assert (await hum("call.sync", call(), process=1)).json()["activity_id"] in hubspot.calls
    assert len(hubspot.calls) == 1
