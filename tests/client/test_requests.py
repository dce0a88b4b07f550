"""What goes over the wire, and what is made of the answers: both clients, against a table of answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from gateway.client import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GatewayError,
    GoneError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitedError,
    Request,
    Retry,
    ServerError,
    TooLargeError,
    UnreachableError,
    event_body,
)
from gateway.client.calls import callers
from gateway.domain.resolution import DEFAULT_DEADLINE_MS
from tests.cli.conftest import FakeGateway
from tests.client.conftest import Connect, Driver, Waits

OK = httpx.Response(202, json={"id": "evt_1", "deliveries": 2})


@pytest.fixture
def client(connect: Connect, gateway: FakeGateway, waits: Waits) -> Driver:
    return connect(
        "http://gw.example/", "hum_live_k", "org_1", transport=gateway.transport, waits=waits,
        chance=lambda: 0.0,
    )  # fmt: skip


def send(client: Driver, **options: Any) -> Any:
    return client.do(lambda c: c.send_event("a.b", {}, **options))


@pytest.mark.parametrize(
    "data",
    [
        b'{"z": 1.10, "a": 123456789012345678901234567890}',
        b'{"n":' + b"9" * 5000 + b"}",
        '{"text": "h\u00e9 \\u00e9 \u2028", "e": 1E400}'.encode(),
        b'{"a": 1, "a": 2}',
    ],
)
def test_event_data_goes_out_byte_for_byte(client: Driver, gateway: FakeGateway, data: bytes) -> None:
    gateway.on("POST /api/events", OK)
    client.do(lambda c: c.send_event("call.completed", data + b"\n", external_id='a"b', expires_in=60))
    sent = gateway.requests[0].content
    assert sent == b'{"type":"call.completed","data":' + data + b',"external_id":"a\\"b","expires_in":60}'


@pytest.mark.parametrize(
    "data", [b'{}, "priority": "high"', b"", b"{", b'{"a": NaN}', b"\xff", b"[" * 100_000, b"{} {}"]
)
def test_data_that_is_not_one_json_value_is_not_sent(
    client: Driver, gateway: FakeGateway, data: bytes
) -> None:
    with pytest.raises(ValueError, match="the data is"):
        client.do(lambda c: c.send_event("call.completed", data))
    assert gateway.requests == []


def test_a_batch_keeps_raw_events(client: Driver, gateway: FakeGateway) -> None:
    gateway.on(
        "POST /api/events/batch", httpx.Response(202, json={"data": [{"id": "evt_1"}, {"id": "evt_2"}]})
    )
    events = [event_body("a.b", b'{"n": 1.10}'), {"type": "a.c", "data": {}}]
    sent = client.do(lambda c: c.send_batch(events, mode="each"))
    assert [event["id"] for event in sent] == ["evt_1", "evt_2"]
    assert b'"data":{"n": 1.10}' in gateway.requests[0].content
    assert json.loads(gateway.requests[0].content)["mode"] == "each"


def test_credentials_and_organization(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events/evt_1", httpx.Response(200, json={"id": "evt_1"}))
    client.do(lambda c: c.get_event("evt_1"))
    request = gateway.requests[0]
    assert request.headers["Authorization"] == "Bearer hum_live_k"
    assert request.headers["X-HUM-Org"] == "org_1"
    assert "hum_live" not in str(request.url)


def test_an_id_cannot_leave_its_place_in_the_path(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events/../keys?x", httpx.Response(200, json={}))
    client.do(lambda c: c.get_event("../keys?x"))
    assert gateway.requests[0].url.raw_path == b"/api/events/..%2Fkeys%3Fx"


@pytest.mark.parametrize("identifier", ["", ".", ".."])
def test_what_is_no_id_goes_nowhere(client: Driver, gateway: FakeGateway, identifier: str) -> None:
    """Encoded or not, they would lead to another place of the API."""
    for call in (lambda c: c.get_webhook(identifier), lambda c: c.delete_webhook(identifier)):
        with pytest.raises(ValueError, match="is not an id"):
            client.do(call)
    assert gateway.requests == []


def test_a_request_of_ones_own(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/webhooks", httpx.Response(200, json={"data": []}))
    query = {"limit": 1, "all": True, "none": None}
    assert client.do(lambda c: c.send(Request("GET", "/api/webhooks", query))) == {"data": []}
    assert dict(gateway.requests[0].url.params) == {"limit": "1", "all": "true"}


@pytest.mark.parametrize("secret", ["hum live", "hüm", "a\nX-Evil: 1"])
def test_a_key_that_fits_no_header_is_refused_without_being_shown(connect: Connect, secret: str) -> None:
    with pytest.raises(ValueError, match="the API key must be visible ASCII") as caught:
        connect("http://gw.example", secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("url", ["gateway.example", "ftp://x", "http://", ""])
def test_an_unusable_url_is_refused(connect: Connect, url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        connect(url, "k")


@pytest.mark.parametrize(
    "url",
    [
        "https://user:hunter2@gw.example", "http://hunter2@127.0.0.1:9", "user:hunter2@gw.example",
        "http://user:hunter2@gw.example:port", "ftp://user:hunter2@x", "https://user:hunter2@",
    ],
)  # fmt: skip
def test_a_password_in_a_url_is_refused_and_not_shown(connect: Connect, url: str) -> None:
    with pytest.raises(ValueError, match=r"http|URL") as caught:
        connect(url, "k")
    assert "hunter2" not in str(caught.value)


# Trying again


def test_a_post_is_tried_again_with_the_same_idempotency_key(
    client: Driver, gateway: FakeGateway, waits: Waits
) -> None:
    overloaded = httpx.Response(
        503, headers={"Retry-After": "7"}, json={"error": "overloaded", "message": "m"}
    )
    limited = httpx.Response(
        429, headers={"Retry-After": "0"}, json={"error": "rate_limited", "message": "m"}
    )
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"), overloaded, limited, OK)
    assert send(client)["id"] == "evt_1"
    keys = {request.headers["Idempotency-Key"] for request in gateway.requests}
    assert len(gateway.requests) == 4
    assert len(keys) == 1
    assert waits.seconds == [0.5, 7.0, 0.0]


def test_two_posts_have_two_idempotency_keys(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("POST /api/events", OK)
    send(client)
    send(client)
    send(client, idempotency_key="mine")
    keys = [request.headers["Idempotency-Key"] for request in gateway.requests]
    assert len(set(keys)) == 3
    assert keys[2] == "mine"


@pytest.mark.parametrize("status", [502, 504])
def test_an_answer_that_a_proxy_lost_is_asked_for_again(
    client: Driver, gateway: FakeGateway, status: int
) -> None:
    gateway.on("POST /api/events", httpx.Response(status, text="<html>"), OK)
    gateway.on("PATCH /api/webhooks/whk_1", httpx.Response(status, text="<html>"))
    assert send(client)["id"] == "evt_1"
    with pytest.raises(ServerError):
        client.do(lambda c: c.update_webhook("whk_1", enabled=False))
    assert [request.method for request in gateway.requests] == ["POST", "POST", "PATCH"]


def test_a_post_that_is_still_being_worked_on_is_asked_for_again(
    client: Driver, gateway: FakeGateway, waits: Waits
) -> None:
    body = {"error": "idempotency_in_progress", "message": "m"}
    busy = httpx.Response(409, headers={"Retry-After": "1"}, json=body)
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"), busy, OK)
    assert send(client)["id"] == "evt_1"
    assert waits.seconds == [0.5, 1.0]


def test_five_tries_with_growing_waits_and_no_more(
    client: Driver, gateway: FakeGateway, waits: Waits
) -> None:
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"))
    with pytest.raises(UnreachableError) as caught:
        send(client)
    assert (caught.value.status, caught.value.code) == (0, "unreachable")
    assert "http://gw.example" in caught.value.message
    assert len(gateway.requests) == 5
    assert waits.seconds == [0.5, 1.0, 2.0, 4.0]


def test_chance_spreads_the_waits(connect: Connect, gateway: FakeGateway, waits: Waits) -> None:
    limited = httpx.Response(429, headers={"Retry-After": "10"}, json={"error": "rate_limited"})
    gateway.on("POST /api/events", httpx.ReadTimeout("slow"), limited, OK)
    client = connect("http://gw.example", "k", transport=gateway.transport, waits=waits, chance=lambda: 1.0)
    send(client)
    assert waits.seconds == [0.25, 11.0]


def test_no_try_begins_after_the_deadline(connect: Connect, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on("POST /api/events", httpx.Response(503, headers={"Retry-After": "7"}, json={}))
    client = connect(
        *("http://gw.example", "k"), transport=gateway.transport, waits=waits, chance=lambda: 0.0,
        retry=Retry(tries=100, deadline=20),
    )  # fmt: skip
    with pytest.raises(OverloadedError):
        send(client)
    assert waits.seconds == [7.0, 7.0]


@pytest.mark.parametrize(("tries", "call"), [(3, "POST /api/events"), (3, "PATCH /api/webhooks/whk_1")])
def test_where_nobody_listens_every_method_is_tried_as_often_as_wished(
    connect: Connect, gateway: FakeGateway, waits: Waits, tries: int, call: str
) -> None:
    gateway.on(call, httpx.ConnectError("refused"))
    client = connect(
        *("http://gw.example", "k"), transport=gateway.transport, waits=waits,
        retry=Retry(connect_tries=tries),
    )  # fmt: skip
    with pytest.raises(GatewayError, match="cannot reach"):
        client.do(lambda c: c.send(Request(*call.split())))
    assert len(gateway.requests) == tries


def test_a_long_wait_is_announced_and_a_short_one_is_not(
    connect: Connect, gateway: FakeGateway, waits: Waits
) -> None:
    said: list[str] = []
    overloaded = httpx.Response(503, headers={"Retry-After": "7"}, json={"error": "overloaded"})
    short = httpx.Response(503, headers={"Retry-After": "1"}, json={"error": "overloaded"})
    gateway.on("POST /api/events", overloaded, httpx.ReadTimeout("slow"), short, OK)
    client = connect(
        *("http://gw.example", "k"), transport=gateway.transport, waits=waits, notice=said.append,
        chance=lambda: 0.0,
    )  # fmt: skip
    send(client)
    assert said == [
        "the gateway answered 503 overloaded; trying again in 7 s",
        "cannot reach http://gw.example: no answer in time; trying again in 1 s",
    ]


def test_a_wait_of_an_hour_is_reported_instead(client: Driver, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on(
        "POST /api/events", httpx.Response(503, headers={"Retry-After": "3600"}, json={"error": "overloaded"})
    )
    with pytest.raises(GatewayError) as caught:
        send(client)
    assert caught.value.retry_after == 3600
    assert waits.seconds == []


@pytest.mark.parametrize("value", ["٣", "nan", "-1", "Fri, 20 Nov 2026 21:05:09 -0000 x", "1e9", ""])
def test_a_garbled_retry_after_falls_back(
    client: Driver, gateway: FakeGateway, waits: Waits, value: str
) -> None:
    headers = [(b"Retry-After", value.encode())]
    gateway.on("POST /api/events", httpx.Response(503, headers=headers, json={"error": "overloaded"}), OK)
    send(client)
    assert waits.seconds == [0.5]


def test_a_patch_is_not_repeated_when_it_may_have_arrived(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("PATCH /api/webhooks/whk_1", httpx.ReadTimeout("slow"))
    with pytest.raises(GatewayError, match="no answer in time"):
        client.do(lambda c: c.update_webhook("whk_1", enabled=False))
    assert len(gateway.requests) == 1


# Errors


def test_an_error_carries_what_the_gateway_said(client: Driver, gateway: FakeGateway) -> None:
    error = {
        "error": "invalid_request",
        "message": "1 mistake",
        "details": [{"field": "url", "message": "must be https"}],
        "request_id": "req_1",
    }
    gateway.on("POST /api/webhooks", httpx.Response(422, json=error))
    with pytest.raises(InvalidRequestError) as caught:
        client.do(lambda c: c.create_webhook(url="http://x", events=["*"]))
    said = caught.value
    assert (said.status, said.code, said.request_id) == (422, "invalid_request", "req_1")
    assert said.details == [{"field": "url", "message": "must be https"}]
    assert len(gateway.requests) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (409, ConflictError),
        (410, GoneError),
        (413, TooLargeError),
        (422, InvalidRequestError),
        (429, RateLimitedError),
        (500, ServerError),
        (503, OverloadedError),
        (418, GatewayError),
    ],
)
def test_every_status_has_its_exception(
    client: Driver, gateway: FakeGateway, status: int, kind: type[GatewayError]
) -> None:
    gateway.on("GET /api/events/evt_1", httpx.Response(status, json={"error": "some_code", "message": "m"}))
    with pytest.raises(GatewayError) as caught:
        client.do(lambda c: c.get_event("evt_1"))
    assert type(caught.value) is kind
    assert (caught.value.code, str(caught.value)) == ("some_code", "m")


def test_an_answer_of_something_else(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/keys", httpx.Response(404, text="<html>nginx</html>"))
    with pytest.raises(NotFoundError, match="does not look like a gateway"):
        client.rows(lambda c: c.list_keys())


def test_a_redirect_is_not_followed(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/keys", httpx.Response(302, headers={"Location": "http://evil.example/"}))
    with pytest.raises(GatewayError, match="redirect"):
        client.rows(lambda c: c.list_keys())
    assert len(gateway.requests) == 1


def test_status_says_not_ready_without_waiting(client: Driver, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on("GET /readyz", httpx.Response(503, json={"status": "not_ready", "reason": "starting"}))
    assert client.do(lambda c: c.status()) == {"ready": False, "status": "not_ready", "reason": "starting"}
    gateway.on("GET /readyz", httpx.ConnectError("refused"))
    with pytest.raises(UnreachableError):
        client.do(lambda c: c.status())
    assert waits.seconds == []


# Lists


def page(*ids: str, cursor: str | None = None) -> httpx.Response:
    return httpx.Response(200, json={"data": [{"id": one} for one in ids], "next_cursor": cursor})


def test_pages_are_followed_to_the_end(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", page("evt_3", "evt_2", cursor="c1"), page("evt_1"))
    found = client.rows(lambda c: c.list_events(type="a.b", since=None))
    assert [event["id"] for event in found] == ["evt_3", "evt_2", "evt_1"]
    assert dict(gateway.requests[0].url.params) == {"type": "a.b", "limit": "200"}
    assert dict(gateway.requests[1].url.params) == {"type": "a.b", "limit": "200", "cursor": "c1"}


def test_a_page_is_fetched_when_it_is_needed(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", page("evt_3", "evt_2", cursor="c1"), page("evt_1"))
    assert len(client.rows(lambda c: c.list_events(), most=2)) == 2
    assert len(gateway.requests) == 1


def test_a_limit_asks_for_no_more_than_needed(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", page("evt_2", "evt_1", cursor="c1"))
    assert len(client.rows(lambda c: c.list_events(limit=2))) == 2
    assert [dict(request.url.params) for request in gateway.requests] == [{"limit": "2"}]


def test_following_goes_on_from_the_cursor_and_outlasts_an_outage(
    client: Driver, gateway: FakeGateway, waits: Waits
) -> None:
    gone = [httpx.ReadTimeout("slow")] * 5  # all tries of one call
    gateway.on(
        "GET /api/events",
        *(page("evt_1", cursor="c1"), page(cursor="c1"), *gone, page("evt_2", cursor="c2"), page()),
    )
    found = client.rows(lambda c: c.list_events().follow("c0", every=2.0), most=2)
    assert [event["id"] for event in found] == ["evt_1", "evt_2"]
    seen = [request.url.params.get("cursor") for request in gateway.requests]
    assert seen == ["c0", "c1", "c1", "c1", "c1", "c1", "c1", "c1"]
    assert {request.url.params["order"] for request in gateway.requests} == {"asc"}
    assert waits.seconds == [2.0, 2.0, 0.5, 1.0, 2.0, 4.0, 2.0]


def test_following_goes_on_at_once_where_a_search_stopped_early(
    client: Driver, gateway: FakeGateway, waits: Waits
) -> None:
    body = {"data": [], "next_cursor": "c1", "searched_until": "2026-11-20T21:05:09.123Z"}
    gateway.on("GET /api/deliveries", httpx.Response(200, json=body), page("dlv_1", cursor="c2"))
    assert len(client.rows(lambda c: c.list_deliveries(status="failed").follow(), most=1)) == 1
    assert len(gateway.requests) == 2
    assert waits.seconds == []


def test_following_says_what_is_wrong_at_once(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", httpx.Response(403, json={"error": "insufficient_scope"}))
    with pytest.raises(PermissionDeniedError):
        client.rows(lambda c: c.list_events().follow())


# Jobs


def job(status: str, done: int) -> httpx.Response:
    body = {"id": "job_1", "kind": "replay", "status": status, "matched": 5, "done": done, "failed": 0}
    return httpx.Response(200, json=body)


def test_a_job_is_waited_for(client: Driver, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on("GET /api/jobs/job_1", job("running", 0), job("running", 3), job("done", 5))
    seen: list[int] = []
    wanted = {"id": "job_1"}
    found = client.do(lambda c: c.wait(wanted, every=2.0, progress=lambda job: seen.append(job["done"])))
    assert found["done"] == 5
    assert seen == [0, 3, 5]
    assert waits.seconds == [2.0, 2.0]


def test_a_job_that_takes_too_long(client: Driver, gateway: FakeGateway, waits: Waits) -> None:
    gateway.on("GET /api/jobs/job_1", job("running", 3))
    with pytest.raises(TimeoutError, match="3 done so far"):
        client.do(lambda c: c.wait("job_1", timeout=2.5))
    assert waits.seconds == [1.0, 1.0]


RESOLVE = "POST /api/callers/resolve"
NOBODY_LISTENS = httpx.ConnectError("refused")


@pytest.mark.parametrize("answer", [NOBODY_LISTENS, httpx.ReadTimeout("slow"), httpx.Response(503)])
def test_a_ringing_call_is_asked_for_once(
    client: Driver, gateway: FakeGateway, waits: Waits, answer: Any
) -> None:
    gateway.on(RESOLVE, answer)
    with pytest.raises(GatewayError):
        client.do(lambda c: c.resolve_caller("+13175550142"))
    assert (len(gateway.requests), waits.seconds) == (1, [])


@pytest.mark.parametrize(("details", "seconds"), [({}, 1.4), ({"deadline_ms": 2_000}, 2.5)])
def test_a_ringing_call_waits_for_its_deadline_and_no_longer(
    client: Driver, gateway: FakeGateway, waits: Waits, details: Any, seconds: float
) -> None:
    """All phases together: what connecting took is gone for reading."""
    gateway.on(RESOLVE, httpx.Response(200, json={}))
    client.do(lambda c: c.resolve_caller("+13175550142", **details))
    limits = gateway.requests[0].extensions["timeout"]
    assert limits.get("connect") == pytest.approx(seconds)
    waits(1.0)
    assert limits.get("read") == pytest.approx(seconds - 1.0)
    waits(5.0)
    assert 0 < limits.get("read") < 0.1


@pytest.mark.parametrize(
    ("options", "tries", "seconds"),
    [({"timeout": 7.0}, 1, 7.0), ({"retry": Retry(connect_tries=3)}, 3, 30.0)],
)
def test_a_client_that_says_so_waits_longer(
    connect: Connect, gateway: FakeGateway, waits: Waits, options: Any, tries: int, seconds: float
) -> None:
    gateway.on(RESOLVE, NOBODY_LISTENS)
    client = connect("http://gw.example/", "k", transport=gateway.transport, waits=waits, **options)
    with pytest.raises(UnreachableError):
        client.do(lambda c: c.resolve_caller("+13175550142"))
    assert len(gateway.requests) == tries
    waits.now = 1000.0
    assert gateway.requests[0].extensions["timeout"].get("read") == pytest.approx(seconds)


def test_the_clients_idea_of_the_deadline_is_the_gateways() -> None:
    assert callers.DEADLINE_MS == DEFAULT_DEADLINE_MS


def test_a_number_with_a_slash_names_its_contact(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("GET /api/contacts/030-20123400", httpx.Response(200, json={}))
    client.do(lambda c: c.get_contact("030/20123400"))
    assert gateway.requests[0].url.raw_path == b"/api/contacts/030-20123400"


def test_columns_of_a_file_go_into_the_query_once_each(client: Driver, gateway: FakeGateway) -> None:
    gateway.on("POST /api/contacts/import", httpx.Response(200, json={}))
    mapped = {"Mobile": "phone", "a:b & c": "fields.plan"}
    for options in (
        {"map": mapped, "ignore": ["Internal Id", "*"], "dry_run": True},
        {"ignore": "Internal Id"},
        {},
    ):
        client.do(lambda c, given=options: c.import_contacts(b"x", **given))
    assert [one.url.params.multi_items() for one in gateway.requests] == [
        [
            ("map", "Mobile:phone"), ("map", "a:b & c:fields.plan"), ("ignore", "Internal Id"),
            ("ignore", "*"), ("dry_run", "true"),
        ],
        [("ignore", "Internal Id")],
        [],
    ]  # fmt: skip
