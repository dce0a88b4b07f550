"""A CardDAV server that does what others do and Radicale and Xandikos do not: redirects, answers in pieces,
forgotten tokens, no synchronization at all, ETags weakened on the way, entities, trouble. On loopback, with
cards in memory; every request that came is kept.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from xml.sax.saxutils import escape

import uvicorn
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.carddav.connector import CardDavConnector
from tests.connectors.carddav.servers import defaults

BOOK = "/dav/books/people/"
_NS = 'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"'


@dataclass
class OddServer:
    """`answer` may take a request over by returning a response. `page`: cards per answer; `syncs`: whether it
    says that it knows RFC 6578, `refuses_sync`: and then does not; `passes_over`: a card that it leaves out
    when several are asked for."""

    syncs: bool = True
    page: int = 1_000
    weak: bool = False
    refuses_sync: bool = False
    passes_over: str = ""
    home: str = "/dav/books/"
    url: str = ""
    answer: Callable[[str, Request], Response | None] = lambda method, request: None
    cards: dict[str, tuple[int, str]] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    requests: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def put(self, name: str, *properties: str) -> None:
        lines = ["BEGIN:VCARD", "VERSION:3.0", f"UID:{name}", *properties, "END:VCARD", ""]
        self._store(f"{BOOK}{name}.vcf", "\r\n".join(lines))

    def delete(self, name: str) -> None:
        self.cards.pop(f"{BOOK}{name}.vcf")
        self.changes.append(f"{BOOK}{name}.vcf")

    def count(self, method: str) -> int:
        return sum(1 for request in self.requests if request[0] == method)

    @asynccontextmanager
    async def connector(self, **more: str) -> AsyncIterator[CardDavConnector]:
        built = CardDavConnector.from_settings(
            defaults()
            | {"CARDDAV_URL": self.url, "CARDDAV_USER": "hum", "CARDDAV_PASSWORD": "secret-of-hum"}
            | {"CARDDAV_FRESH_SECONDS": "0"}
            | {f"CARDDAV_{name.upper()}": value for name, value in more.items()}
        )
        try:
            yield built
        finally:
            await built.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = (await request.body()).decode()
        self.requests.append((request.method, request.url.path, dict(request.headers)))
        response = self.answer(request.method, request) or self._respond(request, body)
        await response(scope, receive, send)

    def _respond(self, request: Request, body: str) -> Response:
        path = request.url.path
        if request.method == "PROPFIND":
            return self._propfind(path, request.headers.get("depth", "0"))
        if request.method == "REPORT":
            return self._sync(body) if "sync-collection" in body else self._cards(body)
        if request.method == "GET" and path in self.cards:
            return Response(self.cards[path][1], headers={"etag": self._etag(path)})
        if request.method == "PUT":
            return self._put(path, request, body)
        return Response("no such thing", 404)

    def _propfind(self, path: str, depth: str) -> Response:
        if path in ("/", "/.well-known/carddav"):
            return multistatus(
                _entry(path, "<current-user-principal><href>/dav/me/</href></current-user-principal>")
            )
        if path == "/dav/me/":
            return multistatus(
                _entry(path, f"<C:addressbook-home-set><href>{self.home}</href></C:addressbook-home-set>")
            )
        book = _entry(BOOK, f"<resourcetype><collection/><C:addressbook/></resourcetype>{self._reports()}")
        if path in (self.home, BOOK) and depth == "0":
            return multistatus(book if path == BOOK else _entry(path, "<resourcetype/>"))
        if path == BOOK:
            return multistatus(book, *(_entry(name, self._tag(name)) for name in self.cards))
        return multistatus(_entry(path, "<resourcetype><collection/></resourcetype>"), book)

    def _reports(self) -> str:
        report = "<supported-report><report><sync-collection/></report></supported-report>"
        return f"<supported-report-set>{report if self.syncs else ''}</supported-report-set>"

    def _sync(self, body: str) -> Response:
        if self.refuses_sync:
            return Response("", 501)
        token = re.search(r"sync-token>(\d+)<", body)
        since = int(token[1]) if token else 0
        end = min(since + self.page, len(self.changes))
        entries = [
            _entry(name, self._tag(name)) if name in self.cards
            else f"<response><href>{name}</href><status>HTTP/1.1 404 Not Found</status></response>"
            for name in dict.fromkeys(self.changes[since:end])
        ]  # fmt: skip
        if end < len(self.changes):
            entries.append(f"<response><href>{BOOK}</href><status>HTTP/1.1 507 Full</status></response>")
        return multistatus(*entries, f"<sync-token>{end}</sync-token>")

    def _cards(self, body: str) -> Response:
        wanted = re.findall(r"href>([^<]+)<", body) or [
            name for name, (_, text) in self.cards.items()
            if any(piece in text for piece in re.findall(r'"contains">([^<]+)<', body))
        ]  # fmt: skip
        return multistatus(
            *(
                _entry(
                    name, f"{self._tag(name)}<C:address-data>{escape(self.cards[name][1])}</C:address-data>"
                )
                for name in wanted
                if name in self.cards and name != f"{BOOK}{self.passes_over}.vcf"
            )
        )

    def _put(self, path: str, request: Request, body: str) -> Response:
        there = path in self.cards
        matches = there and request.headers.get("if-match") == f'"{self.cards[path][0]}"'
        if ("if-none-match" in request.headers and there) or ("if-match" in request.headers and not matches):
            return Response("", 412)
        self._store(path, body)
        return Response("", 204 if there else 201)

    def _store(self, path: str, text: str) -> None:
        self.cards[path] = (len(self.changes) + 1, text)
        self.changes.append(path)

    def _etag(self, name: str) -> str:
        return f'{"W/" if self.weak else ""}"{self.cards[name][0]}"'

    def _tag(self, name: str) -> str:
        return f"<getetag>{escape(self._etag(name))}</getetag>"


def multistatus(*parts: str) -> Response:
    return xml(f'<?xml version="1.0"?><multistatus {_NS}>{"".join(parts)}</multistatus>')


def xml(text: str, status: int = 207) -> Response:
    return Response(text, status, media_type="application/xml")


def _entry(href: str, properties: str) -> str:
    return (
        f"<response><href>{href}</href><propstat><prop>{properties}</prop>"
        "<status>HTTP/1.1 200 OK</status></propstat></response>"
    )


@asynccontextmanager
async def odd_server(**behaviour: object) -> AsyncIterator[OddServer]:
    odd = OddServer(**behaviour)  # type: ignore[arg-type]
    config = uvicorn.Config(odd, "127.0.0.1", 0, lifespan="off", log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.005)
    odd.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield odd
    finally:
        server.should_exit = True
        await running
