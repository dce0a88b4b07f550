"""HUM, as a connector meets it: makes the requests that HUM makes, signs them, sends them.

A check gets a `Hum` of its own; the exchanges it had are what its failure shows.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from connectors.kit.conformance import signing
from connectors.kit.conformance.exchange import Answer, Exchange
from connectors.kit.conformance.request import CALLS, CREATE, LOOKUP, PING, Endpoint, Request
from connectors.kit.conformance.verdict import Failed
from connectors.kit.conformance.wire import Wire

ORG: Final = "org_conformance"
CONNECTOR: Final = "cnr_conformance"
PATIENCE: Final = 4  # times that a crowded connector is asked again
LONGEST_PAUSE: Final = 10  # seconds before that

Body = Mapping[str, Any] | list[Any] | bytes


@dataclass(frozen=True, slots=True)
class Identity:
    """What goes into requests beside the question: the secret, the time (seconds), and new ids."""

    secret: str
    now: Callable[[], float]
    new_id: Callable[[str], str]


class Hum:
    """Requests are made by `lookup`, `create`, `sync`, `ping`, spoilt where a check wants them to be, and
    sent by `send`, which raises Failed when no answer comes."""

    def __init__(self, identity: Identity, wire: Wire, *, strict: bool) -> None:
        self.strict = strict
        self.secret = identity.secret
        self.base = wire.base
        self.last: Exchange | None = None
        self._identity = identity
        self._wire = wire

    @property
    def exchanges(self) -> list[Exchange]:
        """All exchanges of the whole run, of every check."""
        return self._wire.exchanges

    def lookup(self, phone: Any, **more: Any) -> Request:
        body = {"phone": phone, "org_id": ORG, "call_id": self.new_id("call"), "direction": "inbound", **more}
        return self.signed(LOOKUP, body)

    def create(self, phone: Any, **more: Any) -> Request:
        return self.signed(CREATE, {"phone": phone, "source": "hum", **more})

    def sync(self, call: Mapping[str, Any], contact: Mapping[str, Any] | None = None) -> Request:
        return self.signed(CALLS, {"call": call, "contact": contact})

    def ping(self, **more: Any) -> Request:
        body = {"org_id": ORG, "connector_id": CONNECTOR, "timestamp": "2026-11-20T21:05:09.123Z", **more}
        return self.signed(PING, body)

    def signed(
        self,
        endpoint: Endpoint,
        body: Body,
        *,
        secret: str | None = None,
        delivery: str | None = None,
        age: int = 0,
    ) -> Request:
        """The request as HUM sends it. `body`: JSON, or bytes that go as they are. `age`: how many seconds
        ago it was signed."""
        raw = body if isinstance(body, bytes) else to_json(body)
        delivery = delivery or self.new_id("dlv")
        headers = signing.headers(
            secret or self.secret,
            raw,
            event=endpoint.event,
            delivery=delivery,
            message_id=delivery,
            timestamp=int(self._identity.now()) - age,
        )
        if endpoint == LOOKUP:
            headers.append(("X-HUM-Deadline-Ms", str(round(self._wire.timeout * 1000))))
        return Request(endpoint.path, tuple(headers), raw)

    def again(self, request: Request) -> Request:
        """The same request tried once more: same body and delivery, signed at the present time."""
        event = request.header("X-HUM-Event")
        endpoint = next(e for e in (LOOKUP, CREATE, CALLS, PING) if e.event == event)
        return self.signed(endpoint, request.body, delivery=request.header("X-HUM-Delivery"))

    def new_id(self, prefix: str) -> str:
        return self._identity.new_id(prefix)

    async def send(self, request: Request) -> Answer:
        """A connector that has no time for it (429 or 503 with Retry-After) is asked again."""
        waited = 0
        while True:
            answer = await self.try_to_send(request)
            if answer is None:
                raise Failed("an answer", self._silence(), exchange=self.last)
            pause = _retry_after(answer)
            if pause is None or waited == PATIENCE:
                return answer
            await asyncio.sleep(pause)
            waited += 1

    async def try_to_send(self, request: Request, *, timeout: float | None = None) -> Answer | None:  # noqa: ASYNC109
        """None when no answer came."""
        exchange = await self._wire.send(request, timeout=timeout)
        self.last = exchange
        return exchange.answer

    async def send_all(self, requests: Iterable[Request]) -> list[Answer]:
        """All at once, each of them once; the answers in the order of the requests."""
        exchanges = await asyncio.gather(*(self._wire.send(request) for request in requests))
        self.last = next((e for e in exchanges if e.answer is None), exchanges[-1])
        if self.last.answer is None:
            raise Failed("an answer", self._silence(), exchange=self.last)
        return [exchange.answer for exchange in exchanges if exchange.answer is not None]

    def _silence(self) -> str:
        return self.last.silence if self.last is not None else "nothing"


def is_crowded(exchange: Exchange) -> bool:
    """Whether the connector said that it has no time."""
    return exchange.answer is not None and exchange.answer.status in (429, 503)


def _retry_after(answer: Answer) -> float | None:
    """The seconds that a crowded connector asks for; None when it does not."""
    text = answer.header("retry-after").strip()
    if not is_crowded(answer.exchange) or not text.isascii() or not text.isdigit() or len(text) > 4:
        return None
    return min(int(text), LONGEST_PAUSE)


def to_json(body: Mapping[str, Any] | list[Any]) -> bytes:
    """Compact and in UTF-8, as HUM writes it; lone surrogates, which UTF-8 cannot hold, as escapes."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:
        return json.dumps(body, separators=(",", ":")).encode()
