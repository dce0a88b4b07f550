"""The request a receiver gets, byte for byte as the contract's table of headers says, verified by others."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from typing import Any

import pytest
import standardwebhooks

from gateway.dispatch.webhook import Request, build_request
from gateway.domain.event import Event
from gateway.domain.owed import Owed
from gateway.domain.secret import Secret
from gateway.domain.webhook import Webhook
from gateway.signing import SignatureError, verify
from tests.support.clock import until
from tests.support.node import running_node
from tests.support.receiver import Received, Receiver

KEYS = {name: hashlib.sha256(name.encode()).digest() for name in ("old", "new", "other")}
SECRETS = {name: "whsec_" + base64.b64encode(key).decode() for name, key in KEYS.items()}
ON_THE_WIRE = [
    "Content-Type", "User-Agent", "X-HUM-Signature", "X-HUM-Event", "X-HUM-Delivery", "X-HUM-Attempt",
    "webhook-id", "webhook-timestamp", "webhook-signature", "CDN-Loop", "traceparent", "X-Path",
]  # fmt: skip
NOW = 1_795_208_709_123
DATA = b'{"b":1.10,"a":123456789012345678901234567890,"text":"\\u00e9 \xc3\xa9","b2":[1e2,-0.0]}'


def request(
    *secrets: Secret,
    headers: dict[str, str] | None = None,
    attempts_made: int = 0,
    redelivery_of: str | None = None,
    traceparent: str | None = None,
    now: int = NOW,
) -> Request:
    event = Event("evt_1", "acme", "call.completed", NOW - 60_000, DATA, traceparent)
    webhook = Webhook(
        id="whk_1", org_id="acme", position=1, revision_id="rev_1", url="https://example.com/hook",
        headers=headers or {}, events=("*",), secrets=secrets or (Secret("sec_1", SECRETS["old"], NOW),),
    )  # fmt: skip
    owed = Owed(
        "dlv_1", "acme", "whk_1", event, "lse_1", attempts_made, 0, NOW + 10**9, 0, NOW,
        redelivery_of=redelivery_of,
    )  # fmt: skip
    return build_request(webhook, event, owed, now=now, cdn_loop="hum-gateway; id=in_1")


def test_every_header_of_the_contract_in_its_case_and_order_and_no_other() -> None:
    made = request()
    body = (
        b'{"id":"evt_1","type":"call.completed","timestamp":"2026-11-20T21:04:09.123Z","org_id":"acme",'
        b'"api_version":"2026-11-20","data":' + DATA + b"}"
    )
    assert made.body == body
    assert made.url == "https://example.com/hook"
    # Computed here from the contract's words, not by the code under test.
    by_text = hmac.new(SECRETS["old"].encode(), body, hashlib.sha256).hexdigest()
    content = b"evt_1.1795208709." + body
    by_key = base64.b64encode(hmac.new(KEYS["old"], content, hashlib.sha256).digest()).decode()
    assert made.headers == [
        ("Content-Type", "application/json"),
        ("User-Agent", "bluehive-hum-webhooks/1.0"),
        ("X-HUM-Signature", f"sha256={by_text}"),
        ("X-HUM-Event", "call.completed"),
        ("X-HUM-Delivery", "dlv_1"),
        ("X-HUM-Attempt", "1"),
        ("webhook-id", "evt_1"),
        ("webhook-timestamp", "1795208709"),
        ("webhook-signature", f"v1,{by_key}"),
        ("CDN-Loop", "hum-gateway; id=in_1"),
    ]


def test_what_comes_only_when_there_is_reason_to() -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    made = request(redelivery_of="dlv_0", traceparent=trace, headers={"x-Env": "prod"}, attempts_made=4)
    assert made.headers[10:] == [("X-HUM-Redelivery", "dlv_0"), ("traceparent", trace), ("x-Env", "prod")]
    assert dict(made.headers)["X-HUM-Attempt"] == "5"
    assert dict(made.headers)["webhook-id"] == "evt_1"


def test_the_timestamp_is_the_attempts_and_the_body_is_the_events() -> None:
    first, later = request(), request(now=NOW + 86_400_000, attempts_made=1)
    assert later.body == first.body
    assert (
        int(dict(later.headers)["webhook-timestamp"]) - int(dict(first.headers)["webhook-timestamp"]) == 86400
    )
    assert dict(later.headers)["X-HUM-Signature"] == dict(first.headers)["X-HUM-Signature"]
    assert dict(later.headers)["webhook-signature"] != dict(first.headers)["webhook-signature"]


def test_every_live_secret_signs_and_an_ended_one_does_not() -> None:
    old = Secret("sec_1", SECRETS["old"], NOW, ends_at=NOW + 1000)
    new = Secret("sec_2", SECRETS["new"], NOW)
    made = request(old, new)
    pairs: list[tuple[Any, Any]] = list(made.headers)
    for name, accepted in (("old", True), ("new", True), ("other", False)):
        assert (_accepts(made.body, pairs, SECRETS[name]) is None) is accepted
    assert dict(made.headers)["webhook-signature"].count(" ") == 1
    over = request(old, new, now=NOW + 1000)
    assert _accepts(over.body, list(over.headers), SECRETS["old"], now=NOW + 1000) == "signature_mismatch"
    assert _accepts(over.body, list(over.headers), SECRETS["new"], now=NOW + 1000) is None


def _accepts(body: bytes, headers: list[tuple[Any, Any]], secret: str, now: int = NOW) -> str | None:
    try:
        verify(body, headers, secret, now=now / 1000)
    except SignatureError as problem:
        return problem.reason
    return None


@pytest.mark.anyio
async def test_the_same_bytes_at_every_attempt_and_for_every_webhook(any_database: str) -> None:
    async with Receiver() as receiver, running_node(any_database, retry_schedule="1,1") as node:
        receiver.respond(500, path="/a", times=2)
        secrets = {}
        for path in ("/a", "/b", "/c"):
            made = await node.webhook(receiver.url(path), headers={"X-Path": path})
            secrets[path] = made["secret"]
        trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        answer = await node.call(
            "POST", "/api/events", headers={"traceparent": trace, "Content-Type": "application/json"},
            content=b'{"type":"order.updated","data":' + DATA + b',"occurred_at":"2026-11-20T21:05:09.123Z"}',
        )  # fmt: skip
        assert answer.status_code == 202, answer.text
        event = answer.json()
        await receiver.wait_for(5, timeout=10)
        await until(lambda: node.gateway.dispatcher.kept == 0, "everything recorded")

    assert len({r.body for r in receiver.requests}) == 1
    assert b'"data":' + DATA + b"}" in receiver.requests[0].body
    for got in receiver.requests:
        _check_on_the_wire(got, event["id"], secrets[got.path], trace)
    tries = [got for got in receiver.requests if got.path == "/a"]
    assert [got.header("X-HUM-Attempt") for got in tries] == ["1", "2", "3"]
    assert len({got.header("X-HUM-Delivery") for got in tries}) == 1
    assert len({got.header("X-HUM-Delivery") for got in receiver.requests}) == 3


def _check_on_the_wire(got: Received, event_id: str, secret: str, trace: str) -> None:
    names = [name for name, _ in got.headers]
    assert [name for name in names if name in ON_THE_WIRE] == ON_THE_WIRE
    assert sorted(set(names) - set(ON_THE_WIRE)) == ["Accept-Encoding", "Content-Length", "Host"]
    assert got.method == "POST"
    assert (got.header("X-HUM-Event"), got.header("webhook-id")) == ("order.updated", event_id)
    assert got.header("traceparent") == trace
    assert got.header("X-Path") == got.path
    assert re.fullmatch(r"hum-gateway; id=in_[0-9a-f]{16}", got.header("CDN-Loop") or "")
    assert abs(int(got.header("webhook-timestamp") or 0) - time.time()) < 30
    verified = verify(got.body, got.headers, secret)
    assert (verified.scheme, verified.id, verified.replay_protected) == ("standard", event_id, True)
    standardwebhooks.Webhook(secret).verify(got.body, {n.lower(): v for n, v in got.headers})
    with pytest.raises(standardwebhooks.WebhookVerificationError):
        standardwebhooks.Webhook(SECRETS["other"]).verify(got.body, {n.lower(): v for n, v in got.headers})
    assert got.header("X-HUM-Signature") == (
        "sha256=" + hmac.new(secret.encode(), got.body, hashlib.sha256).hexdigest()
    )
