"""`listen`: a real socket, real requests, one printed line each."""

from __future__ import annotations

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from click.testing import CliRunner

from gateway.cli import main
from gateway.cli.listen import Behaviour, Receiver, _behaviour
from gateway.signing import sign

OLD, NEW = "whsec_" + "A" * 32, "whsec_" + "B" * 32
BODY = json.dumps({"id": "evt_1", "type": "call.completed", "data": {}}).encode()


def signed(secret: str = NEW, body: bytes = BODY, attempt: int = 1) -> list[tuple[bytes, bytes]]:
    headers = sign(body, secret, id="evt_1", timestamp=int(time.time())) | {"X-HUM-Attempt": str(attempt)}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@pytest.fixture
def lines() -> list[str]:
    return []


def test_every_secret_counts_and_a_wrong_one_answers_401(lines: list[str]) -> None:
    receiver = Receiver([OLD, NEW], emit=lines.append)
    assert receiver.handle(signed(OLD), BODY)[0] == 200
    assert receiver.handle(signed(NEW, attempt=3), BODY)[0] == 200
    assert receiver.handle(signed("whsec_" + "C" * 32), BODY)[:2] == (401, "refused: signature_mismatch")
    assert receiver.handle([], BODY)[:2] == (401, "refused: missing_header")
    assert re.fullmatch(r"\S+Z  call\.completed  evt_1  attempt 3  verified  answered 200", lines[1])
    assert lines[2].endswith("refused: signature_mismatch  answered 401")


def test_every_nth_fails_on_order(lines: list[str]) -> None:
    receiver = Receiver([NEW], behaviour=Behaviour(500, every=3), emit=lines.append)
    assert [receiver.handle(signed(), BODY)[0] for _ in range(6)] == [200, 200, 500, 200, 200, 500]


def asked(receiver: Receiver, headers: list[tuple[bytes, bytes]]) -> httpx.Response:
    """The answer to one request, over ASGI."""

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver)) as client:
            return await client.post("http://receiver.test/", content=BODY, headers=headers)

    return asyncio.run(post())


def test_a_bad_receiver_answers_as_it_is_told(lines: list[str]) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    how = Behaviour(429, delay=2.5, retry_after="60", body="not now")
    receiver = Receiver([NEW], behaviour=how, emit=lines.append, sleep=sleep)
    answer = asked(receiver, signed())
    assert (answer.status_code, answer.headers["retry-after"], answer.text) == (429, "60", "not now")
    assert waits == [2.5]
    assert lines[0].endswith("verified  answered 429 after 2.5 s")
    refused = asked(receiver, [])
    assert (refused.status_code, waits) == (401, [2.5]), "a bad signature is refused as ever"
    assert "retry-after" not in refused.headers


def test_only_every_nth_is_answered_badly(lines: list[str]) -> None:
    how = Behaviour(503, every=2, retry_after="1")
    receiver = Receiver([NEW], behaviour=how, as_json=True, emit=lines.append)
    answers = [asked(receiver, signed()) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 503, 200, 503]
    assert ["retry-after" in answer.headers for answer in answers] == [False, True, False, True]
    assert [json.loads(line)["answered"] for line in lines] == [200, 503, 200, 503]


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        ({}, Behaviour(200)),
        ({"fail_every": 3}, Behaviour(500, every=3)),
        ({"retry_after": "60"}, Behaviour(503, retry_after="60")),
        ({"retry_after": "soon", "status": 429}, Behaviour(429, retry_after="soon")),
        ({"delay": 40.0}, Behaviour(200, delay=40.0)),
        ({"fail_every": 2, "delay": 40.0}, Behaviour(200, every=2, delay=40.0)),
        ({"status": 410, "fail_every": 2, "body": "gone"}, Behaviour(410, every=2, body="gone")),
    ],
)
def test_the_options_make_sense_together(given: dict[str, Any], meant: Behaviour) -> None:
    nothing = {"fail_every": None, "status": None, "retry_after": None, "delay": 0.0, "body": None}
    assert _behaviour(**nothing | given) == meant


@pytest.mark.parametrize(
    "words", [("--status", "99"), ("--fail-every", "0"), ("--delay", "-1"), ("--retry-after", "a\r\nX: 1")]
)
def test_what_no_receiver_can_do_is_refused(words: tuple[str, str]) -> None:
    assert CliRunner().invoke(main, ["listen", "--secret", OLD, *words]).exit_code == 2


@pytest.mark.parametrize(
    "body", [b'{"type": "\x1b[2J\\u001b[2J\\nforged"}', b"\xff", b"[" * 100_000, b"7", b""]
)
def test_a_strangers_body_is_one_harmless_line(lines: list[str], body: bytes) -> None:
    assert Receiver([NEW], show_body=False, emit=lines.append).handle([], body)[0] == 401
    assert len(lines) == 1
    assert lines[0].isprintable()


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    words = [sys.executable, "-m", "gateway", "listen", "--secret", OLD, "--secret", NEW, "--port", "0"]
    words += ["--fail-every", "3", "--status", "503", "--retry-after", "7", "--body", "later"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        yield process
        process.kill()


def test_the_command_receives_prints_and_stops(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert process.stdout is not None
    address = process.stderr.readline().removeprefix("listening on ").strip()
    with httpx.Client(trust_env=False) as client:
        assert client.post(address, content=BODY, headers=signed()).status_code == 200
        assert "call.completed  evt_1  attempt 1  verified" in process.stdout.readline()
        assert client.post(address, content=BODY + b" ", headers=signed()).status_code == 401
        assert "refused: signature_mismatch" in process.stdout.readline()
        third = client.post(address, content=BODY, headers=signed())
        assert (third.status_code, third.headers["retry-after"], third.text) == (503, "7", "later")
        assert client.get(address).status_code == 405
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 0


def test_a_port_in_use_is_said_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        result = CliRunner().invoke(main, ["listen", "--secret", OLD, "--port", port])
    assert result.exit_code == 1
    assert result.stderr == f"Error: cannot listen on 127.0.0.1:{port}: it is in use\n"


def test_an_empty_variable_is_called_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "")
    assert "EMPTY is empty" in CliRunner().invoke(main, ["listen", "--secret-env", "EMPTY"]).stderr


def test_an_unusable_secret_shows_at_once() -> None:
    words = [sys.executable, "-m", "gateway", "listen", "--secret", "whsec_%", "--port", "0"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "not base64" in done.stderr
