"""`webhooks explain`, `webhooks stats`, `deliveries export`: what they ask for and print."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from click.testing import Result

from gateway.client import GatewayClient, GatewayError
from gateway.web.openapi import samples
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
STATS = samples.responses()["getWebhookStats"][200]
EXPLANATION = samples.responses()["explainWebhook"][200]


def test_explain_shows_what_decides(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/webhooks/whk_1/explain", httpx.Response(200, json=EXPLANATION))
    result = run("webhooks", "explain", "whk_1", "evt_1")
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {"event_id": "evt_1"}
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[0] == "does not match"
    assert lines[1] == "  status  yes  the webhook is enabled"
    assert lines[3].startswith("  filter  no   data.body is")
    assert lines[-1] == "  delivery none was made"
    assert json.loads(run("webhooks", "explain", "whk_1", "evt_1", "--json").stdout) == EXPLANATION


def test_explain_lets_no_value_steer_the_terminal(run: Run, gateway: FakeGateway) -> None:
    hostile = json.loads(json.dumps(EXPLANATION).replace("Thank you!", "\\u001b[2J"))
    gateway.on("POST /api/webhooks/whk_1/explain", httpx.Response(200, json=hostile))
    assert "\x1b[2J" not in run("webhooks", "explain", "whk_1", "evt_1").stdout


def test_stats_are_totals_and_the_hours_with_something_in_them(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/webhooks/whk_1/stats", httpx.Response(200, json=STATS))
    result = run("webhooks", "stats", "whk_1", "--window", "1h")
    assert dict(gateway.requests[0].url.params) == {"window": "1h"}
    assert "200 41, 503 2" in result.stdout
    assert "timeout 2" in result.stdout
    assert "p50 100" in result.stdout
    assert "20:00:00" in result.stdout
    assert "21:00:00" not in result.stdout
    assert json.loads(run("webhooks", "stats", "whk_1", "--json").stdout) == STATS
    assert run("webhooks", "stats", "whk_1", "--window", "2h").exit_code == 2


def test_an_export_is_passed_on_as_it_comes(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/deliveries", httpx.Response(200, content="id\r\ndlv_ü\r\n".encode()))
    gateway.on("GET /api/webhooks/whk_1/deliveries", httpx.Response(200, content=b'{"id":"dlv_1"}\n'))
    result = run("deliveries", "export", "--status", "failed", "--type", "a.b")
    assert result.stdout_bytes == "id\r\ndlv_ü\r\n".encode()
    assert gateway.requests[0].headers["Accept"] == "text/csv"
    assert dict(gateway.requests[0].url.params) == {"status": "failed", "type": "a.b"}
    lines = run("deliveries", "export", "--webhook", "whk_1", "--format", "ndjson")
    assert lines.stdout_bytes == b'{"id":"dlv_1"}\n'
    assert gateway.requests[1].headers["Accept"] == "application/x-ndjson"


def test_an_export_that_is_refused_says_why(run: Run, gateway: FakeGateway) -> None:
    error = {"error": "insufficient_scope", "message": "this needs the role admin", "details": []}
    gateway.on("GET /api/deliveries", httpx.Response(403, json=error))
    result = run("deliveries", "export")
    assert result.exit_code == 1
    assert "this needs the role admin (403 insufficient_scope)" in result.stderr


def test_an_export_that_breaks_off_is_an_error() -> None:
    class Breaking(httpx.SyncByteStream):
        def __iter__(self) -> object:  # type: ignore[override]
            yield b"id\r\n"
            raise httpx.RemoteProtocolError("peer closed connection")

    transport = httpx.MockTransport(lambda request: httpx.Response(200, stream=Breaking()))
    with GatewayClient("http://gateway.test", "k", transport=transport) as client:
        pieces = client.export_deliveries()
        assert next(pieces) == b"id\r\n"
        with pytest.raises(GatewayError, match="peer closed connection"):
            next(pieces)


@pytest.mark.parametrize(
    ("typed", "sent"),
    [
        ("2026-11-30", "2026-11-30T00:00:00Z"),
        ("2026-11-30T12:00:00+01:00", "2026-11-30T12:00:00+01:00"),
    ],
)
def test_a_day_is_its_beginning(run: Run, gateway: FakeGateway, typed: str, sent: str) -> None:
    gateway.on("GET /api/deliveries", httpx.Response(200, json={"data": [], "next_cursor": None}))
    assert run("deliveries", "list", "--since", typed).exit_code == 0
    assert gateway.requests[0].url.params["since"] == sent


@pytest.mark.parametrize("typed", ["2026-02-30", "2026-11-30T12:00:00", "30.11.2026", "yesterday"])
def test_what_is_no_day_is_refused(run: Run, typed: str) -> None:
    refused = run("deliveries", "list", "--since", typed)
    assert refused.exit_code == 2
    assert repr(typed) in refused.stderr


def test_lists_are_searched_with_their_filters(run: Run, gateway: FakeGateway) -> None:
    short = {"data": [], "next_cursor": "c1", "searched_until": "2026-11-20T21:05:09.123Z"}
    gateway.on(
        "GET /api/deliveries",
        httpx.Response(200, json=short),
        httpx.Response(200, json={"data": [samples.delivery], "next_cursor": None, "searched_until": None}),
    )
    result = run("deliveries", "list", "--search", "+1317", "--code", "500", "--error", "timeout")
    assert samples.delivery["id"] in result.stdout, "an empty page is not the last"
    asked = dict(gateway.requests[1].url.params)
    assert asked == {
        "q": "+1317", "last_status_code": "500", "last_error": "timeout", "limit": "50", "cursor": "c1",
    }  # fmt: skip
