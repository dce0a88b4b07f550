"""Whatever comes in: never a 500, always a problem document that names the field, and nothing stored."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from gateway.domain.bounds import MOST_DETAILS, MOST_MEMBERS
from gateway.store.tables import metadata
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

_COUNTED = ("events", "deliveries", "idempotency_keys", "webhooks", "api_keys", "event_people")
_EVENT = b'{"type":"a.b","data":%b}'
_HOOK = b'{"url":"https://example.com/","events":["*"],"description":%b}'


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        await node.send(type_="warm.up")
        yield node


async def rows(node: Node) -> dict[str, int]:
    async with node.gateway.store.reading() as conn:
        return {
            name: (await conn.execute(select(func.count()).select_from(metadata.tables[name]))).scalar_one()
            for name in _COUNTED
        }


def problem(answer: httpx.Response, status: int, code: str) -> list[str]:
    """Checks that it is a problem document; the fields that it names."""
    document = answer.json()
    assert (answer.status_code, document["error"]) == (status, code), answer.text[:300]
    assert list(document) == ["error", "message", "details", "request_id"]
    assert document["message"]
    assert document["request_id"] == answer.headers["X-Request-Id"]
    assert document["request_id"].startswith("req_")
    assert all(detail["message"] for detail in document["details"])
    return [detail["field"] for detail in document["details"]]


_DEEP = b"[" * 100_000 + b"]" * 100_000
# Path, body, status, error, fields named.
_BODIES: list[tuple[str, bytes, int, str, list[str]]] = [
    ("events", b"", 400, "invalid_json", []),
    ("events", b"{", 400, "invalid_json", []),
    ("events", _EVENT % b"{}" + b" x", 400, "invalid_json", []),
    ("events", b"\xef\xbb\xbf" + _EVENT % b"{}", 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":1,}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":NaN}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":Infinity}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":01}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":"\xff"}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":"\xed\xa0\x80"}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":"\\ud800"}', 400, "invalid_json", []),
    ("events", b'{"type":"\\ud800","data":{}}', 400, "invalid_json", []),
    ("events", _EVENT % b'{"a":"\n"}', 400, "invalid_json", []),
    ("events", _EVENT % (b'{"a":' + _DEEP + b"}"), 422, "invalid_request", ["data"]),
    ("events", b"[]", 422, "invalid_request", [""]),
    ("events", b"{}", 422, "invalid_request", ["type", "data"]),
    ("events", b'{"type":1,"data":{},"priority":[]}', 422, "invalid_request", ["type", "priority"]),
    ("events", b'{"type":"a.b","data":{},"colour":1,"size":2}', 422, "invalid_request", ["colour", "size"]),
    ("events", b'{"type":"a.b","data":{},"type":"c.d"}', 422, "invalid_request", ["type"]),
    ("events", b'{"data":{},"type":"a.b","d\\u0061ta":{}}', 422, "invalid_request", ["data"]),
    ("events", b'{"data":{"data":1},"type":"a.b","data":{"data":1}}', 422, "invalid_request", ["data"]),
    ("events/batch", b'{"events":{}}', 422, "invalid_request", ["events"]),
    ("events/batch", b'{"events":[],"events":[{}]}', 422, "invalid_request", ["events"]),
    ("events/batch", b'{"events":[%b],"mode":"some"}' % (_EVENT % b"{}"), 422, "invalid_request", ["mode"]),
    ("events/batch", b'{"events":[%b]}' % b",".join([_EVENT % b"{}"] * 17 + [_EVENT % b"[]"]), 422,
     "invalid_request", ["events[17].data"]),
    ("events/batch", b'{"events":[%b]}' % (_EVENT % (b'{"a":' + _DEEP + b"}")), 422, "invalid_request", [""]),
    ("events/batch", b'{"events":[%b,{"type":"a.b"}]}' % b'{"type":"x","data":{},"z":1}', 422,
     "invalid_request", ["events[0].z", "events[1].data"]),
    ("webhooks", b"{", 400, "invalid_json", []),
    ("webhooks", b'{"url":NaN}', 400, "invalid_json", []),
    ("webhooks", _HOOK % b'"\xff"', 400, "invalid_json", []),
    ("webhooks", _HOOK % b'"\\ud800"', 400, "invalid_json", []),
    ("webhooks", b'{"\\ud800":1,"\\ud800":2}', 422, "invalid_request", ["?"]),
    ("webhooks", _HOOK % (b"9" * 5000), 400, "invalid_json", []),
    ("webhooks", _HOOK % _DEEP, 422, "invalid_request", [""]),
    ("webhooks", b"null", 422, "invalid_request", [""]),
    ("webhooks", b"", 422, "invalid_request", ["url", "events"]),
    ("webhooks", _HOOK % b'"a","colour":1', 422, "invalid_request", ["colour"]),
    ("webhooks", _HOOK % b'"a","description":"b"', 422, "invalid_request", ["description"]),
    ("webhooks", _HOOK % b'"a","d\\u0065scription":"b"', 422, "invalid_request", ["description"]),
    ("webhooks", _HOOK % b'"a","timeout_ms":"5","enabled":1,"ordered":"no"', 422, "invalid_request",
     ["enabled", "timeout_ms", "ordered"]),
    ("webhooks", b'{"url":"https://example.com/","events":["*","a","B.c"]}', 422, "invalid_request",
     ["events[1]", "events[2]"]),
    ("webhooks", _HOOK % b'"a","headers":{"X-A":5}', 422, "invalid_request", ["headers.X-A"]),
    ("keys", b'{"role":"root","name":"a"}', 422, "invalid_request", ["role"]),
    ("keys", b'{"role":"viewer","name":"a\\u0000b"}', 422, "invalid_request", ["name"]),
]  # fmt: skip


async def test_every_mistake_in_a_body_is_named(node: Node) -> None:
    before = await rows(node)
    for path, body, status, code, fields in _BODIES:
        answer = await node.call("POST", f"/api/{path}", content=body)
        assert problem(answer, status, code) == fields, (path, body[:80])
    assert await rows(node) == before


async def test_numbers_too_large_for_a_double_are_json(node: Node) -> None:
    answer = await node.call("POST", "/api/events", content=_EVENT % b'{"a":1e999,"b":-1e-999}')
    assert answer.status_code == 202


_HUGE = base64.urlsafe_b64encode(b"a9999999999999999999").decode().rstrip("=")
_QUERIES = [
    ("limit=0", 422, "invalid_request", ["limit"]), ("limit=201", 422, "invalid_request", ["limit"]),
    ("limit=-1", 422, "invalid_request", ["limit"]), ("limit=1.5", 422, "invalid_request", ["limit"]),
    ("limit=%D9%A3", 422, "invalid_request", ["limit"]), ("limit=", 422, "invalid_request", ["limit"]),
    ("order=up", 422, "invalid_request", ["order"]), ("colour=red", 422, "invalid_request", ["colour"]),
    ("limit=1&limit=2", 422, "invalid_request", ["limit"]), ("type=%00", 422, "invalid_request", ["type"]),
    ("%ff%00=1", 422, "invalid_request", ["\ufffd\0"]), ("since=today", 422, "invalid_request", ["since"]),
    ("until=2026-11-20T21:05:09", 422, "invalid_request", ["until"]),
    ("cursor=x", 400, "invalid_cursor", []), ("cursor=YTE", 400, "invalid_cursor", []),  # a1: ascending
    ("order=asc&cursor=ZDE", 400, "invalid_cursor", []), ("cursor=%C3%A9%00", 422, "invalid_request",
                                                          ["cursor"]),
    (f"order=asc&cursor={_HUGE}", 400, "invalid_cursor", []), ("cursor=ZA", 400, "invalid_cursor", []),
]  # fmt: skip


async def test_every_mistake_in_a_query_is_named(any_database: str) -> None:
    async with running_node(any_database) as node:
        await node.send()
        for query, status, code, fields in _QUERIES:
            answer = await node.call("GET", f"/api/events?{query}")
            assert problem(answer, status, code) == fields, query
        answer = await node.call("GET", "/api/deliveries?status=lost")
        assert problem(answer, 422, "invalid_request") == ["status"]
        for path in (
            "events/%00",
            "events/a%00b/deliveries",
            "deliveries/evt_%F0%9F",
            "webhooks/" + "a" * 9999,
        ):
            assert problem(await node.call("GET", f"/api/{path}"), 404, "not_found") == []
        assert problem(await node.call("POST", "/api/events?type=a", json={}), 422, "invalid_request")
        fine = await node.call("GET", "/api/events?since=0001-01-01T00:00:00Z&until=9999-12-31T00:00:00Z")
        assert len(fine.json()["data"]) == 1


async def _chunks(total: int) -> AsyncIterator[bytes]:
    for _ in range(0, total, 65_536):
        yield b" " * 65_536


async def test_of_very_many_mistakes_the_first_are_described_and_the_others_counted(node: Node) -> None:
    """As many as a request has room for would hold everybody up, each on its own."""
    many = {f"a{n:x}": [] for n in range(50_000)}
    for method, path, value, field in (
        ("PUT", "contacts/+13175550142", {"fields": many}, "fields"),
        ("PATCH", "contacts/+13175550142", many, ""),
        ("POST", "contacts/search", many, ""),
        ("POST", "callers/preview", {"contact": {"fields": many}}, "contact.fields"),
        ("POST", "webhooks", {"url": "https://example.com/", "events": ["*"], "headers": many}, "headers"),
    ):  # fmt: skip
        answer = await node.call(method, f"/api/{path}", json=value)
        assert problem(answer, 422, "invalid_request") == [field]
        assert f"has {len(many)} fields; an object has at most {MOST_MEMBERS}" in answer.json()["message"]
    some = {f"a{n}": 1 for n in range(MOST_MEMBERS)}
    answer = await node.call("PATCH", "/api/contacts/+13175550142", json=some)
    assert problem(answer, 422, "invalid_request") == [f"a{n}" for n in range(MOST_DETAILS)]
    assert f"{MOST_MEMBERS} mistakes in all, of which the first {MOST_DETAILS}" in answer.json()["message"]
    own = {"fields": {f"a{n}": [] for n in range(MOST_MEMBERS)}}
    answer = await node.call("PATCH", "/api/contacts/+13175550142", json=own)
    assert problem(answer, 422, "invalid_request") == ["fields"]


async def test_what_is_too_large_is_refused_however_it_comes(node: Node) -> None:
    budget = node.gateway.services.bodies
    for path, limit in (
        ("events", 262_144 + 16_384), ("events/batch", 16 * 1024**2), ("webhooks", 1024**2),
        ("keys", 1024**2),
    ):  # fmt: skip
        for content in (b" " * (limit + 1), _chunks(limit + 65_536)):
            answer = await node.call("POST", f"/api/{path}", content=content)
            assert problem(answer, 413, "payload_too_large") == [], path
        answer = await node.call("POST", f"/api/{path}", content=b" " * limit)
        assert answer.status_code in (400, 422), path
    over = b'{"a":"' + b"x" * 262_137 + b'"}'
    assert len(over) == 262_145
    answer = await node.call("POST", "/api/events", content=_EVENT % over)
    assert problem(answer, 413, "payload_too_large") == ["data"]
    batched = await node.call("POST", "/api/events/batch", content=b'{"events":[%b]}' % (_EVENT % over))
    assert problem(batched, 413, "payload_too_large") == ["events[0].data"]
    exact = over.replace(b"x", b"", 1)
    assert (await node.call("POST", "/api/events", content=_EVENT % exact)).status_code == 202
    assert budget.used == 0, "bodies are still counted as in flight"
    budget.used = 64 * 1024**2
    full = await node.call("POST", "/api/events", content=_EVENT % b"{}")
    assert problem(full, 503, "overloaded") == []
    assert int(full.headers["Retry-After"]) >= 1
    budget.used = 0


async def test_blanks_are_no_body_that_was_left_out(node: Node) -> None:
    hook = await node.webhook("https://example.com/")
    for path in ("enable", "redeliver", "rotate-secret"):
        answer = await node.call("POST", f"/api/webhooks/{hook['id']}/{path}", content=b" \r\n")
        assert problem(answer, 400, "invalid_json") == []
        left_out = await node.call("POST", f"/api/webhooks/{hook['id']}/{path}")
        assert left_out.status_code < 300, left_out.text


async def test_a_key_is_checked_also_where_only_is_counted(node: Node) -> None:
    hook = await node.webhook("https://example.com/")
    for key, status in (("k" * 255, 200), ("k" * 256, 422), ("two words", 422)):
        answer = await node.call(
            "POST", f"/api/webhooks/{hook['id']}/redeliver", json={"dry_run": True},
            headers={"Idempotency-Key": key},
        )  # fmt: skip
        assert answer.status_code == status, answer.text


async def test_only_json_is_taken(node: Node) -> None:
    body = _EVENT % b"{}"
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/xml", "json", ""):
        for path in ("events", "events/batch", "webhooks", "keys"):
            answer = await node.call("POST", f"/api/{path}", content=body, headers={"Content-Type": kind})
            assert problem(answer, 415, "unsupported_media_type") == [], (kind, path)
    for kind in ("application/json; charset=utf-8", "Application/JSON", "application/cloudevents+json"):
        answer = await node.call("POST", "/api/events", content=body, headers={"Content-Type": kind})
        assert answer.status_code == 202, kind
    assert (await node.call("POST", "/api/events", content=body)).status_code == 202


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["type", "data", "external_id", "priority", "expires_in", "occurred_at", "org_id", "events", "mode",
     "url", "headers", "secret", "timeout_ms", "retry_schedule", "role", "name", "\ud800", "platform"]
)  # fmt: skip
_DOCUMENTS = st.dictionaries(_FIELDS, _VALUES, max_size=6).map(lambda value: json.dumps(value).encode())


@st.composite
def _spoiled(draw: st.DrawFn) -> bytes:
    """A good body with a few bytes replaced."""
    body = bytearray(_EVENT % '{"a":["Zoë \\ud83d\\udcde",1.10,{"type":null}]}'.encode())
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(body)


@settings(max_examples=150, deadline=None, database=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    body=st.binary() | _DOCUMENTS | _spoiled(), path=st.sampled_from(["events", "batch", "webhooks", "keys"])
)
@example(body=b'{"\\ud800":1,"\\ud800":2}', path="keys")
async def test_no_body_breaks_the_gateway(node: Node, body: bytes, path: str) -> None:
    before = await rows(node)
    route = "/api/events/batch" if path == "batch" else f"/api/{path}"
    answer = await node.call("POST", route, content=body)
    assert answer.status_code < 500, (route, body, answer.text)
    if answer.status_code < 300:
        return
    document: dict[str, Any] = answer.json()
    assert problem(answer, answer.status_code, document["error"]) is not None
    assert await rows(node) == before
