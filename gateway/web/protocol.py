"""uvicorn's HTTP protocol with limits it does not have: how large a request's head may be, and how long it
may take to arrive. Nobody needs a key to send one."""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES: Final = 64 * 1024
HEAD_LINES: Final = 200
HEAD_SECONDS: Final = 15.0
# What may come with the end of a head in one piece: a body's beginning is not the head's fault.
_PIECE_BYTES: Final = 256 * 1024


class LimitedProtocol(HttpToolsProtocol):
    """Closes a connection whose head is too large, or whose next head takes too long once it has begun."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._begin_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_head()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES + _PIECE_BYTES:
                self._refuse()
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._begin_head()
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        if len(self.headers) > HEAD_LINES:
            self._refuse()

    def on_headers_complete(self) -> None:
        self._end_head()
        super().on_headers_complete()

    def _begin_head(self) -> None:
        if not self._in_head or self._deadline is None:
            self._in_head, self._head_bytes = True, 0
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
