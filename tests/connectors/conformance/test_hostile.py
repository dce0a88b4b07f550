"""Whatever stands at the address, the check ends, says what it got, and never falls over itself."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from connectors.kit.conformance import Options, Report, Unreachable, run_async
from connectors.kit.conformance.catalogue import CHECKS
from connectors.kit.conformance.render.files import as_html, as_json, as_junit
from connectors.kit.conformance.wire import DEAF_AFTER
from tests.connectors.conformance import hostile
from tests.connectors.conformance.reference import Asked, Reply, Run, World, checked
from tests.connectors.signing import SECRET

pytestmark = pytest.mark.anyio

CONCURRENCY = 8


async def check(server: hostile.Server, **options: Any) -> Report:
    given = {"timeout": 0.15, "total": 30.0, "settle": 0.0, "allow_writes": True, **options}
    return await run_async(server.url, SECRET, Options(concurrency=CONCURRENCY, **given))


def broke(report: Report) -> list[str]:
    return [r.check.id for r in report.failures if r.failure and "itself broke" in r.failure.got]


@pytest.mark.parametrize("act", [hostile.silent, hostile.dripping], ids=lambda act: act.__name__)
async def test_a_server_that_never_answers_costs_few_timeouts(act: hostile.Streams) -> None:
    async with hostile.serving(act) as server:
        report = await check(server)
    # Each costs one timeout, eight at a time: after the first dozens of milliseconds it is over.
    assert server.requests <= 1 + DEAF_AFTER + CONCURRENCY
    assert len(report.results) == len(CHECKS)
    assert not report.passed or {r.check.id for r in report.passed} <= LOOKING_BACK
    said = {r.failure.got for r in report.failures if r.failure}
    assert any("no complete answer within 0.15 s" in got for got in said)
    assert any("not sent" in got for got in said)


# They look at answers that came, or at the address.
LOOKING_BACK = {
    *("HUM-HTTP-001", "HUM-ERR-003", "HUM-ERR-004", "HUM-PRV-001", "HUM-PRV-002", "HUM-PRV-005"),
    *("HUM-PRV-006", "HUM-HTTP-013"),
}


@pytest.mark.parametrize(
    "act",
    [hostile.hanging_up, hostile.babbling, hostile.endless, hostile.flooding],
    ids=lambda act: act.__name__,
)
async def test_what_is_no_answer_is_said(act: hostile.Streams) -> None:
    async with hostile.serving(act) as server:
        report = await check(server, timeout=2.0)
    assert len(report.results) == len(CHECKS)
    assert {r.check.id for r in report.passed} <= LOOKING_BACK
    assert not broke(report)


async def test_more_than_a_mebibyte_is_not_read() -> None:
    async with hostile.serving(hostile.endless) as server:
        report = await check(server, timeout=5.0, only=("PNG-001",))
    (failed,) = report.failures
    assert failed.failure is not None
    assert "over 1 MiB" in failed.failure.got


async def test_an_odd_head_breaks_no_check() -> None:
    head = b"HTTP/1.1 599 Odd\r\nContent-Encoding: gzip\r\nContent-Type: \xff\r\nRetry-After: soon"
    async with hostile.serving(hostile.answering(b"\x1f\x8b", head)) as server:
        report = await check(server, timeout=5.0, only=("SIG", "HTTP", "PNG", "PRV"))
    assert report.failures
    assert not broke(report)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, b""),
        (200, b"<html>Welcome</html>"),
        (200, b"\xff\xfe\x00"),
        (200, b"[" * 200_000),
        (200, b'{"found": NaN, "ok": 1e999}'),
        (200, b"9" * 10_000),
        (404, b"nothing here"),
        (301, b""),
        (500, b'{"contact": null}'),
        (401, b"{}"),
    ],
)
async def test_the_same_answer_to_everything_breaks_no_check(status: int, body: bytes) -> None:
    async def same(asked: Asked, ask: Any, world: World) -> Reply:
        return Reply(status, body, (("location", "http://127.0.0.1:1/"),))

    fault: Run = same
    report = await checked(fault)
    assert report.failures
    assert not broke(report)


ODD = [
    {"found": True, "contact": {"id": "\ud800", "name": "\ud800", "phone": 5, "fields": []}, "created": True},
    {"found": True, "contact": {"id": ["x"], "url": 5}, "matches": [], "match": {}, "created": 1},
    {"found": True, "contact": {"id": "1", "url": "https://[", "phone": None, "notes": "\x1b[2J</script>"}},
    {"found": "yes", "ok": [], "activity_id": {"a": 1}, "contact": "x"},
    {"found": True, "contact": {"id": "1"}, "activity_id": "\ud800", "ok": True, "created": True},
    {"error": {"a": "b"}, "message": 7, "found": False, "contact": {}, "matches": 10**400},
]


@pytest.mark.parametrize("data", ODD, ids=range(len(ODD)))
@pytest.mark.parametrize("status", [200, 409])
async def test_odd_answers_break_neither_checks_nor_reports(status: int, data: dict[str, Any]) -> None:
    async def odd(asked: Asked, ask: Any, world: World) -> Reply:
        return Reply(status, json.dumps(data).encode())

    fault: Run = odd
    report = await checked(fault)
    assert report.failures
    assert not broke(report)
    for text in (as_json(report), as_junit(report), as_html(report)):
        assert text.encode()
        assert "\x1b" not in text


async def test_nobody_there_is_unreachable() -> None:
    async with hostile.serving(hostile.silent) as server:
        gone = server
    with pytest.raises(Unreachable, match="nobody answers"):
        await check(gone)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("[SSL] certificate"), httpx.ConnectTimeout("")], ids=["tls", "timeout"]
)
async def test_a_connection_that_cannot_be_made_is_unreachable(error: Exception) -> None:
    async def refuse(request: httpx.Request) -> httpx.Response:
        raise error

    options = Options(transport=httpx.MockTransport(refuse))
    with pytest.raises(Unreachable):
        await run_async("https://crm.example.com", SECRET, options)


async def test_a_kept_connection_that_was_closed_costs_nothing() -> None:
    tries = 0

    async def second_time(request: httpx.Request) -> httpx.Response:
        nonlocal tries
        tries += 1
        if tries % 2:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(200, stream=httpx.ByteStream(b'{"ok": true}'))

    options = Options(transport=httpx.MockTransport(second_time), only=("PNG-001",))
    assert not (await run_async("https://crm.example.com", SECRET, options)).failures


async def test_the_whole_run_has_an_end() -> None:
    """What is not done in time has failed, and says so."""
    async with hostile.serving(hostile.silent) as server:
        report = await check(server, timeout=0.2, total=0.01)
    assert len(report.results) == len(CHECKS)
    assert all(r.failure and "time" in r.failure.got for r in report.failures)
    assert any("stopped after" in note for note in report.notes)
