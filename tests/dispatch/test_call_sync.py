"""Calls told to connectors: what is sent, to whose contact, and when nothing is."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway import fixture_files
from gateway.domain.connector import Connector
from tests.support import receiver as r
from tests.support.clock import until
from tests.support.crm import Crm, json_answer
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire

pytestmark = pytest.mark.anyio

CALLER = "+13175550142"
OFFICE = "+13175550100"


@pytest.fixture
async def node(any_database: str) -> AsyncIterator[Node]:
    async with running_node(any_database, retry_schedule="1,1,1,1") as node:
        yield node


@pytest.fixture
async def crm() -> AsyncIterator[Crm]:
    async with Receiver() as receiver:
        yield Crm(receiver)


def call(**fields: Any) -> dict[str, Any]:
    return {
        "call_id": "call_1", "direction": "inbound", "from": CALLER, "to": OFFICE,
        "started_at": "2026-11-20T21:01:12.040Z",
    } | fields  # fmt: skip


async def over(node: Node, event: dict[str, Any], connector: Connector) -> dict[str, Any]:
    """The connector's delivery of the event, when nothing more will come of it."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        found[:] = [
            one for one in await node.deliveries(event_id=event["id"]) if one["target"]["id"] == connector.id
        ]
        return bool(found) and found[0]["status"] not in ("pending", "in_flight")

    for _ in range(600):
        if await look():
            return await node.delivery(found[0]["id"])
        await node.gateway.clock.sleep(0.02)
    raise AssertionError(f"still {found}")


