"""The requests that a connector gets (wire contract, section 6), built and signed; and direct calls.

`build` is pure, for whoever sends through the engine of deliveries. `Calls` asks at once and waits: ping,
lookup, create. What a connector does wrong comes back as a value, in words of `crm.answers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final, NamedTuple, Protocol, TypeVar

import msgspec

from gateway.clock import Clock, format_time
from gateway.crm import answers
from gateway.crm.answers import Alive, Failed, Found, Kept, NotFound
from gateway.crm.taking import Taking, Turn
from gateway.domain.connector import Connector, Endpoint
from gateway.domain.exchange import READ_BODY_BYTES, Exchange, Request
from gateway.domain.ids import new_id
from gateway.domain.rotation import SAYS_SIGNATURE
from gateway.signing import body_signature, standard_key, standard_signature
from gateway.store.rotations import Accepted

USER_AGENT: Final = "bluehive-hum-crm/1.0"
MOST_ANSWER_BYTES: Final = 1024 * 1024

T = TypeVar("T")


class Post(Protocol):
    """The guarded HTTP client (`gateway.egress`)."""

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Sequence[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109
        org_id: str,
        most: int,
    ) -> Exchange: ...


@dataclass(frozen=True, slots=True)
class Question:
    """Who is asked for: `phone` in E.164, and what is known of the call."""

    phone: str
    call_id: str | None = None
    direction: str | None = None


class Try(NamedTuple):
    """One exchange of a call."""

    request: Request
    exchange: Exchange


@dataclass(frozen=True, slots=True)
class Said:
    """A direct call as it went, for its record (`crm.log`): every exchange in order, of which the last one
    counts. `accepted`: what is to be written down of the secret that was taken, during a rotation; `secrets`:
    those of the connector as it was when the last exchange began, to be masked."""

    event: Endpoint
    id: str
    tries: tuple[Try, ...]
    accepted: Accepted | None = None
    secrets: tuple[str, ...] = ()

    @property
    def exchange(self) -> Exchange:
        return self.tries[-1].exchange

    @property
    def duration_ms(self) -> int:
        """Over all exchanges."""
        return sum(one.exchange.duration_ms for one in self.tries)


@dataclass(frozen=True, slots=True)
class PingResult:
    """`error` is a word, `detail` a sentence for a person; `name` and `version` as the connector gave
    them."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    detail: str
    name: str | None
    version: str | None
    said: Said


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What the connector knows of the number."""

    answer: Found | NotFound | Failed
    said: Said


@dataclass(frozen=True, slots=True)
class CreateResult:
    """The contact, made now or there before; or why there is none."""

    answer: Kept | Failed
    said: Said


def build(
    connector: Connector,
    event: Endpoint,
    body: bytes,
    *,
    delivery_id: str,
    message_id: str,
    now: int,
    cdn_loop: str,
    leading: str | None = None,
    timestamp: int | None = None,
    deadline_ms: int | None = None,
) -> Request:
    """The signed request that goes out at `now` (ms), or began to at `timestamp` (s).

    `delivery_id` is the same at every try: the connector's idempotency key. `leading` is the id of the secret
    that leads during a rotation; bearer and signature are always of the same one. `deadline_ms`: how long
    somebody still waits for the answer.
    """
    timestamp = now // 1000 if timestamp is None else timestamp
    secrets = connector.live_secrets(now)
    if leading is not None:
        secrets.sort(key=lambda secret: secret.id != leading)
    live = [secret.value for secret in secrets]
    signatures = (
        body_signature(live[0], body),
        " ".join(standard_signature(_key(secret), message_id, timestamp, body) for secret in live),
    )
    headers = request_headers(
        event, bearer=live[0], signatures=signatures, delivery_id=delivery_id, message_id=message_id,
        timestamp=timestamp, cdn_loop=cdn_loop,
    )  # fmt: skip
    if deadline_ms is not None:
        headers.append(("X-HUM-Deadline-Ms", str(deadline_ms)))
    return Request(connector.endpoint(event), headers, body, timestamp, signatures)


def request_headers(
    event: Endpoint,
    *,
    bearer: str,
    signatures: tuple[str, str],
    delivery_id: str,
    message_id: str,
    timestamp: int,
    cdn_loop: str,
) -> list[tuple[str, str]]:
    """The headers of a request: for the wire, and again when an attempt is shown."""
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("Authorization", f"Bearer {bearer}"),
        ("X-HUM-Signature", signatures[0]),
        ("X-HUM-Event", event),
        ("X-HUM-Delivery", delivery_id),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signatures[1]),
        ("CDN-Loop", cdn_loop),
    ]


@dataclass(frozen=True, slots=True)
class _Letter:
    """What is the same in every exchange of a call."""

    connector: Connector
    org_id: str
    event: Endpoint
    body: bytes
    id: str
    ends: float | None = None


class Calls:
    """Makes direct calls. Each takes as long as the connector's `timeout_ms` at most, and raises nothing for
    what the connector does.

    `current` is the connector as it is by then, as far as this node knows: a secret that was ended between
    the two exchanges of a rotation signs nothing any more.
    """

    def __init__(
        self,
        client: Post,
        clock: Clock,
        cdn_loop: str,
        current: Callable[[Connector], Connector] = lambda connector: connector,
    ) -> None:
        self._client = client
        self._clock = clock
        self._cdn_loop = cdn_loop
        self._current = current
        self._taking = Taking()

    async def ping(self, connector: Connector, org_id: str) -> PingResult:
        """Whether the connector answers, and takes the secret. It changes nothing."""
        now = self._clock.now()
        body = _json(org_id=org_id, connector_id=connector.id, timestamp=format_time(now))
        answer, said = await self._ask(
            _Letter(connector, org_id, "ping", body, new_id("dlv", now)), answers.read_ping
        )
        exchange = said.exchange
        failed = answer if isinstance(answer, Failed) else None
        alive = answer if isinstance(answer, Alive) else Alive()
        return PingResult(
            failed is None, exchange.status_code, said.duration_ms, failed.error if failed else None,
            failed.detail if failed else "", alive.name, alive.version, said,
        )  # fmt: skip

    async def lookup(
        self, connector: Connector, org_id: str, question: Question, *, ends: float | None = None
    ) -> LookupResult:
        """Who has the number. `ends` is until when (monotonic seconds) somebody waits, which the connector is
        told in each try as what is left; None when nobody does. A connection that is reset before an answer
        is tried once more within the same time."""
        body = _json(
            phone=question.phone, org_id=org_id, call_id=question.call_id, direction=question.direction
        )
        letter = _Letter(connector, org_id, "contact.lookup", body, new_id("dlv", self._clock.now()), ends)
        answer, said = await self._ask(letter, lambda e: answers.read_lookup(e, question.phone), again=True)
        return LookupResult(answer, said)

    async def create(
        self, connector: Connector, org_id: str, question: Question, delivery_id: str
    ) -> CreateResult:
        """Makes a contact that has the number. `delivery_id` is the same at every try."""
        body = _json(phone=question.phone, source="hum", call_id=question.call_id)
        letter = _Letter(connector, org_id, "contact.create", body, delivery_id)
        answer, said = await self._ask(letter, lambda e: answers.read_create(e, question.phone))
        return CreateResult(answer, said)

    async def _ask(
        self, letter: _Letter, read: Callable[[Exchange], T], *, again: bool = False
    ) -> tuple[T, Said]:
        """One exchange; a second one, within the same time, when the first was refused during a rotation or,
        with `again`, reset."""
        begun = self._clock.monotonic()
        turn = self._taking.turn(letter.connector, self._clock.now())
        request = self._build(letter, turn, begun)
        tries = [Try(request, await self._send(letter, request, begun))]
        exchange = tries[0].exchange
        if self._left(letter, begun) > 0:
            anew = self._with_the_other(letter, turn, exchange)
            if anew is not None:
                letter, turn = anew
                request = self._build(letter, turn, begun, request.timestamp)
                tries.append(Try(request, await self._send(letter, request, begun)))
            elif again and exchange.error == "reset":
                request = self._build(letter, turn, begun, request.timestamp)
                tries.append(Try(request, await self._send(letter, request, begun)))
        answer = await _read(read, tries[-1].exchange)
        accepted = None
        if turn is not None and not isinstance(answer, Failed):
            accepted = self._taking.learn(letter.connector, turn, self._clock.now())
        secrets = tuple(secret.value for secret in letter.connector.secrets)
        return answer, Said(letter.event, letter.id, tuple(tries), accepted, secrets)

    def _with_the_other(
        self, letter: _Letter, turn: Turn | None, exchange: Exchange
    ) -> tuple[_Letter, Turn] | None:
        """The call with the other secret, when its answer asks for that. A rotation may have begun or ended
        meanwhile: what counts is the connector as it is."""
        if exchange.status_code not in SAYS_SIGNATURE:
            return None
        now, before = self._clock.now(), letter.connector
        current = self._current(before)
        turn = turn or self._taking.turn_since(before, current, now)
        if turn is None or not turn.asks_again(exchange, current, now):
            return None
        turn.swap()
        return replace(letter, connector=current), turn

    def _build(
        self, letter: _Letter, turn: Turn | None, begun: float, timestamp: int | None = None
    ) -> Request:
        return build(
            letter.connector, letter.event, letter.body, delivery_id=letter.id, message_id=letter.id,
            now=self._clock.now(), cdn_loop=self._cdn_loop, leading=None if turn is None else turn.leading,
            timestamp=timestamp, deadline_ms=self._deadline_ms(letter, begun),
        )  # fmt: skip

    def _deadline_ms(self, letter: _Letter, begun: float) -> int | None:
        """For how long the connector is still listened to by somebody who waits; None when nobody does, or
        not any more."""
        if letter.ends is None:
            return None
        left = letter.ends - self._clock.monotonic()
        return int(min(left, self._left(letter, begun)) * 1000) if left > 0 else None

    async def _send(self, letter: _Letter, request: Request, begun: float) -> Exchange:
        return await self._client.post(
            request.url, body=request.body, headers=request.headers, timeout=self._left(letter, begun),
            org_id=letter.org_id, most=MOST_ANSWER_BYTES,
        )  # fmt: skip

    def _left(self, letter: _Letter, begun: float) -> float:
        """Seconds until the connector's time is over."""
        return letter.connector.timeout_ms / 1000 - (self._clock.monotonic() - begun)


async def _read(read: Callable[[Exchange], T], exchange: Exchange) -> T:
    """A long answer is read beside the event loop: a whole MiB of small objects takes it a tenth of a
    second."""
    if len(exchange.response_body) <= READ_BODY_BYTES:
        return read(exchange)
    return await asyncio.to_thread(read, exchange)


def _json(**fields: str | None) -> bytes:
    """What is not known is left out."""
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


@lru_cache(maxsize=20_000)
def _key(secret: str) -> bytes:
    return standard_key(secret)
