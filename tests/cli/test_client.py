"""The HTTP client: what goes over the wire, and what happens when the gateway does not answer."""

from __future__ import annotations

import json

import httpx
import pytest

from gateway.client import GatewayClient, GatewayError
from gateway.client.resources import event_body
from tests.cli.conftest import FakeGateway

OK = httpx.Response(202, json={"id": "evt_1", "deliveries": 2})


class Waits:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def waits() -> Waits:
    return Waits()


@pytest.fixture
def client(gateway: FakeGateway, waits: Waits) -> GatewayClient:
    return GatewayClient(
        "http://gw.example/", "hum_live_k", "org_1", transport=gateway.transport, sleep=waits
    )


@pytest.mark.parametrize(
    "data",
    [
        b'{"z": 1.10, "a": 123456789012345678901234567890}',
        b'{"n":' + b"9" * 5000 + b"}",
        '{"text": "h\u00e9 \\u00e9 \u2028", "e": 1E400}'.encode(),
        b'{"a": 1, "a": 2}',
    ],
)
def test_event_data_goes_out_byte_for_byte(client: GatewayClient, gateway: FakeGateway, data: bytes) -> None:
    gateway.on("POST /api/events", OK)
    client.send_event("call.completed", data + b"\n", external_id='a"b', expires_in=60)
    sent = gateway.requests[0].content
    assert sent == b'{"type":"call.completed","data":' + data + b',"external_id":"a\\"b","expires_in":60}'


@pytest.mark.parametrize(
    "data", [b'{}, "priority": "high"', b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"{} {}"]
)
def test_data_that_is_not_one_json_value_is_not_sent(
    client: GatewayClient, gateway: FakeGateway, data: bytes
) -> None:
    with pytest.raises(ValueError, match="the data is"):
        client.send_event("call.completed", data)
    assert gateway.requests == []