async def test_a_call_is_told_in_full_and_to_the_callers_contact(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(CALLER, name="Dana Quillfeather")
    sample = fixture_files.event("call.completed")["data"]
    event = await node.send("call.completed", sample)
    assert event["deliveries"] == 1
    delivery = await over(node, event, connector)
    assert (delivery["status"], delivery["target"]) == (
        "delivered", {"type": "connector", "id": connector.id},
    )  # fmt: skip
    [request] = crm.asked("call.sync")
    told = request.json()
    assert request.path == "/crm/calls"
    assert request.header("X-HUM-Delivery") == delivery["id"]
    assert told["contact"] == {"id": "c_1", "phone": CALLER}
    expected = {name: value for name, value in sample.items() if name not in ("call_id", "contact")}
    assert told["call"] == {"id": sample["call_id"], **expected}
    assert delivery["payload"] == told
    [attempt] = delivery["attempts"]
    assert attempt["url"] == connector.url  # of the revision; the path is the contract's
    headers = dict(attempt["request_headers"])
    assert headers["Authorization"] == "Bearer [secret]"
    assert headers["X-HUM-Signature"] == request.header("X-HUM-Signature")
    assert crm.secret not in json.dumps(delivery)


@pytest.mark.parametrize(
    ("direction", "numbers"),
    [("inbound", {"from": CALLER, "to": OFFICE}), ("outbound", {"from": OFFICE, "to": CALLER})],
)
async def test_the_contact_is_the_other_partys_never_the_offices(
    node: Node, crm: Crm, direction: str, numbers: dict[str, str]
) -> None:
    connector = await crm.join(node)
    crm.knows(OFFICE, name="The office itself")
    crm.knows(CALLER, name="Dana Quillfeather")
    event = await node.send("call.completed", call(direction=direction, **numbers))
    await over(node, event, connector)
    assert crm.calls["call_1"]["contact"] == {"id": "c_2", "phone": CALLER}
    assert set(crm.phones_asked()) == {CALLER}


async def test_a_stranger_s_call_is_told_without_a_contact(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    await over(node, await node.send("call.completed", call()), connector)
    assert crm.calls["call_1"]["contact"] is None


async def test_a_stranger_s_call_is_not_told_where_that_is_not_wanted(node: Node, crm: Crm) -> None:
    connector = await crm.join(node, sync_unknown=False)
    delivery = await over(node, await node.send("call.completed", call()), connector)
    assert (delivery["status"], delivery["reason"]) == ("cancelled", "unknown_contact")
    assert crm.calls == {}
    assert delivery["attempts"] == []


async def test_a_stranger_is_made_first_where_that_is_wanted(node: Node, crm: Crm) -> None:
    connector = await crm.join(node, create_contacts=True, sync_unknown=False)
    first = await node.send("call.completed", call())
    second = await node.send("call.completed", call(call_id="call_2"))
    for event in (first, second):
        assert (await over(node, event, connector))["status"] == "delivered"
    assert len(crm.asked("contact.create")) == 1
    assert crm.calls["call_1"]["contact"] == crm.calls["call_2"]["contact"] == {"id": "c_1", "phone": CALLER}


@pytest.mark.parametrize("number", ["anonymous", "+266696687", "", "911", "sip:restricted@example.com"])
async def test_a_withheld_or_short_number_is_never_touched(node: Node, crm: Crm, number: str) -> None:
    connector = await crm.join(node, create_contacts=True)
    delivery = await over(node, await node.send("call.completed", call(**{"from": number})), connector)
    assert (delivery["status"], delivery["reason"]) == ("cancelled", "unusable_number")
    assert crm.receiver.requests == []


async def test_later_events_bring_the_same_activity_up_to_date(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(CALLER)
    for type_, data in (
        ("call.completed", call(summary="first", revision=1)),
        ("outcome.captured", {"call_id": "call_1", "outcome": {"booked": True}}),
        ("call.updated", {"call_id": "call_1", "recording_url": "https://example.com/r.mp3", "revision": 7}),
    ):
        await over(node, await node.send(type_, data), connector)
    state = crm.calls["call_1"]["call"]
    assert (state["summary"], state["outcome"]) == ("first", {"booked": True})
    assert state["recording_url"] == "https://example.com/r.mp3"
    assert [one.json()["call"]["revision"] for one in crm.asked("call.sync")] == [1, 2, 7]
    assert len(crm.phones_asked()) == 1  # who it was, was asked once


async def test_an_outcome_without_its_call_waits_for_it(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    early = await node.send("outcome.captured", {"call_id": "call_1", "outcome": {"booked": True}})
    delivery = await over(node, early, connector)
    assert (delivery["status"], delivery["reason"]) == ("cancelled", "unknown_call")
    await over(node, await node.send("call.completed", call()), connector)
    assert crm.calls["call_1"]["call"]["outcome"] == {"booked": True}


async def test_a_failing_lookup_is_tried_again_and_never_a_stranger(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(CALLER)
    fails = 2

    async def fail_lookups(wire: Wire, request: Received) -> bool:
        nonlocal fails
        if request.header("X-HUM-Event") == "contact.lookup" and fails:
            fails -= 1
            return await r.answer(500)(wire, request)
        return await json_answer(crm._answer(request)[1])(wire, request)

    crm.instead = fail_lookups
    delivery = await over(node, await node.send("call.completed", call()), connector)
    assert [attempt["error"] for attempt in delivery["attempts"]] == [
        "contact_lookup",
        "contact_lookup",
        None,
    ]
    assert delivery["attempts"][0]["status_code"] == 500
    assert delivery["attempts"][0]["request_headers"] == []
    assert [one.json()["contact"] for one in crm.asked("call.sync")] == [{"id": "c_1", "phone": CALLER}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"activity_id": null}', b'{"activity_id": 7}'])
async def test_a_success_that_says_nothing_is_none(node: Node, crm: Crm, body: bytes) -> None:
    connector = await crm.join(node, sync_calls=True)
    wrong = r.answer(200, [("Content-Type", "application/json")], body)
    once = True

    async def behave(wire: Wire, request: Received) -> bool:
        nonlocal once
        if request.header("X-HUM-Event") == "call.sync" and once:
            once = False
            return await wrong(wire, request)
        return await json_answer(crm._answer(request)[1])(wire, request)

    crm.instead = behave
    delivery = await over(node, await node.send("call.completed", call()), connector)
    assert [attempt["error"] for attempt in delivery["attempts"]] == ["invalid_answer", None]
    ids = {one.header("X-HUM-Delivery") for one in crm.asked("call.sync")}
    assert ids == {delivery["id"]}


async def test_a_crm_without_calls_has_been_told(node: Node, crm: Crm) -> None:
    connector = await crm.join(node)
    crm.knows(CALLER)

    async def behave(wire: Wire, request: Received) -> bool:
        if request.header("X-HUM-Event") == "call.sync":
            body = {"activity_id": None, "skipped": "not_supported"}
            return await json_answer(body)(wire, request)
        return await json_answer(crm._answer(request)[1])(wire, request)

    crm.instead = behave
    assert (await over(node, await node.send("call.completed", call()), connector))["status"] == "delivered"


async def test_gone_disables_the_connector_and_says_so(node: Node, crm: Crm) -> None:
    async with Receiver() as ear:
        await node.webhook(ear.url("/ear"), ["connector.failing"])
        connector = await crm.join(node)
        crm.instead = r.answer(410)
        await node.send("call.completed", call())
        [told] = await ear.wait_for(1)
        assert told.json()["data"] == {
            "connector_id": connector.id, "day": None, "failing_since": None, "failures": 1,
            "last_status_code": 410, "last_error": "http_status", "disabled_reason": "gone",
        }  # fmt: skip
        view = await node.gateway.directory.living("acme")
        assert view.connectors[connector.id].disabled_reason == "gone"


@pytest.mark.parametrize(
    "values", [{"sync_calls": False}, {"status": "disabled", "disabled_reason": "by_user"}]
)
async def test_who_is_not_to_hear_of_calls_does_not(node: Node, crm: Crm, values: dict[str, Any]) -> None:
    await crm.join(node, **values)
    assert (await node.send("call.completed", call()))["deliveries"] == 0


async def test_other_events_are_no_calls(node: Node, crm: Crm) -> None:
    await crm.join(node)
    for type_, data in (
        ("sms.received", {"from": CALLER}),
        ("flow.switched", {"call_id": "call_1"}),
        ("call.updated", {"call_id": ""}),
    ):
        answer = await node.call("POST", "/api/events", json={"type": type_, "data": data})
        assert answer.status_code in (202, 422)
        if answer.status_code == 202:
            assert answer.json()["deliveries"] == 0


async def test_webhooks_and_connectors_hear_of_the_same_call(node: Node, crm: Crm) -> None:
    async with Receiver() as receiver:
        await node.webhook(receiver.url("/hook"), ["call.*"])
        connector = await crm.join(node)
        event = await node.send("call.completed", call())
        assert event["deliveries"] == 2
        await over(node, event, connector)
        [request] = await receiver.wait_for(1)
        assert request.json()["data"]["call_id"] == "call_1"


async def test_what_was_left_by_a_node_that_ended_is_told_by_the_next(any_database: str, crm: Crm) -> None:
    crm.knows(CALLER)
    async with running_node(any_database, retry_schedule="1,1,1,1,1,1") as node:
        connector = await crm.join(node)
        crm.instead = r.answer(503)
        event = await node.send("call.completed", call())
        await until(lambda: len(crm.asked()) > 0, "a first try")
    crm.instead = None
    async with running_node(any_database, retry_schedule="1,1,1,1,1,1") as node:
        assert (await over(node, event, connector))["status"] == "delivered"
    assert crm.calls["call_1"]["contact"] == {"id": "c_1", "phone": CALLER}
