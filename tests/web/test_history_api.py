"""Looking back over HTTP: filters of lists, search in payloads, exports, statistics."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import pairwise
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from gateway import clock
from gateway.clock import parse_time
from gateway.domain.csv_cells import harmless
from gateway.store import stats as counters
from gateway.store.scan import Effort
from gateway.store.stats import HOUR_MS, KEPT_MS
from gateway.store.store import OF_ONE_ORGANIZATION, READERS_WAITING, SEARCHES_WAITING
from gateway.web import exports, search
from gateway.web.search import Needle
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.support.served import serving
from tests.support.stock import fill

pytestmark = pytest.mark.anyio

CSV, LINES = {"Accept": "text/csv"}, {"Accept": "application/x-ndjson"}


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def until(condition: Callable[[], Awaitable[bool]], *, timeout: float = 5) -> None:
    async with asyncio.timeout(timeout):
        while not await condition():
            await asyncio.sleep(0.01)


async def listed(node: Node, **query: Any) -> Any:
    answer = await node.call("GET", "/api/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def waiting(node: Node) -> str:
    """A webhook whose deliveries wait, and are never tried."""
    made = await node.webhook("https://example.invalid/")
    node.gateway.dispatcher.stopping = True
    return str(made["id"])


async def test_lists_by_what_came_of_the_latest_attempt(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.respond(503)
        await node.webhook(receiver.url(), retry_schedule=[600])
        await node.webhook("http://127.0.0.1:9/", retry_schedule=[600])
        await node.send()
        await until(lambda: _attempted(node, 2))
        by_code, by_error = (
            await listed(node, last_status_code=503),
            await listed(node, last_error="connect_refused"),
        )
        assert [row["last_status_code"] for row in by_code["data"]] == [503]
        assert [row["last_error"] for row in by_error["data"]] == ["connect_refused"]
        assert by_code["searched_until"] is None
        assert (await listed(node, last_status_code=200))["data"] == []
        wrong = await node.call("GET", "/api/deliveries", params={"last_status_code": "2xx"})
        assert wrong.json()["details"][0]["field"] == "last_status_code"


async def _attempted(node: Node, count: int) -> bool:
    return len([row for row in await node.deliveries() if row["attempts_made"]]) == count


async def test_search_finds_payloads_in_whatever_case(any_database: str) -> None:
    async with running_node(any_database) as node:
        await waiting(node)
        sent = [
            await node.send("a.b", data)
            for data in ({"from": "+13175550142"}, {"who": "Zoë Müller"}, {"text": 'say "hi" \\ there'}, {})
        ]
        raw = b'{"type": "a.b", "data": {"who": "Zo\\u00eb", "n": 1.10}}'
        escaped = (
            await node.call("POST", "/api/events", content=raw, headers={"Content-Type": "application/json"})
        ).json()

        async def found(q: str, **query: Any) -> list[str]:
            return [row["event_id"] for row in (await listed(node, q=q, **query))["data"]]

        assert await found("5550142") == [sent[0]["id"]]
        assert await found("ZOË") == [sent[1]["id"]]
        assert await found("zoë") == [escaped["id"], sent[1]["id"]]
        assert await found('Say "HI" \\') == [sent[2]["id"]]
        assert await found('"n": 1.10') == [escaped["id"]]
        assert await found("müller", order="asc", type="a.b") == [sent[1]["id"]]
        assert await found("müller", event_id=sent[0]["id"]) == []
        assert await found("absent") == []


async def test_search_needs_the_right_to_read_payloads(node: Node) -> None:
    await waiting(node)
    await node.send("a.b", {"x": "needle"})
    blind = await node.new_key(None, scopes=["manage"])
    refused = await node.call(
        "GET", "/api/deliveries", params={"q": "needle"}, key=blind, headers={"X-HUM-Org": "acme"}
    )
    assert (refused.status_code, refused.json()["error"]) == (403, "insufficient_scope")
    viewer = await node.new_key("viewer")
    assert len((await node.call("GET", "/api/deliveries?q=needle", key=viewer)).json()["data"]) == 1
    other = await node.new_key("viewer", "other")
    assert (await node.call("GET", "/api/deliveries?q=needle", key=other)).json()["data"] == []
    for q in ("", "x" * 201):
        answer = await node.call("GET", "/api/deliveries", params={"q": q})
        assert answer.json()["details"][0]["field"] == "q"


async def send_many(node: Node, count: int, size: int) -> None:
    for first in range(0, count, 500):
        events = [
            {"type": "a.b", "data": {"n": n, "text": "x" * size}}
            for n in range(first, min(first + 500, count))
        ]
        answer = await node.call("POST", "/api/events/batch", json={"events": events})
        assert answer.status_code == 202, answer.text


@pytest.mark.proof
async def test_a_search_is_bounded_and_lets_others_go_on(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control is a search that never rests: everything else waits for it."""
    await waiting(node)
    await send_many(node, 1_500, 20_000)
    monkeypatch.setattr(search, "MOST", 1_000)

    async def look() -> tuple[Any, float, float]:
        """The answer, how long it took, and how long the loop was busy at a time at most (ms)."""
        pauses: list[float] = []

        async def tick() -> None:
            while True:
                pauses.append(time.perf_counter())
                await asyncio.sleep(0)

        ticking = asyncio.create_task(tick())
        started = time.perf_counter()
        answer = await listed(node, q="absent")
        took = time.perf_counter() - started
        ticking.cancel()
        return answer, took * 1000, max(after - before for before, after in pairwise(pauses)) * 1000

    answer, took, longest = await look()
    longest = min(longest, (await look())[2])
    assert answer["data"] == []
    assert answer["next_cursor"] is not None
    assert answer["searched_until"] is not None
    looked = await listed(node, cursor=answer["next_cursor"], limit=200)
    assert len(looked["data"]) == 200, "the next page goes on where this one ended"
    rest_after = clock.SLICE_SECONDS * 1000
    monkeypatch.setattr(clock, "SLICE_SECONDS", 60.0)
    monkeypatch.setattr(search, "_AT_ONCE", 1_000)
    monkeypatch.setattr(search, "EFFORT", Effort(stride=1_000))
    _, _, greedy = await look()
    print(f"search: 1,000 payloads of 20 KB in {took:.0f} ms, the loop is kept at most {longest:.1f} ms at a "
          f"time; {greedy:.1f} ms without rests")  # fmt: skip
    assert longest < 100
    assert greedy > 5 * rest_after, "the control shows nothing"


