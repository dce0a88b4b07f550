"""The HTTP client of the check: every exchange is bounded in time and size, whatever the other side does.

It stands on httpx's transport and not on its client, so that nothing happens behind a check's back: no
redirects, no cookies, no proxies, no decoding, no headers but the request's own and those that frame it.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final, cast

import httpx

from connectors.kit.conformance.exchange import MOST_BYTES, Answer, Exchange
from connectors.kit.conformance.request import Request
from connectors.kit.conformance.verdict import Unreachable

DEAF_AFTER: Final = 6  # exchanges in a row without an answer; behind them nothing is sent any more
_CHUNK: Final = 8192


class Wire:
    """The way to one connector. `timeout` is seconds for one exchange, `clock` a monotonic clock."""

    def __init__(
        self,
        base: str,
        transport: httpx.AsyncBaseTransport,
        *,
        timeout: float,
        clock: Callable[[], float],
        strict: bool,
    ) -> None:
        self.base = base
        self.exchanges: list[Exchange] = []
        self.timeout = timeout
        self._transport = transport
        self._clock = clock
        self._strict = strict
        self._unanswered = 0

    async def send(self, request: Request, *, timeout: float | None = None) -> Exchange:  # noqa: ASYNC109
        """The exchange, with an answer or the reason for its silence. Never raises for what the connector
        does."""
        exchange = Exchange(request, request.url(self.base))
        self.exchanges.append(exchange)
        if self._unanswered >= DEAF_AFTER:
            exchange.silence = f"not sent: the {self._unanswered} requests before it had no usable answer"
            return exchange
        limit = self.timeout if timeout is None else timeout
        try:
            async with asyncio.timeout(limit):
                await self._exchange(exchange, limit)
        except TimeoutError:
            exchange.silence = f"no complete answer within {limit:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            exchange.silence = _said(error)
        self._unanswered = self._unanswered + 1 if exchange.answer is None else 0
        return exchange

    async def reach(self, request: Request) -> Exchange:
        """As `send`, but raises Unreachable when no connection can be made."""
        exchange = Exchange(request, request.url(self.base))
        try:
            async with asyncio.timeout(self.timeout * 1.1):  # connecting ends first, and says so
                await self._exchange(exchange, self.timeout)
        except TimeoutError:
            exchange.silence = f"no complete answer within {self.timeout:g} s"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL) as error:
            raise Unreachable(f"nobody answers at {exchange.url}: {_said(error)}") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            exchange.silence = _said(error)
        return exchange

    async def close(self) -> None:
        await self._transport.aclose()

    async def _exchange(self, exchange: Exchange, limit: float) -> None:
        begun = self._clock()
        try:
            response = await self._transport.handle_async_request(_raw(exchange, limit))
        except httpx.RemoteProtocolError as error:
            if "disconnected without" not in str(error):
                raise
            # A kept connection that the server closed while the request was under way says nothing about it.
            response = await self._transport.handle_async_request(_raw(exchange, limit))
        try:
            body = await _read(response)
        finally:
            await response.aclose()
        exchange.answer = Answer(
            exchange,
            response.status_code,
            tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw),
            body,
            self._clock() - begun,
            self._strict,
        )


def network(ca_file: Path | None) -> httpx.AsyncBaseTransport:
    """The transport over sockets; certificates are verified, with `ca_file` beside the usual roots."""
    context = ssl.create_default_context()
    if ca_file is not None:
        context.load_verify_locations(ca_file)
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=50)
    return httpx.AsyncHTTPTransport(verify=context, trust_env=False, limits=limits)


def in_process(app: Any) -> httpx.AsyncBaseTransport:
    """The transport to an ASGI application in this process; what it raises is answered 500."""
    return httpx.ASGITransport(app, raise_app_exceptions=False)


def _raw(exchange: Exchange, limit: float) -> httpx.Request:
    request = exchange.request
    return httpx.Request(
        request.method,
        exchange.url,
        headers=cast(list[tuple[str, str]], [("Accept-Encoding", "identity"), *request.headers]),
        content=_chunks(request.body) if request.chunked else request.body,
        extensions={"timeout": dict.fromkeys(("connect", "read", "write", "pool"), limit)},
    )


async def _read(response: httpx.Response) -> bytes:
    """The body as it came; more than 1 MiB is not read."""
    found = bytearray()
    async for chunk in response.aiter_raw():
        found += chunk
        if len(found) > MOST_BYTES:
            raise ValueError("the answer is over 1 MiB, and was not read further")
    return bytes(found)


async def _chunks(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), _CHUNK):
        yield body[start : start + _CHUNK]


def _said(error: Exception) -> str:
    return str(error).strip() or type(error).__name__
