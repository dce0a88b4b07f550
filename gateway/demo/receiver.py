"""The demonstration's receiver: an HTTP server in a thread that verifies each request twice and keeps it.

Once with `gateway.signing`, once with `standardwebhooks`, a library by other people: a mistake that this
project made on both sides would show there. Now and then it fails an event's first try on purpose.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import msgspec
import uvicorn
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from gateway.signing import SignatureError, verify

FAILS_EVERY: Final = 50
FAILS_FIRST: Final = 3  # the third event, the 53rd, …
FAILURES: Final = (500, 503)

Message = MutableMapping[str, Any]
Pairs = Iterable[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request: what its body said, what it was answered. `at` in milliseconds since 1970. `refused_by`
    names the verifiers that found a fault."""

    at: float
    event_id: str
    type: str
    data: bytes
    attempt: int
    status: int
    refused_by: tuple[str, ...]


class _Envelope(msgspec.Struct):
    id: str
    type: str
    data: msgspec.Raw


class Receiver:
    """`arrivals` grows while it runs. A context manager; `expect` tells it the secret."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.arrivals: list[Arrival] = []
        self.on_arrival: Callable[[Arrival], None] = lambda arrival: None
        self._seen: set[str] = set()
        self._secret = ""
        self._socket = socket.create_server((host, 0))
        config = uvicorn.Config(self, lifespan="off", log_config=None, access_log=False, server_header=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="receiver", daemon=True
        )
        self.url = f"http://{host}:{self._socket.getsockname()[1]}/hooks/hum"

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()

    def expect(self, secret: str) -> None:
        """From now on, requests must be signed with this secret."""
        self._secret = secret

    def verified(self) -> set[str]:
        """The ids of the events that arrived, were verified and answered 200."""
        return {arrival.event_id for arrival in self.arrivals if arrival.status == 200}

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        chunks = []
        while True:
            message = await receive()
            chunks.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        status = self._handle(scope["headers"], b"".join(chunks))
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"0")]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    def _handle(self, headers: Pairs, body: bytes) -> int:
        at = time.time() * 1000
        try:
            envelope = msgspec.json.decode(body, type=_Envelope)
        except msgspec.DecodeError:
            envelope = _Envelope("", "", msgspec.Raw())
        pairs = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        refused_by = tuple(
            name for name, accepts in VERIFIERS.items() if not accepts(body, pairs, self._secret)
        )
        status = 401 if refused_by else self._answer(envelope.id)
        number = pairs.get("x-hum-attempt", "")
        arrival = Arrival(
            at, envelope.id, envelope.type, bytes(envelope.data), int(number) if number.isdigit() else 0,
            status, refused_by,
        )  # fmt: skip
        self.arrivals.append(arrival)
        self.on_arrival(arrival)
        return status

    def _answer(self, event_id: str) -> int:
        """200, or now and then a failure for an event that was not here before."""
        if event_id in self._seen:
            return 200
        self._seen.add(event_id)
        times, place = divmod(len(self._seen), FAILS_EVERY)
        return FAILURES[times % len(FAILURES)] if place == FAILS_FIRST else 200


def _ours(body: bytes, headers: dict[str, str], secret: str) -> bool:
    try:
        return verify(body, headers, [secret]).replay_protected
    except SignatureError:
        return False


def _theirs(body: bytes, headers: dict[str, str], secret: str) -> bool:
    try:
        Webhook(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


VERIFIERS: Final[dict[str, Callable[[bytes, dict[str, str], str], bool]]] = {
    "gateway.signing": _ours,
    "standardwebhooks": _theirs,
}