async def test_searches_come_one_after_the_other_and_not_too_many(node: Node) -> None:
    await waiting(node)
    await send_many(node, 500, 1_000)
    order: list[str] = []

    async def look(org: str = "acme") -> int:
        status = (await node.call("GET", "/api/deliveries", params={"q": "absent"}, org=org)).status_code
        if status == 200:
            order.append(org)
        return status

    await node.new_key("admin", "other")
    *statuses, other = await asyncio.gather(*(look() for _ in range(20)), look("other"))
    assert set(statuses) == {200, 429}
    assert statuses.count(200) == SEARCHES_WAITING + 1
    assert other == 200
    assert order.index("other") <= 1, "after the one that was under way, and no other"
    assert await look() == 200


async def test_one_organizations_lists_do_not_take_the_places_of_anothers(node: Node) -> None:
    """Its readers hold all that it may have, and do not come to an end."""
    for org in ("acme", "other"):
        await node.new_key("admin", org)
    store = node.gateway.store
    async with contextlib.AsyncExitStack() as stack:
        for _ in range(OF_ONE_ORGANIZATION):
            await stack.enter_async_context(store.reading("acme"))
        own = [asyncio.create_task(node.call("GET", "/api/webhooks")) for _ in range(READERS_WAITING + 2)]
        assert (await node.call("GET", "/api/webhooks", org="other")).status_code == 200
        refused: list[int] = []
        for answer in asyncio.as_completed(own, timeout=60):
            refused.append((await answer).status_code)
            if len(refused) == 2:
                break
        assert refused == [429] * 2
    statuses = [(await task).status_code for task in own]
    assert (statuses.count(200), statuses.count(429)) == (READERS_WAITING, 2)


