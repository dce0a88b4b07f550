"""Likely mistakes: refused where nothing could come of them, taken with a warning where they may be meant."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.mark.parametrize(
    ("path", "query", "field", "said"),
    [
        ("deliveries", {"last_error": "timeouts"}, "last_error", "did you mean timeout?"),
        ("deliveries", {"last_error": "RESET"}, "last_error", "did you mean reset?"),
        ("deliveries", {"last_error": "nonsense"}, "last_error", "must be one of"),
        ("deliveries", {"status": "canceled"}, "status", "did you mean cancelled?"),
        ("deliveries", {"type": "SMS"}, "type", "dotted lower case"),
        ("deliveries", {"type": "SMS.Sent"}, "type", "did you mean sms.sent?"),
        ("deliveries", {"type": "call_completed"}, "type", "did you mean call.completed?"),
        ("events", {"type": "sms.*"}, "type", "one type in full"),
        ("events", {"type": "a" * 200}, "type", "at most 128"),
    ],
)
async def test_a_filter_that_can_match_nothing_is_refused(
    node: Node, path: str, query: dict[str, str], field: str, said: str
) -> None:
    answer = await node.call("GET", f"/api/{path}", params=query, org="*")
    assert answer.status_code == 422, answer.text
    [detail] = answer.json()["details"]
    assert detail["field"] == field
    assert said in detail["message"]


async def test_a_span_that_ends_before_it_begins_is_refused_in_every_list(node: Node) -> None:
    connector = await node.connector("https://crm.example/hum")
    backwards = {"since": "2026-11-21T00:00:00Z", "until": "2026-11-20T00:00:00Z"}
    nothing = {"since": "2026-11-20T00:00:00Z", "until": "2026-11-20T00:00:00Z"}
    for path in ("events", "deliveries", "audit", f"connectors/{connector['id']}/requests"):
        refused = await node.call("GET", f"/api/{path}", params=backwards)
        assert refused.status_code == 422, path
        assert [detail["field"] for detail in refused.json()["details"]] == ["until"], path
        assert (await node.call("GET", f"/api/{path}", params=nothing)).json()["data"] == []


async def test_types_of_ones_own_and_of_the_gateway_are_looked_for(node: Node) -> None:
    await node.send("invoice.paid")
    assert len((await node.call("GET", "/api/events", params={"type": "invoice.paid"})).json()["data"]) == 1
    for event_type in ("call.complete", "webhook.test", "webhook.disabled"):
        answer = await node.call("GET", "/api/deliveries", params={"type": event_type})
        assert answer.json()["data"] == [], event_type


async def test_a_misspelt_type_is_taken_with_a_warning_and_logged_once(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "gateway.events")
    sent = [await node.send("voicemail.recieved"), await node.send("voicemail.recieved")]
    for answer in sent:
        [warning] = answer["warnings"]
        assert warning["field"] == "type"
        assert "did you mean voicemail.received?" in warning["message"]
    assert len([record for record in caplog.records if "voicemail.recieved" in record.getMessage()]) == 1
    assert "warnings" not in await node.send("external.order")


async def test_a_repetition_says_it_again(node: Node) -> None:
    once, again = [
        await node.call(
            "POST", "/api/events", json={"type": "sms.recieved", "data": {}}, headers={"Idempotency-Key": "k"}
        )
        for _ in range(2)
    ]
    assert again.headers["idempotent-replayed"] == "true"
    assert again.json() == once.json()
    assert once.json()["warnings"]


@pytest.mark.parametrize("mode", ["atomic", "each"])
async def test_a_batch_says_which_event_it_means(node: Node, mode: str) -> None:
    events = [{"type": "call.ended", "data": {}}, {"type": "sms.sends", "data": {}}]
    answer = await node.call("POST", "/api/events/batch", json={"mode": mode, "events": events})
    good, doubted = answer.json()["data"]
    assert "warnings" not in good
    assert [warning["field"] for warning in doubted["warnings"]] == ["events[1].type"]


async def test_what_has_yet_to_happen_is_taken_with_a_warning(node: Node) -> None:
    def shifted(**by: float) -> str:
        return (datetime.now(UTC) + timedelta(**by)).isoformat()

    far = await node.send(occurred_at=shifted(days=1, minutes=1))
    [warning] = far["warnings"]
    assert warning["field"] == "occurred_at"
    for moment in (shifted(hours=23), shifted(days=-400)):
        assert "warnings" not in await node.send(occurred_at=moment)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("webhook.*", "webhook.disabled"),
        ("delivery.*", "delivery.failed"),
        ("contact.*", "contact.erased"),
    ],
)
async def test_a_pattern_over_the_gateways_own_events_says_what_it_does_not_match(
    node: Node, pattern: str, said: str
) -> None:
    made = await node.webhook("https://example.com/", [pattern])
    [warning] = made["warnings"]
    assert warning["field"] == "events[0]"
    assert "none of the gateway's own events" in warning["message"]
    assert said in warning["message"]
    assert (await node.webhook("https://example.com/", ["*", "call.*"]))["warnings"] == []


async def test_the_gateways_own_address_is_no_target(node: Node) -> None:
    node.gateway.listeners.add(("127.0.0.1", 8099))
    for url in ("http://127.0.0.1:8099/x", "http://localhost:8099/", "http://gateway.localhost:8099/"):
        bodies: dict[str, Any] = {
            "webhooks": {"url": url, "events": ["*"]}, "connectors": {"base_url": url, "name": "x"},
        }  # fmt: skip
        for path, body in bodies.items():
            refused = await node.call("POST", f"/api/{path}", json=body)
            assert refused.status_code == 422, (url, path)
            assert refused.json()["error"] == "target_denied"
            assert refused.json()["details"][0]["field"] == ("url" if path == "webhooks" else "base_url")
    made = await node.webhook("http://127.0.0.1:8098/x")
    moved = await node.call("PATCH", f"/api/webhooks/{made['id']}", json={"url": "http://127.0.0.1:8099/x"})
    assert moved.json()["error"] == "target_denied"


async def test_a_gateway_on_every_address_knows_them_all(node: Node) -> None:
    node.gateway.listeners.add(("0.0.0.0", 8099))
    refused = await node.call(
        "POST", "/api/webhooks", json={"url": "http://127.0.0.7:8099/", "events": ["*"]}
    )
    assert refused.json()["error"] == "target_denied"
