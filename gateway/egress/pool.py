"""aiohttp as the gateway uses it: a pool of connections with every convenience that leaks switched off.

The traps: the default cookie jar carries one customer's cookie to another; proxies and credentials come from
the environment; bodies are inflated; names are cached; headers are added; a global limit lets one host's
connections starve another's.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import aiohttp
from aiohappyeyeballs import SocketFactoryType
from aiohttp.abc import AbstractResolver
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import Connection
from aiohttp.hdrs import ACCEPT_ENCODING
from aiohttp.http import RawResponseMessage
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.streams import StreamReader
from aiohttp.tracing import Trace
from yarl import URL

from gateway.egress.dial import contact

# Below the 5 s after which Node and uvicorn close an idle connection: a POST that meets a closing one fails.
IDLE_SECONDS: Final = 4.0
_READ_AHEAD: Final = 16 * 1024
_MAX_HEADER_LINES: Final = 100
_MAX_INTERIM: Final = 10


class _Request(ClientRequest):
    """aiohttp's request without the headers it would add of its own accord."""

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        self.headers[ACCEPT_ENCODING] = "identity"


class _Handler(ResponseHandler):
    """aiohttp's protocol, which by itself takes interim answers (1xx) for ever, at the cost of a core."""

    _interim = 0

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        if data[0].code < 200:
            self._interim += 1
            if self._interim > _MAX_INTERIM:
                self.set_exception(HttpProcessingError(message="too many interim answers"))
                self.force_close()
                if self.transport is not None:
                    self.transport.abort()
                return
        super().feed_data(data, size)


class NotingConnector(aiohttp.TCPConnector):
    """aiohttp's connector, which also notes whom an exchange is talking to, over new and kept connections."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        factory: Callable[..., ResponseHandler] = _Handler
        self._factory = partial(factory, loop=self._loop)

    async def connect(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        connection = await super().connect(req, traces, timeout)
        current = contact.get(None)
        if current is not None:
            current.connected = True
            transport = connection.transport
            peer = transport.get_extra_info("peername") if transport is not None else None
            if peer and req.proxy is None:
                current.remote_ip = str(peer[0])
        return connection


def open_pool(
    tls: ssl.SSLContext, resolver: AbstractResolver, factory: SocketFactoryType, per_host: int
) -> aiohttp.ClientSession:
    """A pool whose every dial goes through `resolver` and `factory`. Needs a running event loop."""
    connector = NotingConnector(
        ssl=tls,
        resolver=resolver,
        socket_factory=factory,
        use_dns_cache=False,
        limit=0,
        limit_per_host=per_host,
        keepalive_timeout=IDLE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        request_class=_Request,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        read_bufsize=_READ_AHEAD,
        max_headers=_MAX_HEADER_LINES,
    )


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The system's roots and those of `ca_file` (PEM); TLS 1.2 or newer; host names are checked.

    Raises OSError (also ssl.SSLError) when the file cannot be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def proxy_url(text: str | None) -> URL | None:
    """EGRESS_PROXY as a URL; None when it is not set. Raises ValueError for anything but `http://host:port`."""
    if not text:
        return None
    url = URL(text)
    if url.scheme != "http" or not url.raw_host or url.port is None or url.path not in ("", "/"):
        raise ValueError("EGRESS_PROXY must look like http://host:port")
    return url
