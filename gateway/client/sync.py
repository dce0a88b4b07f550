"""`Client`: every call answers when it is done."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx

from gateway.client.call import Blocking
from gateway.client.calls import Calls
from gateway.client.errors import Answer, error_of
from gateway.client.exchange import Options, connection, downloading, judge, on_the_wire
from gateway.client.jobs import Job, Waiting
from gateway.client.request import Download, Listing, Request
from gateway.client.retry import Retry, Tries
from gateway.client.rows import Pager, Rows

T = TypeVar("T")


class Client(Calls, Blocking):
    """A connection to one gateway with one key; threads may share it. `org` is the organization a platform
    key acts for.

        with Client("https://gateway.example", key) as client:
            client.send_event("call.completed", b'{"call_id": "call_1", "score": 1.10}')

    `timeout` is in seconds (30), for connecting and between two pieces of an answer; `retry` says how often
    and how long a call is tried. Who is calling is asked once, within its deadline, unless one of the two is
    given. `notice` is told in one line what is waited for, when it takes longer than a
    second. A Unix socket: `transport=httpx.HTTPTransport(uds=path)`.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        org: str | None = None,
        *,
        retry: Retry | None = None,
        timeout: float | None = None,
        transport: httpx.BaseTransport | None = None,
        notice: Callable[[str], None] | None = None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        settings = connection(url, key, org)
        self.url = url.rstrip("/")
        self._options = Options(self.url, timeout, retry, notice or (lambda text: None), monotonic, chance)
        self._sleep = sleep
        self._http = httpx.Client(**settings, transport=transport)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, request: Request[T]) -> T:
        """The answer to any request, also one that no method of this client makes. Raises GatewayError.

        client.send(Request("GET", "/api/webhooks", {"limit": 1}))
        """
        tries = self._options.tries(request)
        wire = on_the_wire(request)
        while True:
            try:
                answer = self._once(wire, tries)
                error = judge(request, answer)
                if error is None:
                    found: T = request.read(answer.body)
                    return found
            except httpx.TransportError as cause:
                error = self._options.unreachable(cause)
            wait = tries.wait(error)
            self._options.tell(error, wait)
            self._sleep(wait)

    def rows(self, listing: Listing[T]) -> Rows[T]:
        """The rows of any list."""
        return Rows(self.send, self._sleep, Pager(listing))

    def pieces(self, download: Download) -> Iterator[bytes]:
        """The bytes of an answer that may be too long to hold. One that breaks off raises: what came is not
        all; it is not tried again."""
        request = self._http.build_request(**downloading(download), timeout=self._options.phase)
        try:
            response = self._http.send(request, stream=True)
            with closing(response):
                if not response.is_success:
                    raise error_of(Answer(response.status_code, response.headers, response.read()))
                yield from response.iter_bytes()
        except httpx.TransportError as cause:
            raise self._options.unreachable(cause) from None

    def wait(
        self,
        job: Job | str,
        *,
        every: float = 1.0,
        timeout: float | None = None,
        progress: Callable[[Job], None] | None = None,
    ) -> Job:
        """The job when it is no longer running, looked at every few seconds; whether it is done, cancelled or
        failed is its `status`. `progress` is told at each look how it stands. Raises TimeoutError after
        `timeout` seconds.

        done = client.wait("job_01k9…", timeout=600)
        """
        waiting = Waiting(job, every, timeout, progress, self._options.monotonic)
        while (found := waiting.finished(self.send(waiting.look()))) is None:
            self._sleep(every)
        return found

    def _once(self, wire: dict[str, Any], tries: Tries) -> Answer:
        """One exchange, cut off at the deadline even when the answer drips."""
        tries.begin()
        request = self._http.build_request(**wire)
        request.extensions["timeout"] = self._options.limits(tries)
        response = self._http.send(request, stream=True)
        body = bytearray()
        try:
            for piece in response.iter_bytes():
                body += piece
                tries.check()
        finally:
            response.close()
        return Answer(response.status_code, response.headers, bytes(body))