def test_a_batch_keeps_raw_events(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on(
        "POST /api/events/batch", httpx.Response(202, json={"data": [{"id": "evt_1"}, {"id": "evt_2"}]})
    )
    sent = client.send_batch([event_body("a.b", b'{"n": 1.10}'), {"type": "a.c", "data": {}}], mode="each")
    assert [event["id"] for event in sent] == ["evt_1", "evt_2"]
    assert b'"data":{"n": 1.10}' in gateway.requests[0].content
    assert json.loads(gateway.requests[0].content)["mode"] == "each"


def test_credentials_and_organization(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events/evt_1", httpx.Response(200, json={"id": "evt_1"}))
    client.get_event("evt_1")
    request = gateway.requests[0]
    assert request.headers["Authorization"] == "Bearer hum_live_k"
    assert request.headers["X-HUM-Org"] == "org_1"
    assert "hum_live" not in str(request.url)


def test_an_id_cannot_leave_its_place_in_the_path(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events/../keys?x", httpx.Response(200, json={}))
    client.get_event("../keys?x")
    assert gateway.requests[0].url.raw_path == b"/api/events/..%2Fkeys%3Fx"


def test_a_post_is_tried_again_with_the_same_idempotency_key(
    client: GatewayClient, gateway: FakeGateway, waits: Waits
) -> None:
    overloaded = httpx.Response(
        503, headers={"Retry-After": "7"}, json={"error": "overloaded", "message": "m"}
    )
    limited = httpx.Response(
        429, headers={"Retry-After": "0"}, json={"error": "rate_limited", "message": "m"}
    )
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"), overloaded, limited, OK)
    assert client.send_event("a.b", {})["id"] == "evt_1"
    keys = {request.headers["Idempotency-Key"] for request in gateway.requests}
    assert len(gateway.requests) == 4
    assert len(keys) == 1
    assert waits.seconds[1:] == [7.0, 0.0]


def test_two_posts_have_two_idempotency_keys(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on("POST /api/events", OK)
    client.send_event("a.b", {})
    client.send_event("a.b", {})
    client.send_event("a.b", {}, idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in gateway.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


def test_five_tries_and_no_more(client: GatewayClient, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"))
    with pytest.raises(GatewayError) as caught:
        client.send_event("a.b", {})
    assert (caught.value.status, caught.value.code) == (0, "unreachable")
    assert "http://gw.example" in caught.value.message
    assert len(gateway.requests) == 5
    assert len(waits.seconds) == 4


@pytest.mark.parametrize("call", ["POST /api/events", "PATCH /api/webhooks/whk_1"])
def test_where_nobody_listens_two_tries_within_a_second(
    client: GatewayClient, gateway: FakeGateway, waits: Waits, call: str
) -> None:
    gateway.on(call, httpx.ConnectError("refused"))
    with pytest.raises(GatewayError, match="cannot reach"):
        client.request(*call.split())
    assert len(gateway.requests) == 2
    assert sum(waits.seconds) <= 1


def test_a_long_wait_is_announced(gateway: FakeGateway, waits: Waits) -> None:
    said: list[str] = []
    overloaded = httpx.Response(503, headers={"Retry-After": "7"}, json={"error": "overloaded"})
    gateway.on("POST /api/events", overloaded, httpx.ReadTimeout("slow"), OK)
    client = GatewayClient(
        "http://gw.example", "k", transport=gateway.transport, sleep=waits, notice=said.append
    )
    client.send_event("a.b", {})
    assert said == [
        "the gateway answered 503 overloaded; trying again in 7 s",
        "cannot reach http://gw.example: no answer in time; trying again in 1 s",
    ]


def test_a_short_wait_is_not_announced(gateway: FakeGateway, waits: Waits) -> None:
    said: list[str] = []
    gateway.on("POST /api/events", httpx.Response(503, json={"error": "overloaded"}), OK)
    client = GatewayClient(
        "http://gw.example", "k", transport=gateway.transport, sleep=waits, notice=said.append
    )
    client.send_event("a.b", {})
    assert said == []


def test_a_wait_of_an_hour_is_reported_instead(
    client: GatewayClient, gateway: FakeGateway, waits: Waits
) -> None:
    gateway.on(
        "POST /api/events", httpx.Response(503, headers={"Retry-After": "3600"}, json={"error": "overloaded"})
    )
    with pytest.raises(GatewayError) as caught:
        client.send_event("a.b", {})
    assert caught.value.retry_after == 3600
    assert waits.seconds == []


@pytest.mark.parametrize("value", ["٣", "nan", "-1", "Fri, 20 Nov 2026 21:05:09 -0000 x", "1e9", ""])
def test_a_garbled_retry_after_falls_back(
    client: GatewayClient, gateway: FakeGateway, waits: Waits, value: str
) -> None:
    headers = [(b"Retry-After", value.encode())]
    gateway.on("POST /api/events", httpx.Response(503, headers=headers, json={"error": "overloaded"}), OK)
    client.send_event("a.b", {})
    assert len(waits.seconds) == 1
    assert 0 < waits.seconds[0] <= 60


def test_a_patch_is_not_repeated_when_it_may_have_arrived(
    client: GatewayClient, gateway: FakeGateway
) -> None:
    gateway.on("PATCH /api/webhooks/whk_1", httpx.ReadTimeout("slow"))
    with pytest.raises(GatewayError, match="no answer in time"):
        client.update_webhook("whk_1", enabled=False)
    assert len(gateway.requests) == 1


def test_an_error_carries_what_the_gateway_said(client: GatewayClient, gateway: FakeGateway) -> None:
    error = {
        "error": "invalid_request",
        "message": "1 mistake",
        "details": [{"field": "url", "message": "must be https"}],
        "request_id": "req_1",
    }
    gateway.on("POST /api/webhooks", httpx.Response(422, json=error))
    with pytest.raises(GatewayError) as caught:
        client.create_webhook(url="http://x")
    assert (caught.value.status, caught.value.code, caught.value.request_id) == (
        422,
        "invalid_request",
        "req_1",
    )
    assert caught.value.details == [{"field": "url", "message": "must be https"}]
    assert len(gateway.requests) == 1


def test_an_answer_of_something_else(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on("GET /api/keys", httpx.Response(404, text="<html>nginx</html>"))
    with pytest.raises(GatewayError, match="does not look like a gateway"):
        list(client.list_keys())


def test_a_redirect_is_not_followed(client: GatewayClient, gateway: FakeGateway) -> None:
    gateway.on("GET /api/keys", httpx.Response(302, headers={"Location": "http://evil.example/"}))
    with pytest.raises(GatewayError, match="redirect"):
        list(client.list_keys())
    assert len(gateway.requests) == 1


def test_pages_are_followed_to_the_end(client: GatewayClient, gateway: FakeGateway) -> None:
    first = httpx.Response(200, json={"data": [{"id": "evt_3"}, {"id": "evt_2"}], "next_cursor": "c1"})
    last = httpx.Response(200, json={"data": [{"id": "evt_1"}], "next_cursor": None})
    gateway.on("GET /api/events", first, last)
    assert [event["id"] for event in client.list_events(type="a.b", since=None)] == [
        "evt_3",
        "evt_2",
        "evt_1",
    ]
    assert dict(gateway.requests[0].url.params) == {"type": "a.b", "limit": "200"}
    assert dict(gateway.requests[1].url.params) == {"type": "a.b", "limit": "200", "cursor": "c1"}


def test_a_limit_asks_for_no_more_than_needed(client: GatewayClient, gateway: FakeGateway) -> None:
    page = httpx.Response(200, json={"data": [{"id": "evt_2"}, {"id": "evt_1"}], "next_cursor": "c1"})
    gateway.on("GET /api/events", page)
    assert len(list(client.list_events(limit=2))) == 2
    assert [dict(request.url.params) for request in gateway.requests] == [{"limit": "2"}]


def test_status_says_not_ready_without_waiting(
    client: GatewayClient, gateway: FakeGateway, waits: Waits
) -> None:
    gateway.on("GET /readyz", httpx.Response(503, json={"reason": "starting"}))
    assert client.status() == {"ready": False, "reason": "starting"}
    assert waits.seconds == []


@pytest.mark.parametrize("url", ["gateway.example", "ftp://x", "http://", ""])
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        GatewayClient(url, "k")
