"""Calls in HubSpot: one activity of one contact, kept up to date."""

from __future__ import annotations

import pytest

from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.contract import Call, ContactRef
from connectors.kit.failures import Unavailable
from tests.connectors.hubspot.conftest import Connect
from tests.connectors.hubspot.double import HubSpot, Line
from tests.connectors.hubspot.people import CALL, DANA

pytestmark = pytest.mark.anyio


async def test_a_call_becomes_one_activity_of_one_contact(hubspot: HubSpot, connector: Connector) -> None:
    first = hubspot.has_contact(firstname="Dana", phone=DANA)
    hubspot.has_contact(firstname="Same number", phone=DANA)
    activity = await connector.log_call(CALL, ContactRef(first, DANA), None)
    assert [*hubspot.calls] == [activity]
    call = hubspot.calls[activity]
    assert call.associations == [(first, 194)]
    assert call.properties | {"hs_call_body": ""} == {
        "hs_timestamp": "1795208472040",
        "hs_call_title": f"Inbound call from {DANA}",
        "hs_call_body": "",
        "hs_call_duration": "12500",
        "hs_call_direction": "INBOUND",
        "hs_call_status": "COMPLETED",
        "hs_call_from_number": DANA,
        "hs_call_to_number": "+13175550100",
        "hs_call_external_id": "call_1",
    }
    assert "Moved her &lt;b&gt;cleaning&lt;/b&gt;." in call.properties["hs_call_body"]


async def test_a_late_recording_and_further_facts_come_to_the_same_activity(
    hubspot: HubSpot, connector: Connector
) -> None:
    activity = await connector.log_call(CALL, None, None)
    late = Call("call_1", recording_url="https://r.example/1.mp3", tags=["reviewed"], revision=2)
    assert await connector.log_call(late, None, activity) == activity
    [call] = hubspot.calls.values()
    assert call.properties["hs_call_recording_url"] == "https://r.example/1.mp3"
    assert call.properties["hs_call_duration"] == "12500", "what an update does not say stays"
    body = call.properties["hs_call_body"]
    assert all(text in body for text in ("reviewed", "Moved her", "[0:01] Caller: Hi"))


async def test_an_update_leaves_alone_what_a_person_wrote(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.calls[activity].properties["hs_call_body"] = (
        "<p>I called back.</p>" + hubspot.calls[activity].properties["hs_call_body"]
    )
    await connector.log_call(Call("call_1", summary="Shorter."), None, activity)
    body = hubspot.calls[activity].properties["hs_call_body"]
    assert body.startswith("<p>I called back.</p>") and "Shorter." in body and "Moved her" not in body


async def test_an_update_that_says_nothing_asks_for_nothing(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.requests.clear()
    assert await connector.log_call(Call("call_1", revision=3), None, activity) == activity
    assert hubspot.requests == []


async def test_a_contact_known_later_is_associated_then_and_no_other_after_it(
    hubspot: HubSpot, connector: Connector
) -> None:
    activity = await connector.log_call(CALL, None, None)
    dana, other = hubspot.has_contact(phone=DANA), hubspot.has_contact(phone=DANA)
    for contact_id in (dana, dana, other):
        await connector.log_call(CALL, ContactRef(contact_id, DANA), activity)
    assert hubspot.calls[activity].associations == [(dana, 194)]


async def test_a_call_that_a_person_deleted_stays_deleted(hubspot: HubSpot, connector: Connector) -> None:
    activity = await connector.log_call(CALL, None, None)
    hubspot.calls.clear()
    for update in (CALL, Call("call_1", recording_url="https://r.example/1.mp3")):
        assert await connector.log_call(update, ContactRef("501"), activity) == activity
    assert hubspot.calls == {}


async def test_a_call_is_found_by_its_id_without_a_ledger(
    hubspot: HubSpot, connector: Connector, connect: Connect
) -> None:
    assert await connector.find_call("call_1") is None
    activity = await connector.log_call(CALL, None, None)
    hubspot.clock.now += 10
    assert await connect().find_call("call_1") == activity
    assert await connect().find_call("call_2") is None


async def test_a_lost_answer_makes_no_second_activity(
    hubspot: HubSpot, line: Line, connector: Connector
) -> None:
    line.breaks("answer lost", "/crm/v3/objects/calls")
    with pytest.raises(Unavailable):
        await connector.log_call(CALL, None, None)
    assert await connector.find_call("call_1") is None, "search does not know it yet"
    with pytest.raises(Unavailable) as unsure:
        await connector.log_call(CALL, None, None)
    assert unsure.value.retry_after == 30
    hubspot.clock.now += 20
    activity = await connector.find_call("call_1")
    assert await connector.log_call(CALL, None, activity) == activity
    assert [*hubspot.calls] == [activity]
