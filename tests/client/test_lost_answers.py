"""Networks that lose answers, drip them, or break off: no event twice, and no wait without an end."""

from __future__ import annotations

import asyncio
import http.client
import socket
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

import pytest

from gateway.client import AsyncClient, Client, PermissionDeniedError, Retry, UnreachableError
from gateway.client import exchange as exchange_module
from gateway.client.call import download
from gateway.client.request import Download
from tests.client.conftest import Connect, Driver
from tests.support.served import Served, serving

EVENTS = 25
QUICK = Retry(tries=6, connect_tries=2, first_wait=0.001)


class Lossy(ThreadingHTTPServer):
    """Stands between client and gateway. Where `lose` says so, the answer is lost: the request was done, and
    the connection breaks before a byte comes back."""

    daemon_threads = True

    def __init__(self, gateway: str, lose: Callable[[Counter[str], str], bool]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gateway = urlsplit(gateway)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.seen: Counter[str] = Counter()
        self.lose = lose
        self.lost = 0


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Lossy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        there = http.client.HTTPConnection(str(self.server.gateway.hostname), self.server.gateway.port)
        there.request("POST", self.path, body, dict(self.headers.items()))
        answer = there.getresponse()
        content = answer.read()
        there.close()
        key = self.headers["Idempotency-Key"]
        self.server.seen[key] += 1
        if self.server.lose(self.server.seen, key):
            self.server.lost += 1
            self.close_connection = True
            return
        self.send_response(answer.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


@contextmanager
def lossy(gateway: str, lose: Callable[[Counter[str], str], bool]) -> Iterator[Lossy]:
    with Lossy(gateway, lose) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(f"sqlite:///{tmp_path_factory.mktemp('db') / 'gateway.db'}") as found:
        yield found


def send_all(driver: Driver) -> list[str]:
    return [driver.do(lambda c, n=n: c.send_event("a.b", {"n": n}))["id"] for n in range(EVENTS)]


@pytest.mark.proof
def test_a_lost_answer_makes_no_second_event(connect: Connect, served: Served) -> None:
    with lossy(served.url, lose=lambda seen, key: seen[key] == 1) as between:
        driver = connect(between.url, served.node.key, "once", retry=QUICK)
        before = {event["id"] for event in direct(connect, served, "once")}
        sent = send_all(driver)
        kept = {event["id"] for event in direct(connect, served, "once")} - before
    assert between.lost == EVENTS
    assert kept == set(sent)
    print(f"{driver.kind}: {between.lost} answers lost of {EVENTS} POSTs, {len(kept)} events kept")


@pytest.mark.proof
def test_without_the_key_a_lost_answer_makes_a_second_event(
    connect: Connect, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a client that makes a new key for each try."""
    original = exchange_module.on_the_wire

    class Fresh(dict[str, str]):
        def items(self) -> Any:  # asked for every try
            return {**self, "Idempotency-Key": uuid.uuid4().hex}.items()

    def forgetful(request: Any) -> dict[str, Any]:
        wire = original(request)
        return wire | {"headers": Fresh(wire["headers"])}

    monkeypatch.setattr("gateway.client.sync.on_the_wire", forgetful)
    monkeypatch.setattr("gateway.client.asynchronous.on_the_wire", forgetful)
    # Every key is new: let each second answer through.
    with lossy(served.url, lose=lambda seen, key: seen.total() % 2 == 1) as between:
        driver = connect(between.url, served.node.key, "twice", retry=QUICK)
        before = {event["id"] for event in direct(connect, served, "twice")}
        sent = send_all(driver)
        kept = {event["id"] for event in direct(connect, served, "twice")} - before
    assert len(sent) == EVENTS
    assert len(kept) == 2 * EVENTS
    print(f"{driver.kind}: a new key for each try: {len(kept)} events of {EVENTS}")


def direct(connect: Connect, served: Served, org: str) -> list[Any]:
    driver = connect(served.url, served.node.key, org)
    if not driver.do(lambda c: c.status())["ready"]:
        raise AssertionError("the gateway is not ready")
    driver.do(lambda c: c.send_event("z.first", {}, external_id="first"))  # makes the organization
    return driver.rows(lambda c: c.list_events(type="a.b"))


@contextmanager
def talking(*pieces: bytes, pause: float = 0.0) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says `pieces` to every request, with a pause before each, and breaks off. Yields its URL
    and the requests."""
    seen: list[bytes] = []
    stop = threading.Event()

    def serve(listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                seen.append(connection.recv(65536))
                for piece in pieces:
                    if stop.wait(pause):
                        return
                    try:
                        connection.sendall(piece)
                    except OSError:
                        break

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", seen
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


def test_a_dripping_answer_ends_at_the_deadline(connect: Connect) -> None:
    """Each byte comes well within the timeout; only the deadline can end it."""
    with talking(HEAD, *([b" "] * 1000), pause=0.02) as (url, _):
        driver = connect(url, "k", retry=Retry(deadline=0.3), timeout=5)
        begun = time.monotonic()
        with pytest.raises(UnreachableError, match="no answer in time"):
            driver.do(lambda c: c.get_event("evt_1"))
        assert time.monotonic() - begun < 3


def test_a_silent_server_ends_at_the_timeout(connect: Connect) -> None:
    with talking(b"", pause=10) as (url, _):
        driver = connect(url, "k", retry=Retry(tries=1), timeout=0.1)
        begun = time.monotonic()
        with pytest.raises(UnreachableError) as caught:
            driver.do(lambda c: c.get_event("evt_1"))
        assert caught.value.slow
        assert time.monotonic() - begun < 5


def test_an_answer_that_breaks_off_is_asked_for_again(connect: Connect) -> None:
    with talking(HEAD, b'{"id": "evt_1"') as (url, seen):
        driver = connect(url, "k", retry=Retry(tries=3, first_wait=0.001))
        with pytest.raises(UnreachableError):
            driver.do(lambda c: c.get_event("evt_1"))
    assert len(seen) == 3


def test_nobody_listens_and_then_somebody_does(connect: Connect) -> None:
    """A gateway that restarts: the client's wait brings it over."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        driver = connect(
            f"http://127.0.0.1:{port}", "k", retry=Retry(connect_tries=50, first_wait=0.02, longest_wait=0.1)
        )
        back: list[ThreadingHTTPServer] = []

        def come_back() -> None:
            server = ThreadingHTTPServer(("127.0.0.1", port), _Ready)
            back.append(server)
            server.serve_forever(poll_interval=0.01)

    timer = threading.Timer(0.2, come_back)
    timer.daemon = True
    timer.start()
    assert driver.do(lambda c: c.get_event("evt_1")) == {"id": "evt_1"}
    back[0].shutdown()
    back[0].server_close()


class _Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "15")
        self.end_headers()
        self.wfile.write(b'{"id": "evt_1"}')

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


class Exports:
    """A call that gives pieces, as a noun of the API would declare it."""

    @download
    def export(self, *, since: str | None = None) -> Download:
        return Download("/api/export", {"since": since}, "text/csv")


class ExportingClient(Exports, Client):
    pass


class ExportingAsyncClient(Exports, AsyncClient):
    pass


def pieces_of(kind: type[ExportingClient | ExportingAsyncClient], url: str, **options: Any) -> bytes:
    found = bytearray()
    if kind is ExportingClient:
        with ExportingClient(url, "k", **options) as client:
            for piece in client.export(since="2h"):
                found += piece
        return bytes(found)

    async def run() -> None:
        async with ExportingAsyncClient(url, "k", **options) as client:
            async for piece in client.export(since="2h"):
                found.extend(piece)

    asyncio.run(run())
    return bytes(found)


KINDS = pytest.mark.parametrize("kind", [ExportingClient, ExportingAsyncClient])


@KINDS
def test_a_download_comes_in_pieces(kind: Any) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"
    with talking(head, b"a,", b"b\n") as (url, seen):
        assert pieces_of(kind, url) == b"a,b\n"
    assert seen[0].startswith(b"GET /api/export?since=2h HTTP/1.1")
    assert b"accept: text/csv" in seen[0].lower()


@KINDS
def test_a_download_that_breaks_off_raises(kind: Any) -> None:
    with talking(HEAD, b"a,b\n") as (url, seen):
        with pytest.raises(UnreachableError):
            pieces_of(kind, url)
    assert len(seen) == 1


@KINDS
def test_a_refused_download_says_why(kind: Any) -> None:
    body = b'{"error": "insufficient_scope", "message": "no"}'
    head = b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n" % len(body)
    with talking(head, body) as (url, _):
        with pytest.raises(PermissionDeniedError):
            pieces_of(kind, url)
