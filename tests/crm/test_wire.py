"""Requests to connectors: signed as the contract says, for readers that share no code with the gateway."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as StandardWebhook

from gateway.clock import SystemClock
from gateway.crm.answers import Failed, Found, Kept, NotFound
from gateway.crm.wire import MOST_ANSWER_BYTES, Calls, Question, build
from gateway.domain.address import AllowedNetworks
from gateway.domain.connector import Connector
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret
from gateway.egress.client import EgressClient
from tests.store.conftest import NOW, make_connector
from tests.support import receiver as r
from tests.support.clock import ManualClock
from tests.support.crm import SECRET, Crm, json_answer, signed
from tests.support.receiver import Received, Receiver, Wire

pytestmark = pytest.mark.anyio

PHONE = "+13175550142"
OLD = "whsec_" + base64.b64encode(b"o" * 32).decode()
NEW = "whsec_" + base64.b64encode(b"n" * 32).decode()
ACCEPTED = json.loads(Path("fixtures/connector/accepted.json").read_text("utf-8"))["vectors"]
DAY = 86_400_000


def a_connector(**values: Any) -> Connector:
    return make_connector(**({"secrets": (Secret("sec_1", SECRET, NOW),)} | values))


def headers_of(event: Any, body: bytes, connector: Connector | None = None, **values: Any) -> dict[str, str]:
    fields = {"delivery_id": "dlv_1", "message_id": "msg_1", "now": NOW, "cdn_loop": "hum-gateway; id=x"}
    request = build(connector or a_connector(), event, body, **(fields | values))
    assert len(dict(request.headers)) == len(request.headers)
    return dict(request.headers)


@pytest.mark.parametrize("vector", ACCEPTED, ids=lambda vector: vector["name"])
def test_the_contracts_vectors(vector: dict[str, Any]) -> None:
    """What the connector's side accepts is what is made here, header for header."""
    wanted = {name.lower(): value for name, value in vector["headers"]}
    secret = wanted["authorization"].partition(" ")[2]
    others = [one for one in vector["secrets"] if one != secret]
    connector = make_connector(secrets=(Secret("sec_1", secret, NOW),))
    entries = wanted.get("webhook-signature", "").split()
    if len([entry for entry in entries if entry.startswith("v1,")]) == 2:
        second = others[0] if others else "whsec_YW5vdGhlciBzZWNyZXQgb2YgdGhlc2UsIDMyIGJ5dGU="
        connector = make_connector(secrets=(Secret("sec_1", secret, NOW), Secret("sec_2", second, NOW)))
    made = headers_of(
        vector["event"], vector["body"].encode(), connector,
        delivery_id=wanted.get("x-hum-delivery", "dlv_1"),
        message_id=wanted.get("webhook-id", "msg_1"),
        timestamp=int(wanted.get("webhook-timestamp", NOW // 1000)),
        deadline_ms=int(wanted["x-hum-deadline-ms"]) if "x-hum-deadline-ms" in wanted else None,
    )  # fmt: skip
    made_lower = {name.lower(): value for name, value in made.items()}
    for name, value in wanted.items():
        if name == "webhook-signature":  # beside entries of other versions
            assert set(made_lower[name].split()) == {entry for entry in entries if entry.startswith("v1,")}
        elif name == "authorization":
            assert made_lower[name] == f"Bearer {secret}"
        elif name == "content-type":
            assert value.startswith(made_lower[name])
        elif name in made_lower:
            assert made_lower[name] == value, name


def test_every_header_and_where_it_goes() -> None:
    connector = a_connector(url="https://bridge.example.com/hum")
    for event, path in (
        ("contact.lookup", "/contacts/lookup"), ("contact.create", "/contacts"), ("call.sync", "/calls"),
        ("ping", "/ping"),
    ):  # fmt: skip
        request = build(
            connector,
            event,
            b"{}",
            delivery_id="dlv_1",
            message_id="msg_1",
            now=NOW,
            cdn_loop="loop",  # type: ignore[arg-type]
        )
        assert request.url == f"https://bridge.example.com/hum{path}"
        assert dict(request.headers).keys() == {
            "Content-Type", "User-Agent", "Authorization", "X-HUM-Signature", "X-HUM-Event", "X-HUM-Delivery",
            "webhook-id", "webhook-timestamp", "webhook-signature", "CDN-Loop",
        }  # fmt: skip
        assert dict(request.headers)["X-HUM-Event"] == event


def test_an_off_the_shelf_verifier_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    body = b'{"phone":"+13175550142"}'
    made = headers_of("contact.lookup", body, make_connector(secrets=(Secret("s", NEW, NOW),)))
    monkeypatch.setattr("standardwebhooks.webhooks.datetime", _Frozen)
    assert StandardWebhook(NEW).verify(body, made) == {"phone": PHONE}
    assert made["X-HUM-Signature"] == "sha256=" + hmac.new(NEW.encode(), body, hashlib.sha256).hexdigest()


class _Frozen:
    """`datetime` as the verifier uses it, at NOW."""

    from datetime import UTC, datetime

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return cls.datetime.fromtimestamp(NOW / 1000, tz=tz or cls.UTC)

    fromtimestamp = staticmethod(datetime.fromtimestamp)


def test_bearer_and_signature_are_always_of_the_same_secret() -> None:
    connector = make_connector(secrets=(Secret("new", NEW, NOW), Secret("old", OLD, NOW, False, NOW + DAY)))
    for leading, secret in (("old", OLD), ("new", NEW)):
        made = headers_of("ping", b"{}", connector, leading=leading)
        assert made["Authorization"] == f"Bearer {secret}"
        assert made["X-HUM-Signature"] == "sha256=" + hmac.new(secret.encode(), b"{}", "sha256").hexdigest()
        assert len(made["webhook-signature"].split()) == 2
    ended = headers_of("ping", b"{}", connector, now=NOW + DAY)
    assert ended["Authorization"] == f"Bearer {NEW}"
    assert len(ended["webhook-signature"].split()) == 1


def test_the_secret_of_a_bridge_that_exists_already() -> None:
    made = headers_of("ping", b"{}", make_connector(secrets=(Secret("s", "correct-horse-16", NOW, True),)))
    assert made["Authorization"] == "Bearer correct-horse-16"
    key = made["webhook-signature"].removeprefix("v1,")
    content = f"msg_1.{NOW // 1000}.".encode() + b"{}"
    assert key == base64.b64encode(hmac.new(b"correct-horse-16", content, "sha256").digest()).decode()


# Direct calls, over real sockets.


@pytest.fixture
async def client() -> AsyncIterator[EgressClient]:
    made = EgressClient(AllowedNetworks.parse("127.0.0.0/8"), clock=SystemClock())
    yield made
    await made.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as made:
        yield made


def calls(client: EgressClient) -> Calls:
    return Calls(client, SystemClock(), "hum-gateway; id=x")


def at(receiver: Receiver, **values: Any) -> Connector:
    return a_connector(url=receiver.url("/crm"), **values)


async def test_lookup_create_and_ping(client: EgressClient, receiver: Receiver) -> None:
    crm = Crm(receiver)
    connector = at(receiver)
    crm.knows(PHONE, name="Ada Example")
    asking = calls(client)
    found = await asking.lookup(
        connector, "acme", Question(PHONE, "call_1", "inbound"), ends=SystemClock().monotonic() + 0.7
    )
    assert isinstance(found.answer, Found) and found.answer.contact.name == "Ada Example"
    missing = await asking.lookup(connector, "acme", Question("+13175550199"))
    assert missing.answer == NotFound()
    made = await asking.create(connector, "acme", Question("+13175550199", "call_1"), "dlv_7")
    assert isinstance(made.answer, Kept) and made.answer.created
    again = await asking.create(connector, "acme", Question("+13175550199", "call_1"), "dlv_7")
    assert isinstance(again.answer, Kept) and not again.answer.created
    pinged = await asking.ping(connector, "acme")
    assert (pinged.ok, pinged.status_code, pinged.error, pinged.name) == (True, 200, None, "double")
    first, second, create, repeated, ping = receiver.requests
    assert first.json() == {"phone": PHONE, "org_id": "acme", "call_id": "call_1", "direction": "inbound"}
    assert 0 < int(first.header("X-HUM-Deadline-Ms") or 0) < 700
    assert second.header("X-HUM-Deadline-Ms") is None
    assert second.json() == {"phone": "+13175550199", "org_id": "acme"}
    assert create.json() == {"phone": "+13175550199", "source": "hum", "call_id": "call_1"}
    assert create.header("X-HUM-Delivery") == repeated.header("X-HUM-Delivery") == "dlv_7"
    assert ping.json().keys() == {"org_id", "connector_id", "timestamp"}
    assert ping.json()["connector_id"] == connector.id
    assert len({one.header("X-HUM-Delivery") for one in receiver.requests}) == 4
    assert all(one.header("Accept-Encoding") == "identity" for one in receiver.requests)
    assert len({one.connection for one in receiver.requests}) == 1  # warm


async def test_a_ping_says_what_is_wrong(client: EgressClient, receiver: Receiver) -> None:
    connector = at(receiver, timeout_ms=300)
    for behaviour, status, error in (
        (r.answer(401), 401, "refused"),
        (r.answer(404), 404, "endpoint_missing"),
        (r.answer(500), 500, "http_status"),
        (json_answer({"ok": False}), 200, "invalid_answer"),
        (r.silence(), None, "timeout"),
        (r.close_without_answer(), None, "reset"),
    ):
        receiver.behave(behaviour)
        pinged = await calls(client).ping(connector, "acme")
        assert (pinged.ok, pinged.status_code, pinged.error) == (False, status, error)
        assert pinged.detail


class Rotating:
    """A connector behind a receiver, in a rotation from OLD to NEW."""

    def __init__(self, receiver: Receiver, knows: str, refuses_with: int = 401) -> None:
        self.knows, self.refuses_with = knows, refuses_with
        self.receiver = receiver
        receiver.behave(self)

    async def __call__(self, wire: Wire, request: Received) -> bool:
        if not signed(request, self.knows):
            return await r.answer(self.refuses_with)(wire, request)
        return await json_answer({"found": False})(wire, request)

    def leads(self) -> list[str]:
        return [
            "old" if one.header("Authorization") == f"Bearer {OLD}" else "new"
            for one in self.receiver.requests
        ]

    def connector(self, clock: ManualClock, **values: Any) -> Connector:
        now = clock.now()
        return at(
            self.receiver,
            secrets=(Secret("new", NEW, now), Secret("old", OLD, now - 9, False, now + DAY)),
            rotation=Rotation("old", "new", now, now + DAY),
            **values,
        )


@pytest.mark.parametrize("refuses_with", [401, 403])
async def test_a_rotation_is_not_noticed_whichever_secret_the_connector_holds(
    client: EgressClient, receiver: Receiver, refuses_with: int
) -> None:
    clock = ManualClock()
    side = Rotating(receiver, OLD, refuses_with)
    connector = side.connector(clock)
    asking = Calls(client, clock, "x")

    async def look_up() -> Any:
        return await asking.lookup(connector, "acme", Question(PHONE))

    assert (await look_up()).answer == NotFound()
    assert side.leads() == ["old"]
    side.knows = NEW  # it is deployed with the new one
    swapped = await look_up()
    assert swapped.answer == NotFound()
    assert side.leads()[1:] == ["old", "new"]
    first, second = receiver.requests[-2:]
    for name in ("X-HUM-Delivery", "webhook-id", "webhook-timestamp"):
        assert first.header(name) == second.header(name)
    assert [one.exchange.status_code for one in swapped.said.tries] == [refuses_with, 200]
    accepted = swapped.said.accepted
    assert accepted is not None
    assert (accepted.target_id, accepted.takes, accepted.confirmed_at) == (connector.id, "new", clock.now())
    assert (await look_up()).said.accepted is None  # what is known already is not news
    assert side.leads()[3:] == ["new"]
    side.knows = OLD  # an older instance answers
    assert (await look_up()).answer == NotFound()
    assert side.leads()[4:] == ["new", "old"]


async def test_from_half_of_the_period_the_new_secret_leads(client: EgressClient, receiver: Receiver) -> None:
    clock = ManualClock()
    side = Rotating(receiver, NEW)
    connector = side.connector(clock)
    await clock.advance(DAY / 2000)
    result = await Calls(client, clock, "x").lookup(connector, "acme", Question(PHONE))
    assert result.answer == NotFound()
    assert side.leads() == ["new"]
    await clock.advance(DAY / 2000)
    side.knows = OLD  # the grace period is over: nothing is signed with it any more
    late = await Calls(client, clock, "x").lookup(connector, "acme", Question(PHONE))
    assert isinstance(late.answer, Failed) and late.answer.error == "refused"
    assert side.leads() == ["new", "new"]


async def test_a_secret_that_was_ended_meanwhile_signs_nothing_more(
    client: EgressClient, receiver: Receiver
) -> None:
    """Between the two exchanges somebody ends the rotation: the old secret is a leaked one."""
    clock = ManualClock()
    side = Rotating(receiver, OLD)
    connector = side.connector(clock)
    ended = connector.changed(secrets=(Secret("new", NEW, clock.now()),), rotation=None)
    await clock.advance(DAY / 2000)  # the new one leads
    asking = Calls(client, clock, "x", lambda _: ended)
    result = await asking.lookup(connector, "acme", Question(PHONE))
    assert isinstance(result.answer, Failed) and result.answer.error == "refused"
    assert side.leads() == ["new"]


async def test_a_rotation_that_began_meanwhile_is_not_noticed(
    client: EgressClient, receiver: Receiver
) -> None:
    clock = ManualClock()
    side = Rotating(receiver, NEW)
    rotating = side.connector(clock)
    before = rotating.changed(secrets=(Secret("old", OLD, clock.now()),), rotation=None)
    asking = Calls(client, clock, "x", lambda _: rotating)
    assert (await asking.lookup(before, "acme", Question(PHONE))).answer == NotFound()
    assert side.leads() == ["old", "new"]
    strangers = Calls(client, clock, "x", lambda _: rotating)
    other = rotating.changed(secrets=(Secret("third", "whsec_" + "dGhpcmQx" * 4, 0),), rotation=None)
    refused = await strangers.lookup(other, "acme", Question(PHONE))
    assert isinstance(refused.answer, Failed)
    assert len(refused.said.tries) == 1


async def test_other_failures_are_no_refusal_of_the_secret(client: EgressClient, receiver: Receiver) -> None:
    clock = ManualClock()
    connector = Rotating(receiver, NEW).connector(clock)
    for status in (400, 404, 422, 500, 503):
        receiver.behave(r.answer(status))
        result = await Calls(client, clock, "x").lookup(connector, "acme", Question(PHONE))
        assert isinstance(result.answer, Failed)
        assert len(result.said.tries) == 1


async def test_both_exchanges_share_one_time_limit(client: EgressClient, receiver: Receiver) -> None:
    side = Rotating(receiver, NEW)
    connector = side.connector(ManualClock(SystemClock().now()), timeout_ms=400)

    async def slow(wire: Wire, request: Received) -> bool:
        if request.header("Authorization") == f"Bearer {OLD}":
            return await r.answer(401, delay=0.2)(wire, request)
        return await r.silence()(wire, request)

    receiver.behave(slow)
    result = await calls(client).lookup(connector, "acme", Question(PHONE))
    assert isinstance(result.answer, Failed) and result.answer.error == "timeout"
    assert result.said.duration_ms < 4000


async def test_a_lookup_whose_connection_is_reset_is_made_once_more(
    client: EgressClient, receiver: Receiver
) -> None:
    connector = at(receiver)
    receiver.behave(r.reset(), times=1)
    receiver.behave(json_answer({"found": False}))
    result = await calls(client).lookup(connector, "acme", Question(PHONE))
    assert result.answer == NotFound()
    assert len(result.said.tries) == len(receiver.requests) == 2
    receiver.behave(r.reset(), times=1)
    made = await calls(client).create(connector, "acme", Question(PHONE), "dlv_1")
    assert isinstance(made.answer, Failed)  # which has tries of its own
    receiver.behave(r.reset())
    result = await calls(client).lookup(connector, "acme", Question(PHONE))
    assert isinstance(result.answer, Failed) and result.answer.error == "reset"
    assert len(result.said.tries) == 2


async def test_answers_are_read_up_to_a_mebibyte(client: EgressClient, receiver: Receiver) -> None:
    connector = at(receiver)

    def padded(size: int) -> bytes:
        return b'{"found": false, "x": "' + b"x" * (size - 25) + b'"}'

    for size, whole in ((MOST_ANSWER_BYTES, True), (MOST_ANSWER_BYTES + 1, False), (5_000_000, False)):
        receiver.respond(body=padded(size))
        result = await calls(client).lookup(connector, "acme", Question(PHONE))
        if whole:
            assert result.answer == NotFound()
        else:
            assert isinstance(result.answer, Failed) and result.answer.error == "too_large"
            assert len(result.said.exchange.response_body) == MOST_ANSWER_BYTES
    receiver.behave(r.endless_body())
    result = await calls(client).lookup(connector, "acme", Question(PHONE))
    assert isinstance(result.answer, Failed) and result.answer.error == "too_large"
    assert receiver.sent < 5_000_000 + 8 * MOST_ANSWER_BYTES  # the kernels' buffers included
