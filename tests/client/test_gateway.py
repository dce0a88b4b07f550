"""Both clients against a gateway that is really there."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.client import (
    AsyncClient,
    AuthenticationError,
    Client,
    ConflictError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
)
from gateway.web.routes import for_operator
from gateway.web.server import bind_unix, make_server
from tests.client.conftest import Connect, Driver
from tests.support.served import Served, serving

URL = "http://127.0.0.1:9/hook"
EVENT = {"type": "a.b", "data": {}}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('db') / 'gateway.db'}") as found:
        yield found


@pytest.fixture
def client(connect: Connect, served: Served) -> Driver:
    """For an organization of the test's own."""
    return connect(served.url, served.node.key, "org-" + uuid.uuid4().hex)


def test_from_webhook_to_delivery(client: Driver) -> None:
    made = client.do(lambda c: c.create_webhook(url=URL, events=["call.*"], enabled=True))
    assert made["secret"].startswith("whsec_")
    webhook_id = made["id"]
    assert client.do(lambda c: c.update_webhook(webhook_id, description="CRM"))["description"] == "CRM"
    assert client.do(lambda c: c.get_webhook(webhook_id))["events"] == ["call.*"]
    sent = client.do(lambda c: c.send_event("call.custom", b'{"score": 1.10}'))
    assert sent["deliveries"] == 1
    [delivery] = client.rows(lambda c: c.event_deliveries(sent["id"]))
    assert delivery["target"] == {"type": "webhook", "id": webhook_id}
    assert client.do(lambda c: c.get_delivery(delivery["id"]))["payload"]["data"] == {"score": 1.1}
    assert b'{"score": 1.10}' in client.do(lambda c: c.raw_delivery(delivery["id"]))
    assert b'{"score": 1.10}' in client.do(lambda c: c.raw_event(sent["id"]))
    assert len(client.rows(lambda c: c.list_deliveries(webhook_id=webhook_id, type="call.custom"))) == 1
    assert client.do(lambda c: c.release_webhook(webhook_id))["id"] == webhook_id
    assert client.do(lambda c: c.disable_webhook(webhook_id))["disabled_reason"] == "by_user"
    assert client.do(lambda c: c.enable_webhook(webhook_id, pending="discard"))["enabled"] is True
    assert [webhook["id"] for webhook in client.rows(lambda c: c.list_webhooks())] == [webhook_id]
    assert client.do(lambda c: c.delete_webhook(webhook_id)) is None
    with pytest.raises(NotFoundError):
        client.do(lambda c: c.get_webhook(webhook_id))


def test_keys_and_what_they_may(client: Driver, connect: Connect, served: Served) -> None:
    made = client.do(lambda c: c.create_key(role="viewer", name="dashboard"))
    viewer = connect(served.url, made["key"])
    with pytest.raises(PermissionDeniedError, match="role operator"):
        viewer.do(lambda c: c.send_event("a.b", {}))
    assert made["id"] in [key["id"] for key in client.rows(lambda c: c.list_keys())]
    client.do(lambda c: c.revoke_key(made["id"]))
    platform = client.do(lambda c: c.create_key(platform=True, scopes=["events:write"]))
    assert platform["scopes"] == ["events:write"]
    with pytest.raises(AuthenticationError) as caught:
        connect(served.url, "hum_live_nonsense").do(lambda c: c.get_event("evt_1"))
    assert caught.value.code == "api_key_invalid"
    assert str(caught.value.request_id).startswith("req_")


def test_a_link_into_the_console(client: Driver) -> None:
    made = client.do(lambda c: c.create_console_link(role="viewer", actor="Ada", expires_in=60))
    assert made["url"].startswith("http://")
    assert (made["role"], made["actor"]) == ("viewer", "Ada")
    with pytest.raises(InvalidRequestError) as caught:
        client.do(lambda c: c.create_console_link(role="viewer", actor="Ada", expires_in=1))
    assert [item["field"] for item in caught.value.details] == ["expires_in"]


def test_the_catalogue_and_the_state(client: Driver) -> None:
    assert "call.completed" in [kind["name"] for kind in client.do(lambda c: c.event_types())]
    assert client.do(lambda c: c.status())["ready"] is True


def test_mistakes_name_their_fields(client: Driver) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        client.do(lambda c: c.create_webhook(url=URL, events=["Nonsense"]))
    assert [item["field"] for item in caught.value.details] == ["events[0]"]


