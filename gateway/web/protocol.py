"""uvicorn's HTTP protocol with limits it does not have: how much of a request may wait in the parser without
coming to anything (its head, what follows a chunked body), and how long a head may take to arrive. Nobody
needs a key to send one."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 64 * 1024
HEAD_LINES: Final = 200
HEAD_SECONDS: Final = 15.0


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too large, or whose next head takes too long once it has begun."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _unfinished = 0  # bytes that have come since the parser last had something to say

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # Counted before and judged after: what comes in one piece with the end of a head may be a body.
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > HEAD_BYTES:
            self._refuse()

    def on_message_begin(self) -> None:
        self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEAD_LINES:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._end_head()
        self._unfinished = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unfinished = 0
        super().on_message_complete()

    def _begin_head(self) -> None:
        if not self._in_head or self._deadline is None:
            self._in_head = True
            self._deadline = self.loop.call_later(HEAD_SECONDS, self._refuse)

    def _end_head(self) -> None:
        self._in_head = False
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        """Closes without an answer: whoever does this does not read one."""
        self._end_head()
        if not self.transport.is_closing():
            self.transport.abort()