async def test_a_search_ends_with_its_time(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    await waiting(node)
    await send_many(node, 1_000, 10)
    monkeypatch.setattr(search, "SECONDS", 0.0)
    answer = await listed(node, q="absent")
    assert answer["searched_until"] is not None
    pages, cursor = 1, answer["next_cursor"]
    while cursor is not None:
        answer = await listed(node, q="absent", cursor=cursor)
        pages, cursor = pages + 1, answer["next_cursor"]
    assert pages >= 4
    assert answer["searched_until"] is None


def test_what_a_needle_finds() -> None:
    assert Needle("ABC").inside(b'{"x":"aBc"}')
    assert Needle("straße").inside('{"x":"STRASSE Straße"}'.encode())
    assert not Needle("abd").inside(b'{"x":"aBc"}')


async def test_an_export_holds_everything_that_matches(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_node(any_database) as node:
        await waiting(node)
        await fill(node.gateway.store, 3_000, node.gateway.clock.now() - 1_000_000)
        everything = await node.call("GET", "/api/deliveries?order=asc", headers=CSV)
        assert everything.headers["Content-Type"] == "text/csv; charset=utf-8"
        rows = list(csv.DictReader(io.StringIO(everything.text)))
        assert len(rows) == 2_000
        assert rows[0]["id"] == "dlv_1"
        assert {row["test"] for row in rows} == {"false"}
        some = await node.call("GET", "/api/webhooks/whk_busy/deliveries", headers=LINES)
        assert some.status_code == 404, "not a webhook that ever was"
        lines = await node.call("GET", "/api/deliveries?type=sms.sent&status=delivered", headers=LINES)
        assert lines.headers["Content-Type"] == "application/x-ndjson"
        found = [json.loads(line) for line in lines.text.splitlines()]
        assert {row["event_type"] for row in found} == {"sms.sent"}
        shown = [r for r in rows if r["event_type"] == "sms.sent" and r["status"] == "delivered"]
        assert [row["id"] for row in found] == [row["id"] for row in shown][::-1]
        assert found[0]["target"] == {"type": "webhook", "id": shown[-1]["target_id"]}
        read: list[str] = []
        monkeypatch.setattr(exports, "csv_lines", lambda rows: read.append("rows") or b"")
        head = await node.call("HEAD", "/api/deliveries", headers=CSV)
        assert (head.status_code, head.headers["Content-Type"]) == (200, "text/csv; charset=utf-8")
        assert read == []


async def test_an_export_says_where_each_target_is(node: Node) -> None:
    hook = await waiting(node)
    deleted = await node.webhook("https://example.com/gone?token=x")
    await node.send()
    assert (await node.call("DELETE", f"/api/webhooks/{deleted['id']}")).status_code == 204
    exported = await node.call("GET", "/api/deliveries", headers=CSV)
    urls = {row["target_id"]: row["target_url"] for row in csv.DictReader(io.StringIO(exported.text))}
    assert urls == {hook: "https://example.invalid/", deleted["id"]: ""}
    lines = await node.call("GET", "/api/deliveries", headers=LINES)
    assert "target_url" not in lines.text, "a line is a delivery as everywhere"


async def test_an_export_is_for_admins_and_has_no_pages(node: Node) -> None:
    await waiting(node)
    operator, admin = await node.new_key("operator"), await node.new_key("admin")
    assert (await node.call("GET", "/api/deliveries", headers=CSV, key=operator)).status_code == 403
    assert (await node.call("GET", "/api/deliveries", key=operator)).status_code == 200
    assert (await node.call("GET", "/api/deliveries", headers=CSV, key=admin)).status_code == 200
    for name, value in (("limit", "5"), ("cursor", "x"), ("q", "x")):
        answer = await node.call("GET", "/api/deliveries", headers=CSV, params={name: value})
        assert answer.json()["details"][0]["field"] == name


def test_cells_that_a_spreadsheet_would_calculate_are_made_harmless() -> None:
    risky = ["=1+1", "-1", "@x", "\tx", "+1 317", "+SUM(A1)", "\rx"]
    plain = ["+13175550142", "a=b", "", 5, None]
    assert [harmless(value) for value in risky] == ["'" + value for value in risky]
    assert [harmless(value) for value in plain] == plain
    assert exports.csv_lines([[True, False]]) == b"true,false\r\n"
    assert exports.wanted_kind("application/json, text/csv;q=0.5") == "text/csv"
    assert exports.wanted_kind("*/*") is None


def test_an_export_ends_when_the_client_leaves(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over a real socket: pages are read while somebody takes them, and no more once nobody does."""
    pages: list[int] = []
    original = exports.stream

    def counted(kind: str, columns: Any, read: Any) -> Any:
        async def count(cursor: str | None) -> Any:
            pages.append(1)
            return await read(cursor)

        return original(kind, columns, count)

    monkeypatch.setattr(exports, "stream", counted)
    with serving(f"sqlite:///{tmp_path / 'gateway.db'}") as served:
        served.run(waiting(served.node))
        served.run(fill(served.node.gateway.store, 150_000, 1_700_000_000_000))
        headers = {"Authorization": f"Bearer {served.node.key}", "X-HUM-Org": "acme", **LINES}
        with httpx.stream("GET", f"{served.url}/api/deliveries", headers=headers) as answer:
            assert next(answer.iter_lines())
            deadline, seen = time.monotonic() + 5, -1
            while len(pages) != seen and time.monotonic() < deadline:  # until the socket takes no more
                seen = len(pages)
                time.sleep(0.2)
            assert len(pages) < 200 == 100_000 // 500
        taken = len(pages)
        time.sleep(0.3)
        assert len(pages) <= taken + 1


async def stats(node: Node, webhook_id: str, window: str = "1h", **kw: Any) -> Any:
    answer = await node.call("GET", f"/api/webhooks/{webhook_id}/stats", params={"window": window}, **kw)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_statistics_count_every_outcome(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.respond(200)
        good = (await node.webhook(receiver.url("/good")))["id"]
        answer = await node.call(
            "POST", "/api/events/batch", json={"events": [{"type": "a.b", "data": {}}] * 20}
        )
        assert answer.status_code == 202
        await until(lambda: _total(node, good, "delivered", 20))
        found = await stats(node, good)
        assert found["totals"] == {"delivered": 20, "failed": 0, "retried": 0, "held": 0}
        assert (found["attempts"], found["status_codes"], found["errors"]) == (20, {"200": 20}, {})
        assert sum(hour["delivered"] for hour in found["hours"]) == 20
        assert len(found["hours"]) == 2
        assert found["duration_ms"]["p50"] in counters.BUCKETS
        assert found["duration_ms"]["p50"] <= found["duration_ms"]["p99"]
        shown = [await node.delivery(row["id"]) for row in await node.deliveries()]
        slowest = max(attempt["duration_ms"] for row in shown for attempt in row["attempts"])
        assert slowest <= found["duration_ms"]["p99"] <= max(2 * slowest, 10)
        await node.call("POST", f"/api/webhooks/{good}/disable")
        refused = (await node.webhook("http://127.0.0.1:9/", retry_schedule=[1]))["id"]
        await node.send()
        await until(lambda: _total(node, refused, "failed", 1), timeout=10)
        found = await stats(node, refused, "24h")
        assert found["totals"] == {"delivered": 0, "failed": 1, "retried": 1, "held": 0}
        assert (found["status_codes"], found["errors"]) == ({}, {"connect_refused": 2})
        assert len(found["hours"]) == 25


async def _total(node: Node, webhook_id: str, name: str, count: int) -> bool:
    return bool((await stats(node, webhook_id))["totals"][name] == count)


async def test_a_pause_is_held_and_a_410_is_counted(node: Node) -> None:
    async with Receiver() as receiver:
        receiver.respond(429, headers=[("Retry-After", "60")])
        held = (await node.webhook(receiver.url()))["id"]
        await node.send()
        await until(lambda: _total(node, held, "held", 1))
        await node.call("POST", f"/api/webhooks/{held}/disable")
        receiver.respond(410)
        gone = (await node.webhook(receiver.url()))["id"]
        await node.send()
        await until(lambda: _total(node, gone, "retried", 1))
        assert (await stats(node, gone))["status_codes"] == {"410": 1}


async def test_statistics_of_others_are_not_shown(node: Node) -> None:
    webhook = await waiting(node)
    path = f"/api/webhooks/{webhook}/stats"
    assert (await node.call("GET", path, org="other")).status_code == 404
    assert (await node.call("GET", path, params={"window": "2h"})).json()["details"][0]["field"] == "window"
    assert (await stats(node, webhook))["duration_ms"] == dict.fromkeys(("p50", "p90", "p95", "p99"))
    assert len((await stats(node, webhook, "30d"))["hours"]) == 721


async def test_nodes_that_count_the_same_targets_lose_nothing(postgres_database: str) -> None:
    """Each transaction adds to many rows of the same targets; none waits for another in a circle."""
    async with running_node(postgres_database) as node:
        store, hour = node.gateway.store, node.gateway.clock.now()

        async def count(turn: int) -> None:
            names = [f"code:{number}" for number in range(200, 230)]
            keys = [("whk_1", hour, name, "acme") for name in (names if turn % 2 else names[::-1])]
            async with store.transaction() as tx:
                await counters.add(tx.conn, dict.fromkeys(keys, 1))

        await asyncio.gather(*(count(turn) for turn in range(40)))
        async with store.reading() as conn:
            assert set((await counters.totals(conn, "whk_1", 0)).values()) == {40}


async def test_old_counters_are_forgotten_the_oldest_first(any_database: str) -> None:
    async with running_node(any_database) as node:
        now = node.gateway.clock.now()
        old = (now - KEPT_MS) // HOUR_MS * HOUR_MS
        hours = [old - 2 * HOUR_MS, old - HOUR_MS, old + HOUR_MS, now]
        async with node.gateway.store.transaction() as tx:
            await counters.add(tx.conn, {("whk_1", hour, "delivered", "acme"): 1 for hour in hours})
            assert await counters.forget(tx.conn, now, limit=1) == 1
            left = (await tx.conn.execute(text("SELECT hour FROM target_stats ORDER BY hour"))).scalars()
            assert list(left) == hours[1:]
            assert await counters.forget(tx.conn, now) == 1


async def test_hours_begin_on_the_hour(node: Node) -> None:
    found = await stats(node, await waiting(node), "24h")
    assert all(parse_time(hour["hour"]) % HOUR_MS == 0 for hour in found["hours"])
    assert parse_time(found["until"]) - parse_time(found["since"]) >= 24 * HOUR_MS
