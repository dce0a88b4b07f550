"""`AsyncClient`: every call is awaited. Step for step the same as `Client`."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from gateway.client.call import Awaiting
from gateway.client.calls import Calls
from gateway.client.errors import Answer, error_of
from gateway.client.exchange import Options, connection, downloading, judge, on_the_wire
from gateway.client.jobs import Job, Waiting
from gateway.client.request import Download, Listing, Request
from gateway.client.retry import Retry, Tries
from gateway.client.rows import AsyncRows, Pager

T = TypeVar("T")


async def _sleep(seconds: float) -> None:
    import anyio  # with httpx; asyncio and trio sleep in their own ways

    await anyio.sleep(seconds)


class AsyncClient(Calls, Awaiting):
    """As `Client`, for asyncio and trio; tasks may share it.

        async with AsyncClient("https://gateway.example", key) as client:
            await client.send_event("call.completed", b'{"call_id": "call_1", "score": 1.10}')
            async for webhook in client.list_webhooks():
                print(webhook["url"])

    A Unix socket: `transport=httpx.AsyncHTTPTransport(uds=path)`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        org: str | None = None,
        *,
        retry: Retry | None = None,
        timeout: float | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        sleep: Callable[[float], Awaitable[None]] = _sleep,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        settings = connection(url, key, org)
        self.url = url.rstrip("/")
        self._options = Options(self.url, timeout, retry, notice or (lambda text: None), monotonic, chance)
        self._sleep = sleep
        self._http = httpx.AsyncClient(**settings, transport=transport)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, request: Request[T]) -> T:
        """As `Client.send`.

        await client.send(Request("GET", "/api/webhooks", {"limit": 1}))
        """
        tries = self._options.tries(request)
        wire = on_the_wire(request)
        while True:
            try:
                answer = await self._once(wire, tries)
                error = judge(request, answer)
                if error is None:
                    found: T = request.read(answer.body)
                    return found
            except httpx.TransportError as cause:
                error = self._options.unreachable(cause)
            wait = tries.wait(error)
            self._options.tell(error, wait)
            await self._sleep(wait)

    def rows(self, listing: Listing[T]) -> AsyncRows[T]:
        """The rows of any list."""
        return AsyncRows(self.send, self._sleep, Pager(listing))

    async def pieces(self, download: Download) -> AsyncIterator[bytes]:
        """As `Client.pieces`."""
        request = self._http.build_request(**downloading(download), timeout=self._options.phase)
        try:
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                if not response.is_success:
                    raise error_of(Answer(response.status_code, response.headers, await response.aread()))
                async for piece in response.aiter_bytes():
                    yield piece
        except httpx.TransportError as cause:
            raise self._options.unreachable(cause) from None

    async def wait(
        self,
        job: Job | str,
        *,
        every: float = 1.0,
        timeout: float | None = None,  # noqa: ASYNC109
        progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """As `Client.wait`.

        done = await client.wait("job_01k9…", timeout=600)
        """
        waiting = Waiting(job, every, timeout, progress, self._options.monotonic)
        while (found := waiting.finished(await self.send(waiting.look()))) is None:
            await self._sleep(every)
        return found

    async def _once(self, wire: dict[str, Any], tries: Tries) -> Answer:
        tries.begin()
        request = self._http.build_request(**wire)
        request.extensions["timeout"] = self._options.limits(tries)
        response = await self._http.send(request, stream=True)
        body = bytearray()
        try:
            async for piece in response.aiter_bytes():
                body += piece
                tries.check()
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, bytes(body))
