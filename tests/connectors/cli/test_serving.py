"""A connector as a process: real HTTP, a rotation, a stop, a restart, and what strangers send."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from connectors.kit.signing import signed
from tests.connectors.process import ConnectorProcess
from tests.connectors.signing import OTHER_SECRET, SECRET

SEED = [{"id": "1", "name": "Ann Example", "phone": "(317) 555-0142"}]
LOOKUP = b'{"phone":"+13175550142"}'


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ConnectorProcess]:
    directory = tmp_path_factory.mktemp("connector")
    (directory / "seed.json").write_text(json.dumps(SEED))
    with ConnectorProcess(
        "memory", directory, "--seed", "seed.json", "--secret-env", "SECOND", SECOND=f" {OTHER_SECRET} ,"
    ) as made:
        yield made


def exchange(process: ConnectorProcess, request: bytes) -> bytes:
    """The raw answer to raw bytes."""
    url = httpx.URL(process.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        connection.sendall(request)
        received = b""
        while part := connection.recv(65_536):
            received += part
    return received


def raw(headers: list[tuple[bytes, bytes]], body: bytes = LOOKUP) -> bytes:
    lines = [b"POST /contacts/lookup HTTP/1.1", b"Host: connector", b"Connection: close"]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", body])


def good() -> list[tuple[bytes, bytes]]:
    headers = signed(LOOKUP, "contact.lookup", SECRET)
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@pytest.mark.parametrize("secret", [SECRET, OTHER_SECRET])
def test_either_secret_is_taken_while_hum_swaps(process: ConnectorProcess, secret: str) -> None:
    headers = signed(LOOKUP, "contact.lookup", secret)
    answer = httpx.post(f"{process.url}/contacts/lookup", content=LOOKUP, headers=headers)
    assert (answer.status_code, answer.json()["contact"]["name"]) == (200, "Ann Example")
    place = [SECRET, OTHER_SECRET].index(secret) + 1
    assert f"event=contact.lookup secret={place} status=200" in process.log.read_text()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"Authorization", b"Bearer \xff\xfe"),
        (b"Authorization", "Bearer ключ".encode()),
        (b"Authorization", b""),
        (b"X-HUM-Signature", b"sha256=\xe9"),
        (b"X-HUM-Signature", b""),
        (b"webhook-timestamp", "٣".encode()),
        (b"webhook-id", b"\xff"),
        (b"webhook-signature", b"v1,\xff"),
    ],
)
def test_no_header_breaks_it(process: ConnectorProcess, name: bytes, value: bytes) -> None:
    headers = [(known, value if known == name else own) for known, own in good()]
    assert exchange(process, raw(headers)).startswith(b"HTTP/1.1 401 ")


@pytest.mark.parametrize("name", [b"X-HUM-Event", b"X-HUM-Delivery", b"X-HUM-Deadline-Ms", b"Content-Type"])
def test_other_headers_break_nothing_either(process: ConnectorProcess, name: bytes) -> None:
    others = [pair for pair in good() if pair[0] != name]
    for value in (b"\xff", b"", b"\xd9\xa3"):
        first = exchange(process, raw([*others, (name, value)])).split(b"\r\n")[0]
        assert first.split(b" ")[1] in (b"200", b"400", b"415"), (name, value, first)


def test_a_repeated_header_is_refused(process: ConnectorProcess) -> None:
    answer = exchange(process, raw([*good(), (b"authorization", good()[0][1])]))
    assert answer.startswith(b"HTTP/1.1 401 ")
    assert b'"header_repeated"' in answer


def test_a_head_has_no_body(process: ConnectorProcess) -> None:
    answer = exchange(process, b"HEAD /calls HTTP/1.1\r\nHost: connector\r\nConnection: close\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 405 ")
    assert body == b""


def test_the_log_says_what_happened_and_not_to_whom(process: ConnectorProcess) -> None:
    headers = signed(LOOKUP, "contact.lookup", SECRET, delivery="dlv_in_the_log")
    httpx.post(f"{process.url}/contacts/lookup", content=LOOKUP, headers=headers)
    text = process.log.read_text()
    assert "delivery=dlv_in_the_log event=contact.lookup secret=1 status=200 ms=" in text
    for personal in ("3175550142", "555-0142", "Ann", SECRET, OTHER_SECRET):
        assert personal not in text


TALKATIVE = """
import httpx
from connectors.kit.connector import Connector

class Talkative(Connector):
    async def lookup(self, phone):
        answered = httpx.MockTransport(lambda request: httpx.Response(200, json=[]))
        async with httpx.AsyncClient(transport=answered) as client:
            return (await client.get("http://crm/contacts", params={"phone": phone.digits})).json()
"""


def test_the_addresses_that_a_crm_is_asked_at_are_not_logged(tmp_path: Path) -> None:
    (tmp_path / "talkative.py").write_text(TALKATIVE)
    with ConnectorProcess("talkative:Talkative", tmp_path) as process:
        headers = signed(LOOKUP, "contact.lookup", SECRET)
        answer = httpx.post(f"{process.url}/contacts/lookup", content=LOOKUP, headers=headers)
    assert answer.json() == {"found": False}
    assert "status=200" in process.log.read_text()
    assert "3175550142" not in process.log.read_text()


def test_a_call_survives_stop_and_start(tmp_path: Path) -> None:
    body = b'{"call":{"id":"call_1","revision":1}}'
    answers = []
    for stop in (signal.SIGTERM, signal.SIGKILL):
        with ConnectorProcess("memory", tmp_path) as process:
            headers = signed(body, "call.sync", SECRET)
            answers.append(httpx.post(f"{process.url}/calls", content=body, headers=headers).json())
            process.process.send_signal(stop)
            process.process.wait(timeout=30)
    assert answers[0] == answers[1]
    assert (tmp_path / "var" / "connector-memory.db").exists()