def test_a_batch_and_each_of_its_results(client: Driver) -> None:
    events = [{"type": "a.b", "data": {"n": 1}}, {"type": "nonsense", "data": {}}]
    good, bad = client.do(lambda c: c.send_batch(events, mode="each"))
    assert good["id"].startswith("evt_")
    assert (bad["status"], bad["details"][0]["field"]) == (422, "events[1].type")


def test_an_idempotency_key_of_ones_own(client: Driver) -> None:
    once = client.do(lambda c: c.send_event("a.b", {"n": 1}, idempotency_key="mine"))
    assert client.do(lambda c: c.send_event("a.b", {"n": 1}, idempotency_key="mine")) == once
    with pytest.raises(ConflictError) as caught:
        client.do(lambda c: c.send_event("a.b", {"n": 2}, idempotency_key="mine"))
    assert caught.value.code == "idempotency_conflict"


def test_a_list_of_more_than_a_page(client: Driver) -> None:
    sent = client.do(lambda c: c.send_batch([EVENT] * 450))
    ids = [event["id"] for event in sent]
    assert [event["id"] for event in client.rows(lambda c: c.list_events(order="asc"))] == ids
    assert [event["id"] for event in client.rows(lambda c: c.list_events(limit=250))] == ids[:199:-1]


def test_following_sees_what_comes_later(client: Driver, connect: Connect, served: Served) -> None:
    """Each time it has come to the end, another event is sent."""
    sent: list[str] = []
    org = "org-" + uuid.uuid4().hex

    def send(seconds: float) -> None:
        sent.append(served.run(served.node.call("POST", "/api/events", org=org, json=EVENT)).json()["id"])

    async def send_later(seconds: float) -> None:
        send(seconds)

    send(0)
    sleep = send if client.kind == "sync" else send_later
    follower = connect(served.url, served.node.key, org, sleep=sleep)
    seen = follower.rows(lambda c: c.list_events().follow(), most=4)
    assert [event["id"] for event in seen] == sent
    assert len(sent) == 4


def test_following_goes_on_after_a_restart(client: Driver) -> None:
    """From the page that was not used up entirely, so that nothing is missed."""
    ids = [event["id"] for event in client.do(lambda c: c.send_batch([EVENT] * 205))]
    kept: list[Any] = []

    def follow(c: Any) -> Any:
        kept.append(c.list_events().follow(kept[0].cursor if kept else None, every=0.01))
        return kept[-1]

    assert [event["id"] for event in client.rows(follow, most=203)] == ids[:203]
    ids.append(client.do(lambda c: c.send_event("a.b", {}))["id"])
    assert [event["id"] for event in client.rows(follow, most=6)] == ids[200:]


def test_tasks_share_an_async_client(served: Served) -> None:
    async def run() -> set[str]:
        async with AsyncClient(served.url, served.node.key, "many") as client:
            sent = await asyncio.gather(*(client.send_event("a.b", {"n": n}) for n in range(50)))
            return {event["id"] for event in sent} & {event["id"] async for event in client.list_events()}

    assert len(asyncio.run(run())) == 50


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_over_the_unix_socket(served: Served, tmp_path: Path, kind: str) -> None:
    """Without a key: whoever may open it is the operator."""
    path = tmp_path / "control.sock"
    server = make_server(for_operator(served.node.gateway.app))
    running = asyncio.run_coroutine_threadsafe(server.serve(sockets=[bind_unix(path)]), served.loop)
    try:
        if kind == "sync":
            with Client("http://localhost", transport=httpx.HTTPTransport(uds=str(path))) as client:
                assert client.create_key(role="viewer", org_id="acme")["key"]
        else:

            async def run() -> str | None:
                transport = httpx.AsyncHTTPTransport(uds=str(path))
                async with AsyncClient("http://localhost", transport=transport) as client:
                    return (await client.create_key(role="viewer", org_id="acme"))["key"]

            assert asyncio.run(run())
    finally:
        server.should_exit = True
        running.result(10)


def test_a_misspelt_type_is_taken_and_warned_of(client: Driver) -> None:
    made = client.do(lambda c: c.create_webhook(url=URL, events=["call.complete", "own.type"]))
    assert made["events"] == ["call.complete", "own.type"]
    [warning] = made["warnings"]
    assert warning["field"] == "events[0]"
    assert "did you mean call.completed?" in warning["message"]
    changed = client.do(lambda c: c.update_webhook(made["id"], events=["call.completed"]))
    assert changed["warnings"] == []
