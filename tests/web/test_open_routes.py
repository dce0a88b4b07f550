"""What answers without a key: health, readiness, metrics, and whatever is not there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from gateway.web.api import OPERATIONS
from tests.support.clock import until
from tests.support.databases import postgres_server
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


async def get(
    node: Node, path: str, *, client: str = "127.0.0.1", method: str = "GET", **headers: str
) -> httpx.Response:
    """A request without a key, from any address."""
    transport = httpx.ASGITransport(app=node.gateway.app, client=(client, 5))
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway.test") as http:
        return await http.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})


def is_safe(answer: httpx.Response) -> bool:
    headers = answer.headers
    return (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


async def test_health_asks_the_database_nothing(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    database = node.gateway.store.database
    askers: list[asyncio.Task[None] | None] = []

    def watched(original: Callable[[], object]) -> Callable[[], object]:
        def spy() -> object:
            askers.append(asyncio.current_task())
            return original()

        return spy

    for name in ("read", "write"):
        monkeypatch.setattr(database, name, watched(getattr(database, name)))
    for path in ("/healthz", "/readyz"):
        answer = await get(node, path)
        assert (answer.status_code, is_safe(answer)) == (200, True)
    assert asyncio.current_task() not in askers
    await node.call("GET", "/api/keys")  # the control: the spy sees what this task asks
    assert asyncio.current_task() in askers


async def test_health_answers_while_the_database_is_away(postgres_database: str, tmp_path: Path) -> None:
    parts = urlsplit(postgres_database)
    [sockets] = parse_qs(parts.query)["host"]
    link = tmp_path / "pg"
    link.symlink_to(sockets)
    async with running_node(postgres_database.replace(sockets, str(link))) as node:
        await node.send()
        link.unlink()
        postgres_server().psql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{parts.path[1:]}'"
        )
        event = {"type": "a.b", "data": {}}
        for method, path, body in (("GET", "/api/events", None), ("POST", "/api/events", event)):
            answer = await node.call(method, path, json=body)
            assert (answer.status_code, answer.json()["error"]) == (503, "database_unavailable"), path
            assert int(answer.headers["Retry-After"]) >= 1
        for _ in range(20):
            started = time.monotonic()
            assert (await get(node, "/healthz")).status_code == 200
            assert time.monotonic() - started < 1
        link.symlink_to(sockets)
        assert (await node.call("POST", "/api/events", json=event)).status_code == 202


async def test_readiness_says_why_not(node: Node) -> None:
    assert (await get(node, "/readyz")).json() == {"status": "ready"}
    node.gateway.accept.storage_full = True
    full = await get(node, "/readyz")
    assert (full.status_code, full.json()) == (
        503, {"status": "not_ready", "reason": "the disk is nearly full"},
    )  # fmt: skip
    assert int(full.headers["Retry-After"]) >= 1
    refused = await node.call("POST", "/api/events", json={"type": "a.b", "data": {}})
    assert (refused.status_code, refused.json()["error"]) == (503, "storage_full")
    assert int(refused.headers["Retry-After"]) >= 1
    node.gateway.accept.storage_full = False
    node.gateway.drain()
    stopping = await get(node, "/readyz")
    assert (stopping.status_code, stopping.json()["reason"]) == (503, "stopping")
    assert (await get(node, "/healthz")).status_code == 200


@pytest.mark.parametrize("client", ["127.0.0.1", "::1"])
async def test_metrics_are_for_loopback(node: Node, client: str) -> None:
    await node.send()
    page = await get(node, "/metrics", client=client)
    assert page.status_code == 200
    assert page.headers["Content-Type"].startswith("text/plain")
    assert 'gateway_events_accepted_total{source="api"} 1.0' in page.text
    assert is_safe(page)
    for elsewhere in (
        await get(node, "/metrics", client="203.0.113.9"),
        await get(node, "/metrics", client="203.0.113.9", authorization="Bearer "),
        await get(node, "/metrics", client="203.0.113.9", authorization=f"Bearer {node.key}"),
        await get(node, "/metrics", client=client, x_forwarded_for="203.0.113.9"),
    ):
        assert (elsewhere.status_code, elsewhere.json()["error"]) == (404, "not_found")


async def test_metrics_from_elsewhere_need_the_token(sqlite_database: str) -> None:
    async with running_node(sqlite_database, metrics_token="scrape-me") as node:
        for client, token, status in (
            ("203.0.113.9", "Bearer scrape-me", 200), ("203.0.113.9", "Bearer scrape-me2", 404),
            ("203.0.113.9", "", 404), ("203.0.113.9", "Bearer é", 404), ("127.0.0.1", "", 200),
        ):  # fmt: skip
            headers = {"authorization": token.encode("latin-1")} if token else {}
            answer = await get(node, "/metrics", client=client, **headers)  # type: ignore[arg-type]
            assert answer.status_code == status, (client, token)


async def test_status_is_for_the_operators_socket_only(node: Node) -> None:
    for headers in ({}, {"Authorization": f"Bearer {node.key}"}):
        assert (await node.http.get("/control/status", headers=headers)).status_code == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/api", "/api/", "/api/nothing", "/api/events/", "/api/events/a/b/c", "/API/events", "//", "/é%00"],
)
async def test_what_is_not_there_is_a_problem_document(node: Node, path: str) -> None:
    for method in ("GET", "POST", "DELETE"):
        answer = await get(node, path, method=method)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found"), (method, answer.headers)
        assert answer.json()["request_id"] == answer.headers["X-Request-Id"]
        assert is_safe(answer)


async def test_another_method_is_refused_with_those_there_are(node: Node) -> None:
    allowed: dict[str, set[str]] = {"/healthz": {"GET"}, "/readyz": {"GET"}, "/metrics": {"GET"}}
    for operation in OPERATIONS:
        allowed.setdefault(operation.path, set()).add(operation.method)
    for path, methods in allowed.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - methods:
            answer = await get(node, path.replace("{id}", "evt_1"), method=method)
            assert (answer.status_code, answer.json()["error"]) == (405, "method_not_allowed"), (method, path)
            assert {m.strip() for m in answer.headers["Allow"].split(",")} - {"HEAD"} == methods
            assert is_safe(answer)


async def test_every_answer_carries_the_safe_headers_and_its_id(node: Node) -> None:
    await node.send()
    seen = set()
    for method, path, body, status in (
        ("GET", "/api/events", None, 200), ("POST", "/api/events", {"type": "a.b", "data": {}}, 202),
        ("POST", "/api/events", {}, 422), ("GET", "/api/events/evt_1", None, 404),
        ("POST", "/api/keys", {"role": "viewer"}, 201),
    ):  # fmt: skip
        answer = await node.call(method, path, json=body)
        assert (answer.status_code, is_safe(answer)) == (status, True), path
        assert answer.headers["Content-Type"] == "application/json"
        seen.add(answer.headers["X-Request-Id"])
    assert len(seen) == 5
    await until(lambda: node.gateway.dispatcher.in_flight == 0, "nothing is under way")
