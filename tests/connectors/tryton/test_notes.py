"""A call is one note on its party, in a running Tryton, whose notes nobody can change."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.kit.contract import Agent, Call, ContactRef, Turn
from connectors.kit.failures import NotSupported
from connectors.tryton.connector import TrytonConnector
from tests.connectors.tryton.server import Crm

pytestmark = pytest.mark.anyio

NOTE = """\
2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed, with Iris
From +13175550142
To +13175550100

Summary
Asked about the invoice.

Next actions
- call back

Transcript
0:03 Caller: Good morning.

[hum:call_1]"""


def call(call_id: str = "call_1", **more: Any) -> Call:
    told = {
        "direction": "inbound", "from_": "+13175550142", "to": "+13175550100",
        "started_at": "2026-11-20T21:05:09.123Z", "duration_seconds": 185.4, "status": "completed",
        "summary": "Asked about the invoice.", "next_actions": ["call back"], "agent": Agent(name="Iris"),
        "transcript": [Turn("caller", "Good morning.", 3.2)],
    }  # fmt: skip
    return Call(call_id, **{**told, **more})


@pytest.fixture
def ann(crm: Crm) -> str:
    return crm.party("Ann", ("phone", "+13175550142"))


async def test_a_call_is_a_note(crm: Crm, connector: TrytonConnector, ann: str) -> None:
    assert await connector.log_call(call(), ContactRef(ann), None) == f"{ann}#call_1"
    assert crm.notes(ann) == [NOTE]


async def test_a_later_word_takes_its_place(crm: Crm, connector: TrytonConnector, ann: str) -> None:
    first = await connector.log_call(call(), ContactRef(ann), None)
    await connector.log_call(call("call_2"), ContactRef(ann), None)
    url = "https://recordings.example.com/1.mp3"
    assert await connector.log_call(call(recording_url=url), None, first) == first
    notes = crm.notes(ann)
    assert [note.rpartition("\n")[2] for note in notes] == ["[hum:call_2]", "[hum:call_1]"]
    assert f"Recording: {url}" in notes[1]


async def test_the_same_word_again_writes_nothing(crm: Crm, connector: TrytonConnector, ann: str) -> None:
    await connector.log_call(call(), ContactRef(ann), None)
    [before] = crm.records("ir.note", [])
    await connector.log_call(call(), ContactRef(ann), f"{ann}#call_1")
    assert crm.records("ir.note", []) == [before]


async def test_what_a_crash_left_behind_becomes_one(crm: Crm, connector: TrytonConnector, ann: str) -> None:
    """The new note was made, and the process died before the old one was deleted."""
    await connector.log_call(call(summary="Old"), ContactRef(ann), None)
    crm.rpc("model.ir.note.create", [{"resource": f"party.party,{ann}", "message": NOTE}])
    crm.rpc("model.ir.note.create", [{"resource": f"party.party,{ann}", "message": "Somebody's own note"}])
    await connector.log_call(call(), ContactRef(ann), f"{ann}#call_1")
    assert sorted(crm.notes(ann)) == [NOTE, "Somebody's own note"]


async def test_a_call_is_found_again_when_nobody_remembers(
    crm: Crm, connector: TrytonConnector, ann: str
) -> None:
    odd = "call_%] [hum:other] ü/1"
    activity = await connector.log_call(call(odd), ContactRef(ann), None)
    assert await connector.find_call(odd) == activity
    assert await connector.find_call("other") is None
    await connector.log_call(call("callx1"), ContactRef(ann), None)
    assert await connector.find_call("call_1") is None  # `_` is no wildcard here


async def test_without_a_contact_it_is_the_other_partys(
    crm: Crm, connector: TrytonConnector, ann: str
) -> None:
    office = crm.party("Office", ("phone", "+13175550100"))
    assert await connector.log_call(call(), None, None) == f"{ann}#call_1"
    outbound = call("call_2", direction="outbound", from_="+13175550100", to="+13175550142")
    assert await connector.log_call(outbound, None, None) == f"{ann}#call_2"
    assert crm.notes(office) == []
    for nobodys in (call("call_3", from_="+13175550177"), Call("call_4", to="+13175550100")):
        with pytest.raises(NotSupported):
            await connector.log_call(nobodys, None, None)


@pytest.mark.parametrize("contact_id", ["999999", "99999999999999999999", "x", "1/../2", "-1", ""])
async def test_an_id_of_no_party(crm: Crm, connector: TrytonConnector, contact_id: str) -> None:
    with pytest.raises(NotSupported):
        await connector.log_call(call(), ContactRef(contact_id), None)
    assert crm.records("ir.note", []) == []
