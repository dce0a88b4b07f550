"""Client commands: what they send, print, and say when it goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from click.testing import Result

from gateway.cli import values
from tests.cli.conftest import FakeGateway, body_of

Run = Callable[..., Result]
ACCEPTED = httpx.Response(202, json={"id": "evt_1", "type": "call.completed", "deliveries": 2})
WEBHOOK = {"id": "whk_1", "url": "https://r.example/", "events": ["sms.*"], "status": "enabled"}


UNTIL = "2026-11-20T22:00:00.000Z"


def page(*rows: dict[str, object]) -> httpx.Response:
    return httpx.Response(200, json={"data": list(rows), "next_cursor": None})


def test_send_passes_data_as_typed(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/events", ACCEPTED)
    result = run("events", "send", "--type", "call.completed", "--data", '{"n": 1.10}', "--expires-in", "2h")
    assert result.exit_code == 0, result.output
    assert b'"data":{"n": 1.10}' in gateway.requests[0].content
    assert body_of(gateway.requests[0])["expires_in"] == 7200
    assert "evt_1" in result.stdout


def test_send_says_what_looks_like_a_mistake(run: Run, gateway: FakeGateway) -> None:
    warning = {"field": "type", "message": "call.complete is not in the catalogue"}
    accepted = {"id": "evt_1", "deliveries": 0, "warnings": [warning]}
    gateway.on("POST /api/events", httpx.Response(202, json=accepted))
    result = run("events", "send", "--type", "call.complete", "--data", "{}")
    assert result.stderr == "Warning: type: call.complete is not in the catalogue\n"
    assert "warnings" not in result.stdout


def test_send_reads_a_file_or_standard_input(run: Run, gateway: FakeGateway, tmp_path: Path) -> None:
    gateway.on("POST /api/events", ACCEPTED)
    (tmp_path / "data.json").write_bytes(b'{"n": 1.10}\n')
    run("events", "send", "--type", "a.b", "--data-file", str(tmp_path / "data.json"))
    run("events", "send", "--type", "a.b", "--data-file", "-", input=b'{"n": 1.10}')
    assert [b'"data":{"n": 1.10}}' in request.content for request in gateway.requests] == [True, True]


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("--data", "{"), 1, "not JSON"),
        ((), 2, "give one of --data and --data-file"),
        (("--data", "{}", "--data-file", "x"), 2, "give one of"),
        (("--data-file", "missing.json"), 1, "cannot read missing.json"),
        (("--data", "{}", "--expires-in", "soon"), 2, "not a duration"),
    ],
)
def test_send_explains_what_is_wrong(
    run: Run, gateway: FakeGateway, words: tuple[str, ...], status: int, says: str
) -> None:
    result = run("events", "send", "--type", "a.b", *words)
    assert result.exit_code == status
    assert says in result.stderr
    assert gateway.requests == []


def test_an_error_is_one_clear_message_with_details(run: Run, gateway: FakeGateway) -> None:
    details = [{"field": "data", "message": "is too large\x1b[2J"}]
    error = {"error": "invalid_request", "message": "1 mistake", "details": details, "request_id": "req_9"}
    gateway.on("POST /api/events", httpx.Response(422, json=error))
    result = run("events", "send", "--type", "a.b", "--data", "{}")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        "Error: 1 mistake (422 invalid_request)",
        "  data: is too large\\x1b[2J",
        "  request: req_9",
    ]


def test_an_unreachable_gateway_is_named(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", httpx.ConnectError("Connection refused"))
    result = run("events", "list", "--url", "http://gw.example:81")
    assert result.exit_code == 3, "the same may work later"
    said, hint = result.stderr.splitlines()
    assert said == "Error: cannot reach http://gw.example:81: Connection refused"
    assert "HUM_GATEWAY_URL" in hint


def test_key_and_organization_come_from_options_or_environment(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.on("GET /api/webhooks", page())
    monkeypatch.setenv("OTHER", "hum_live_other")
    monkeypatch.setenv("HUM_GATEWAY_URL", "http://env.example")
    monkeypatch.setenv("HUM_GATEWAY_ORG", "org_env")
    run("webhooks", "list")
    run("webhooks", "list", "--key-env", "OTHER", "--org", "org_x", "--gateway-url", "http://option.example")
    seen = [(r.url.host, r.headers["Authorization"], r.headers["X-HUM-Org"]) for r in gateway.requests]
    assert seen == [
        ("env.example", "Bearer hum_live_test", "org_env"),
        ("option.example", "Bearer hum_live_other", "org_x"),
    ]


def test_without_a_key_the_variable_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HUM_GATEWAY_KEY")
    result = run("events", "list")
    assert result.exit_code == 1
    assert "HUM_GATEWAY_KEY" in result.stderr


def test_a_list_is_a_row_per_line_that_grep_can_use(run: Run, gateway: FakeGateway) -> None:
    row: dict[str, object] = {
        "id": "evt_" + "1" * 26,
        "type": "call.completed",
        "timestamp": "2026-11-20T21:05:09.123Z",
    }
    gateway.on("GET /api/events", page(row, row | {"type": "[red]x", "external_id": "y" * 120}))
    lines = [line for line in run("events", "list").stdout.splitlines() if "evt_" in line]
    assert len(lines) == 2
    assert "[red]x" in lines[1]
    assert "y" * 120 in lines[1]


def test_an_empty_list_says_so_without_disturbing_a_pipe(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/deliveries", page())
    result = run("deliveries", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "nothing found\n")
    assert json.loads(run("deliveries", "list", "--json").stdout) == []


def test_since_may_be_how_long_ago(run: Run, gateway: FakeGateway) -> None:
    gateway.on("GET /api/events", page())
    run("events", "list", "--since", "2h", "--until", "2026-11-20T21:05:09.123Z")
    params = gateway.requests[0].url.params
    assert params["since"].endswith("Z")
    assert "T" in params["since"]
    assert params["until"] == "2026-11-20T21:05:09.123Z"


def test_get_shows_numbers_as_they_are_delivered(run: Run, gateway: FakeGateway) -> None:
    answer = b'{"id":"evt_1","type":"a.b","data":{"n":1.10,"big":123456789012345678901234567890}}'
    gateway.on("GET /api/events/evt_1", httpx.Response(200, content=answer))
    for result in (run("events", "get", "evt_1"), run("events", "get", "evt_1", "--json")):
        assert '"n": 1.10' in result.stdout
        assert "123456789012345678901234567890" in result.stdout
    assert json.loads(result.stdout) == json.loads(answer)


def test_a_webhook_is_created_and_its_secret_shown(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.on("POST /api/webhooks", httpx.Response(201, json=WEBHOOK | {"secret": "whsec_abc"}))
    monkeypatch.setenv("OWN", "whsec_own")
    result = run(
        *("webhooks", "create", "--url", "https://r.example/", "--events", "call.completed, sms.*"),
        *("--header", "X-Env=prod=1", "--header", "X-B=2", "--secret-env", "OWN", "--retry-schedule", "1,60"),
        *("--description", "CRM", "--rate-limit", "5", "--ordered", "--disabled"),
    )
    assert result.exit_code == 0, result.output
    assert body_of(gateway.requests[0]) == {
        "url": "https://r.example/",
        "events": ["call.completed", "sms.*"],
        "headers": {"X-Env": "prod=1", "X-B": "2"},
        "secret": "whsec_own",
        "retry_schedule": [1, 60],
        "description": "CRM",
        "rate_limit_per_second": 5,
        "ordered": True,
        "enabled": False,
    }
    assert result.stdout.splitlines()[-1] == "whsec_abc"


def test_a_misspelt_event_type_is_warned_of(run: Run, gateway: FakeGateway) -> None:
    warning = {"field": "events[0]", "message": "sms.recieved is …; did you mean sms.received?"}
    made = WEBHOOK | {"secret": "whsec_abc", "warnings": [warning]}
    gateway.on("POST /api/webhooks", httpx.Response(201, json=made))
    result = run("webhooks", "create", "--url", "https://r.example/", "--events", "sms.recieved")
    assert result.exit_code == 0
    assert result.stderr == "Warning: sms.recieved is …; did you mean sms.received?\n"
    assert "Warning" not in result.stdout
    assert result.stdout.splitlines()[-1] == "whsec_abc"


def test_an_update_sends_only_what_was_given(run: Run, gateway: FakeGateway) -> None:
    gateway.on("PATCH /api/webhooks/whk_1", httpx.Response(200, json=WEBHOOK))
    run("webhooks", "update", "whk_1", "--filter", "", "--unordered")
    assert body_of(gateway.requests[0]) == {"filter": None, "ordered": False}
    assert run("webhooks", "update", "whk_1").exit_code == 2


def test_a_rate_limit_of_zero_takes_it_away(run: Run, gateway: FakeGateway) -> None:
    gateway.on("PATCH /api/webhooks/whk_1", httpx.Response(200, json=WEBHOOK))
    run("webhooks", "update", "whk_1", "--rate-limit", "0")
    assert body_of(gateway.requests[0]) == {"rate_limit_per_second": None}


@pytest.mark.parametrize(
    ("until", "says"),
    [
        (UNTIL, f"ended the hold that would have lasted until {UNTIL}\n"),
        (None, "it was not held\n"),
    ],
)
@pytest.mark.parametrize("group", ["webhooks", "platform-webhooks"])
def test_release_says_what_it_ended(
    run: Run, gateway: FakeGateway, group: str, until: str | None, says: str
) -> None:
    path = "/api/webhooks" if group == "webhooks" else "/api/platform/webhooks"
    gateway.on(f"POST {path}/whk_1/release", httpx.Response(200, json=WEBHOOK | {"was_held_until": until}))
    result = run(group, "release", "whk_1")
    assert (result.exit_code, result.stderr) == (0, says)
    assert [request.content for request in gateway.requests] == [b""]
    assert f'"was_held_until": {json.dumps(until)}' in run(group, "release", "whk_1", "--json").stdout


@pytest.mark.parametrize("group", ["webhooks", "platform-webhooks"])
def test_a_held_webhook_is_shown_as_held(run: Run, gateway: FakeGateway, group: str) -> None:
    path = "/api/webhooks" if group == "webhooks" else "/api/platform/webhooks"
    held = WEBHOOK | {"held_until": UNTIL}
    disabled = held | {"id": "whk_2", "status": "disabled"}
    listed = {"data": [held, disabled, WEBHOOK | {"held_until": None}], "next_cursor": None}
    gateway.on(f"GET {path}", httpx.Response(200, json=listed))
    gateway.on(f"GET {path}/whk_1", httpx.Response(200, json=held))
    title, _, *lines = run(group, "list").stdout.splitlines()
    column = title.split().index("status")
    assert [line.split()[column] for line in lines] == ["held", "disabled", "enabled"]
    shown = run(group, "get", "whk_1").stdout
    assert dict(line.split(maxsplit=1) for line in shown.splitlines())["status"].strip() == "held"
    assert UNTIL in shown


def test_a_delivery_says_what_it_waits_for(run: Run, gateway: FakeGateway) -> None:
    waits = {"reason": "hold", "until": UNTIL, "message": "the webhook is held"}
    gateway.on("GET /api/deliveries/dlv_1", httpx.Response(200, json={"id": "dlv_1", "waiting_for": waits}))
    assert re.search(r"^waiting_for +the webhook is held$", run("deliveries", "get", "dlv_1").stdout, re.M)
    gateway.on("GET /api/deliveries/dlv_1", httpx.Response(200, json={"id": "dlv_1", "waiting_for": None}))
    assert re.search(r"^waiting_for +-$", run("deliveries", "get", "dlv_1").stdout, re.M)


def test_enable_disable_and_delete(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/webhooks/whk_1/enable", httpx.Response(200, json=WEBHOOK))
    gateway.on("POST /api/webhooks/whk_1/disable", httpx.Response(200, json=WEBHOOK))
    gateway.on("DELETE /api/webhooks/whk_1", httpx.Response(204))
    results = [
        run("webhooks", "enable", "whk_1", "--pending", "discard", "--yes"),
        run("webhooks", "disable", "whk_1"),
        run("webhooks", "delete", "whk_1", "--yes"),
    ]
    assert [result.exit_code for result in results] == [0, 0, 0]
    assert [request.content for request in gateway.requests] == [b'{"pending":"discard"}', b"", b""]


def test_a_secret_is_rotated_and_the_new_one_shown(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = httpx.Response(200, json=WEBHOOK | {"secret": "whsec_new"})
    gateway.on("POST /api/webhooks/whk_1/rotate-secret", answer)
    gateway.on("POST /api/webhooks/whk_1/rotate-secret/finish", httpx.Response(200, json=WEBHOOK))
    monkeypatch.setenv("OWN", "whsec_own")
    result = run("webhooks", "rotate-secret", "whk_1")
    assert result.stdout.splitlines()[-1] == "whsec_new"
    run("webhooks", "rotate-secret", "whk_1", "--grace-period", "0", "--force", "--secret-env", "OWN")
    assert run("webhooks", "finish-rotation", "whk_1").exit_code == 0
    assert [body_of(request) for request in gateway.requests[:2]] == [
        {},
        {"grace_period_seconds": 0, "force": True, "secret": "whsec_own"},
    ]
    assert "Idempotency-Key" in gateway.requests[0].headers, "a lost answer would rotate twice"


def test_deliveries_of_a_webhook_with_filters(run: Run, gateway: FakeGateway) -> None:
    row = {
        "id": "dlv_1",
        "event_type": "a.b",
        "target": {"type": "webhook", "id": "whk_1"},
        "status": "failed",
    }
    gateway.on(
        "GET /api/webhooks/whk_1/deliveries", page(row | {"reason": "exhausted", "last_status_code": 500})
    )
    result = run("deliveries", "list", "--webhook", "whk_1", "--event", "evt_1", "--status", "failed")
    assert dict(gateway.requests[0].url.params) == {"event_id": "evt_1", "status": "failed", "limit": "50"}
    assert "failed (exhausted)" in result.stdout
    assert "500" in result.stdout


def test_a_delivery_shows_each_attempt(run: Run, gateway: FakeGateway) -> None:
    attempts = [
        {
            "number": 1,
            "started_at": "2026-11-20T21:05:09.123Z",
            "duration_ms": 5000,
            "error": "connect_timeout",
            "url": "https://r.example/hook",
            "error_detail": "no connection within the time limit",
        },
        {
            "number": 2,
            "started_at": "2026-11-20T21:05:19.456Z",
            "duration_ms": 12,
            "remote_ip": "203.0.113.7",
            "status_code": 500,
            "error": "http_status",
            "response_body": "no\n\x1b[31m database [bold]" + "x" * 2000,
        },
    ]
    delivery = {
        "id": "dlv_1",
        "event_id": "evt_1",
        "target": {"type": "webhook", "id": "whk_1"},
        "status": "failed",
        "reason": "exhausted",
        "payload": {"secret_word": 1},
        "attempts": attempts,
    }
    gateway.on("GET /api/deliveries/dlv_1", httpx.Response(200, json=delivery))
    result = run("deliveries", "get", "dlv_1")
    text = result.stdout
    assert "#1  2026-11-20T21:05:09.123Z  connect_timeout  5000 ms" in text
    assert "#2  2026-11-20T21:05:19.456Z  HTTP 500  12 ms  from 203.0.113.7" in text
    assert "    https://r.example/hook\n    no connection within the time limit\n" in text
    assert "    answered: no \\x1b[31m database [bold]xxx" in text
    assert "\x1b" not in text
    assert "x" * 1000 not in text
    assert "secret_word" not in text
    assert "secret_word" in run("deliveries", "get", "dlv_1", "--payload").stdout


@pytest.mark.parametrize("words", [("delete", "whk_1"), ("enable", "whk_1", "--pending", "discard")])
def test_what_cannot_be_undone_is_asked_for(
    run: Run, gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    gateway.on("DELETE /api/webhooks/whk_1", httpx.Response(204))
    gateway.on("POST /api/webhooks/whk_1/enable", httpx.Response(200, json=WEBHOOK))
    refused = run("webhooks", *words)
    assert refused.exit_code == 1
    assert "--yes" in refused.stderr
    monkeypatch.setattr(values, "interactive", lambda: True)
    assert run("webhooks", *words, input="n\n").exit_code == 1
    assert gateway.requests == []
    assert run("webhooks", *words, input="y\n").exit_code == 0
    assert len(gateway.requests) == 1


def test_an_update_removes_headers_and_restores_the_default_schedule(run: Run, gateway: FakeGateway) -> None:
    gateway.on("PATCH /api/webhooks/whk_1", httpx.Response(200, json=WEBHOOK))
    run("webhooks", "update", "whk_1", "--header", "X-A=", "--header", "X-B=2")
    run("webhooks", "update", "whk_1", "--retry-schedule", "default")
    assert [body_of(request) for request in gateway.requests] == [
        {"headers": {"X-A": None, "X-B": "2"}},
        {"retry_schedule": None},
    ]


def test_the_default_schedule_of_a_new_webhook(run: Run, gateway: FakeGateway) -> None:
    gateway.on("POST /api/webhooks", httpx.Response(201, json=WEBHOOK))
    run(
        *("webhooks", "create", "--url", "https://r.example/", "--events", "*"),
        *("--retry-schedule", "default"),
    )
    assert body_of(gateway.requests[0]) == {"url": "https://r.example/", "events": ["*"]}


def test_the_body_of_a_delivery_comes_byte_for_byte(run: Run, gateway: FakeGateway) -> None:
    body = b'{"id":"evt_1","data":{ "n":1.10 }}'
    kept = httpx.Response(200, content=b'{"id":"dlv_1","payload":%b,"attempts":[]}' % body)
    gateway.on("GET /api/deliveries/dlv_1", kept, httpx.Response(200, json={"payload": None}))
    assert run("deliveries", "get", "dlv_1", "--body").stdout_bytes == body
    hidden = run("deliveries", "get", "dlv_1", "--body")
    assert (hidden.exit_code, hidden.stdout) == (1, "")
    assert "not kept" in hidden.stderr


def test_a_time_that_cannot_be_read_names_the_forms(run: Run, gateway: FakeGateway) -> None:
    result = run("events", "list", "--since", "yesterday")
    assert result.exit_code == 2
    assert all(form in result.stderr for form in ("45s", "15m", "12h", "90d"))
    assert gateway.requests == []


def test_an_empty_key_is_called_empty(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUM_GATEWAY_KEY", "")
    assert "HUM_GATEWAY_KEY is empty" in run("events", "list").stderr


def test_event_types(run: Run, gateway: FakeGateway) -> None:
    types = {"data": [{"name": "call.completed", "description": "A call has ended."}]}
    gateway.on("GET /api/event-types", httpx.Response(200, json=types))
    assert "A call has ended." in run("events", "types").stdout
