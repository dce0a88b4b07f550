"""`jobs`, and the commands that order them: what they send, show, and how they end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import Result

from gateway.client import GatewayClient
from tests.cli.conftest import FakeGateway, body_of
from tests.support.receiver import Receiver
from tests.support.served import serving

Run = Callable[..., Result]
DELIVERY = {"id": "dlv_2", "event_type": "a.b", "target": {"id": "whk_1"}, "status": "in_flight"}


def job(**values: Any) -> httpx.Response:
    fields = {
        "id": "job_1", "kind": "redeliver", "object_id": "whk_1", "status": "running", "matched": 10,
        "done": 0, "failed": 0, "error": None, "cancel_requested": False,
    }  # fmt: skip
    return httpx.Response(202, json=fields | values)


def test_redelivering_and_cancelling_one(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/deliveries/dlv_1/redeliver", httpx.Response(202, json=DELIVERY))
    gateway.on("POST /api/deliveries/dlv_1/cancel", httpx.Response(200, json=DELIVERY))
    shown = run("deliveries", "redeliver", "dlv_1")
    assert shown.exit_code == 0, shown.output
    assert "dlv_2" in shown.stdout
    assert run("deliveries", "cancel", "dlv_1").stderr == "cancelled dlv_1\n"
    assert '"id": "dlv_2"' in run("deliveries", "redeliver", "dlv_1", "--json").stdout


@pytest.mark.parametrize("what", ["redeliver", "replay"])
def test_a_range_sends_what_was_given_and_nothing_else(run: Run, gateway: FakeGateway, what: str) -> None:
    gateway.on(f"POST /api/webhooks/whk_1/{what}", job(kind=what))
    result = run("webhooks", what, "whk_1", "--types", "call.*, sms.sent", "--since", "2026-11-20T21:05:09Z")
    assert result.exit_code == 0, result.output
    assert "job_1" in result.stdout
    assert body_of(gateway.requests[0]) == {"types": ["call.*", "sms.sent"], "since": "2026-11-20T21:05:09Z"}
    run("webhooks", what, "whk_1")
    assert body_of(gateway.requests[1]) == {}


@pytest.mark.parametrize(
    ("group", "path"),
    [
        ("webhooks", "/api/webhooks/whk_1"),
        ("platform-webhooks", "/api/platform/webhooks/whk_1"),
        ("connectors", "/api/connectors/whk_1"),
    ],
)
def test_what_waits_is_counted_or_tried_at_once(
    run: Run, gateway: FakeGateway, group: str, path: str
) -> None:
    gateway.on(f"POST {path}/retry", httpx.Response(200, json={"matched": 412}))
    counted = run(group, "retry", "whk_1", "--dry-run")
    assert counted.stdout == "412 deliveries wait for their next attempt\n", counted.output
    assert body_of(gateway.requests[0]) == {"dry_run": True}
    whose = gateway.requests[0].headers.get("x-hum-org")
    assert (whose == "*") == (group == "platform-webhooks")  # so that its job is found again
    gateway.on(f"POST {path}/retry", job(kind="retry"))
    ordered = run(group, "retry", "whk_1")
    assert (ordered.exit_code, "job_1" in ordered.stdout) == (0, True), ordered.output
    assert not gateway.requests[1].content


@pytest.mark.parametrize("group", ["webhooks", "platform-webhooks"])
def test_which_events_are_redelivered(run: Run, gateway: FakeGateway, group: str, tmp_path: Path) -> None:
    path = "/api/webhooks" if group == "webhooks" else "/api/platform/webhooks"
    gateway.on(f"POST {path}/whk_1/redeliver", job())
    listed = tmp_path / "ids"
    listed.write_text("evt_2\n\n evt_3 \n")
    words = ("--which", "all", "--code", "200", "--event", "evt_1", "--events-from", str(listed))
    result = run(group, "redeliver", "whk_1", *words)
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {
        "which": "all", "status_code": 200, "event_ids": ["evt_1", "evt_2", "evt_3"],
    }  # fmt: skip
    listed.write_text("\n")
    empty = run(group, "redeliver", "whk_1", "--events-from", str(listed))
    assert (empty.exit_code, len(gateway.requests)) == (2, 1), "an empty list is not every event"


def test_a_dry_run_says_how_many(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/webhooks/whk_1/redeliver", httpx.Response(200, json={"matched": 17}))
    assert run("webhooks", "redeliver", "whk_1", "--dry-run").stdout == "17 events match\n"
    assert body_of(gateway.requests[0]) == {"dry_run": True}
    assert '"matched": 17' in run("webhooks", "redeliver", "whk_1", "--dry-run", "--json").stdout


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ({"status": "done", "done": 10}, 0),
        ({"status": "failed", "error": "webhook_deleted"}, 1),
        ({"status": "cancelled"}, 1),
    ],
)
def test_waiting_ends_as_the_job_does(
    run: Run, gateway: FakeGateway, ends: dict[str, Any], status: int
) -> None:
    gateway.on("POST /api/webhooks/whk_1/redeliver", job(matched=None))
    gateway.on("GET /api/jobs/job_1", job(matched=None), job(done=4), job(**ends))
    result = run("webhooks", "redeliver", "whk_1", "--wait")
    assert result.exit_code == status, result.output
    assert ends["status"] in result.stdout
    assert str(ends.get("error") or "") in result.stdout
    assert [request.method for request in gateway.requests] == ["POST", "GET", "GET", "GET"]


def test_jobs_are_listed_shown_and_cancelled(run: Run, gateway: FakeGateway) -> None:
    listed = httpx.Response(200, json={"data": [job().json()], "next_cursor": None})
    gateway.on("GET /api/jobs", listed)
    gateway.on("GET /api/jobs/job_1", job(status="failed", error="webhook_disabled"))
    gateway.on("POST /api/jobs/job_1/cancel", job(cancel_requested=True))
    assert "job_1" in run("jobs", "list").stdout
    shown = run("jobs", "show", "job_1").stdout
    assert "failed (webhook_disabled)" in shown
    assert run("jobs", "get", "job_1").stdout == shown
    assert "being cancelled" in run("jobs", "cancel", "job_1").stdout
    assert '"cancel_requested": true' in run("jobs", "cancel", "job_1", "--json").stdout


def test_the_client_orders_a_range_and_waits_for_it(tmp_path: Path) -> None:
    """Against a real gateway."""
    with serving(f"sqlite:///{tmp_path / 'gateway.db'}") as served:
        receiver = Receiver()
        served.run(receiver.__aenter__())
        try:
            with GatewayClient(served.url, served.node.key, "acme") as client:
                for n in range(3):
                    client.send_event("a.b", {"n": n})
                hook = client.create_webhook(url=receiver.url(), events=["a.*"])["id"]
                assert client.count_replay(hook) == {"matched": 3}
                told: list[Any] = []
                ordered = client.replay_range(hook, types=["a.b"])
                found = client.wait(ordered["id"], every=0.02, progress=told.append)
                assert (found["status"], found["matched"], found["done"]) == ("done", 3, 3)
                assert told[-1] == found == client.get_job(found["id"]) == next(iter(client.list_jobs()))
                served.run(receiver.wait_for(3))
                delivery = next(iter(client.list_deliveries(webhook_id=hook)))
                assert client.redeliver(delivery["id"])["redelivery_of"] == delivery["id"]
                served.run(receiver.wait_for(4))
                assert client.cancel_job(found["id"])["cancel_requested"]
        finally:
            served.run(receiver.__aexit__(None, None, None))
