"""One connection to a receiver: HTTP/1.1, one exchange at a time, every answer bounded.

llhttp (httptools) parses; this module counts. Whatever comes unasked, too much or wrong ends the connection
and is told as a value. Where connections come from is in `dial`, where they wait in `pool`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, cast

import httptools

from gateway.domain.exchange import READ_BODY_BYTES
from gateway.egress import failure
from gateway.egress.failure import Failure

MAX_HEAD_BYTES: Final = 64 * 1024  # interim answers included
MAX_HEADER_LINES: Final = 100
MAX_HEADER_BYTES: Final = 16 * 1024
MAX_INTERIM: Final = 10
READ_AT_ONCE: Final = 16 * 1024

_read_buffer = memoryview(bytearray(READ_AT_ONCE))
"""All connections share it: what is read into it is parsed before the loop reads again."""


class Room:
    """How many bytes of answers longer than READ_BODY_BYTES are held at once, over all connections."""

    def __init__(self, size: int) -> None:
        self.free = size

    def take(self, size: int) -> bool:
        """Whether there was room; what was taken is given back when the answer is told."""
        if size > self.free:
            return False
        self.free -= size
        return True

    def give_back(self, size: int) -> None:
        self.free += size


@dataclass(slots=True)
class Answer:
    """What came back. `status` is None until a whole header block is there; `began`: a byte came. `limit` is
    how much of the body is read, `most` how much of it would be, and `taken` what that has taken of the room
    for long answers."""

    status: int | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: list[bytes] = field(default_factory=list)
    size: int = 0
    truncated: bool = False
    problem: Failure | None = None
    began: bool = False
    framed: bool = False
    interim: int = 0
    head_bytes: int = 0
    body_bytes: int = 0
    limit: int = READ_BODY_BYTES
    most: int = READ_BODY_BYTES
    taken: int = 0


class Connection(asyncio.BufferedProtocol):
    """`remote_ip` is the checked address it was dialed to. `lost` is called once, when it is closed."""

    def __init__(self, remote_ip: str) -> None:
        self.remote_ip = remote_ip
        self.room: Room | None = None
        self.lost: Callable[[Connection], None] | None = None
        self.idle_since = 0.0
        self.closed = False
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        # What browsers let pass as well: line ends without CR, spaces behind a chunk's size.
        self._parser.set_dangerous_leniencies(
            lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._answer: Answer | None = None
        self._done: asyncio.Future[Answer] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._keep = False

    def exchange(
        self, head: bytes, body: bytes, seconds: float, most: int = READ_BODY_BYTES
    ) -> asyncio.Future[Answer]:
        """Sends a request; resolves to its answer, never to an exception, within `seconds`. `most` bytes of
        its body are read; beyond READ_BODY_BYTES only while there is room."""
        self._answer = Answer(most=most)
        self._done = done = self._loop.create_future()
        self._keep = False
        if self.closed or self._transport.is_closing():
            self._end(failure.CLOSED)
            return done
        self._timer = self._loop.call_later(seconds, self._end, failure.NO_ANSWER_IN_TIME)
        self._transport.write(head + body if len(body) < 65536 else head)
        if len(body) >= 65536:
            self._transport.write(body)
        return done

    def took(self) -> int:
        """What the latest answer has taken of the room for long ones; to be given back once."""
        taken, answer = 0, self._answer
        if answer is not None:
            taken, answer.taken = answer.taken, 0
        return taken

    @property
    def reusable(self) -> bool:
        """Whether the last exchange ended so that another may follow."""
        return self._keep and not self.closed and not self._transport.is_closing()

    def abort(self) -> None:
        """Closes at once, whatever is under way."""
        self._keep = False
        self._stop_timer()
        if not self.closed:
            self._transport.abort()

    def close(self) -> None:
        """Closes an idle connection as TLS wants it."""
        self._keep = False
        if not self.closed:
            self._transport.close()

    # asyncio's side.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        return _read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        answer = self._answer
        if answer is None or self._done is None or self._done.done():
            self.abort()  # nobody has asked for anything
            return
        answer.began = True
        if answer.status is None:
            answer.head_bytes += nbytes
        else:
            answer.body_bytes += nbytes
        try:
            self._parser.feed_data(_read_buffer[:nbytes])
        except httptools.HttpParserUpgrade:
            self._end(None)
        except httptools.HttpParserCallbackError as error:
            self._end(_problem_of_callback(error))
        except httptools.HttpParserError:
            self._keep = False
            if not self._done.done():
                self._end(failure.BAD_BODY if answer.status is not None else self._bad_head())
        else:
            self._judge_progress(answer)

    def eof_received(self) -> bool:
        self._ended(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._ended(exc)
        if self.lost is not None:
            self.lost(self)

    # httptools' side.

    def on_message_begin(self) -> None:
        if self._done is None or self._done.done():
            self._keep = False  # something behind the answer that nobody has asked for

    def on_header(self, name: bytes, value: bytes) -> None:
        answer = self._answer
        if answer is None:
            return
        answer.headers.append((name, value))
        if len(value) > MAX_HEADER_BYTES or len(answer.headers) > MAX_HEADER_LINES:
            raise _TooMuchError(failure.LONG_HEADER if len(value) > MAX_HEADER_BYTES else failure.LARGE_HEAD)
        lower = name.lower()
        if lower == b"content-length" or (lower == b"transfer-encoding" and b"chunked" in value.lower()):
            answer.framed = True

    def on_headers_complete(self) -> None:
        answer, status = self._answer, self._parser.get_status_code()
        if answer is None or answer.status is not None:
            return
        if 100 <= status < 200 and status != 101:
            answer.interim += 1
            answer.headers.clear()
            answer.framed = False
            if answer.interim > MAX_INTERIM:
                raise _TooMuchError(failure.INTERIM)
            return
        answer.status = status

    def on_body(self, body: bytes) -> None:
        if (answer := self._answer) is not None:
            answer.body.append(body)
            answer.size += len(body)
            if answer.size > answer.limit < answer.most:
                self._take_room(answer)

    def on_message_complete(self) -> None:
        answer = self._answer
        if answer is not None and answer.status is not None and self._done and not self._done.done():
            answer.truncated = answer.size > answer.limit
            self._keep = self._parser.should_keep_alive() and not answer.truncated
            self._end(None)

    def _take_room(self, answer: Answer) -> None:
        if self.room is None or not self.room.take(answer.most):
            raise _TooMuchError(failure.NO_ROOM)
        answer.limit = answer.taken = answer.most

    # Ends.

    def _judge_progress(self, answer: Answer) -> None:
        # Chunk sizes, extensions and trailers are read as well: with the body no more than half as much
        # again.
        if answer.size > answer.limit or answer.body_bytes > answer.limit * 3 // 2:
            answer.truncated = True
            self._keep = False
            self._end(None)
        elif answer.status is None and answer.head_bytes > MAX_HEAD_BYTES:
            self._end(failure.LARGE_HEAD)

    def _ended(self, error: Exception | None) -> None:
        """The other side is gone. That ends a body that says nothing of its length; else it is a failure."""
        self._keep = False
        answer = self._answer
        if answer is None or self._done is None or self._done.done():
            return
        if answer.status is None:
            self._end(failure.CLOSED if error is None else failure.RESET_BEFORE)
        elif error is None and not answer.framed:
            self._end(None)
        else:
            self._end(failure.CUT_SHORT if error is None else failure.RESET_INSIDE)

    def _end(self, problem: Failure | None) -> None:
        self._stop_timer()
        answer, done = self._answer, self._done
        assert answer is not None and done is not None
        if not done.done():
            answer.problem = problem
            done.set_result(answer)
        # What is still being sent would come before the next request.
        if problem is not None or not self._keep or self._transport.get_write_buffer_size():
            self.abort()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _bad_head(self) -> Failure:
        return failure.BAD_HEAD if self._parser.get_status_code() else failure.NOT_HTTP


class _TooMuchError(Exception):
    def __init__(self, problem: Failure) -> None:
        super().__init__(problem[1])
        self.problem = problem


def _problem_of_callback(error: BaseException) -> Failure:
    cause = error.__context__ or error.__cause__
    return cause.problem if isinstance(cause, _TooMuchError) else failure.BAD_HEAD
