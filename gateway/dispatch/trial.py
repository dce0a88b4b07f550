"""A test delivery: one signed request that a person asked for, sent at once, whatever the webhook's state.

It goes through the same guard and the same signing as any other, and is written down with its attempt.
Nothing else knows of it: no queue, no retry, no breaker, no hold, no health, no statistics, no further event.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from gateway.clock import Clock
from gateway.dispatch import record
from gateway.dispatch.attempt import Post
from gateway.dispatch.webhook import build_request
from gateway.domain.delivery import Status
from gateway.domain.event import Event
from gateway.domain.exchange import STORED_BODY_BYTES
from gateway.domain.ids import delivery_id, new_id
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed
from gateway.domain.pace import Pace
from gateway.domain.retry import DEFAULT_LIFETIME_MS
from gateway.domain.room import Room
from gateway.domain.trial import test_event
from gateway.domain.webhook import Webhook
from gateway.errors import RateLimited
from gateway.store import attempts, deliveries
from gateway.store.cipher import Cipher
from gateway.store.store import Store

MOST_PER_SECOND: Final = 5
MOST_AT_ONCE: Final = 32


class Result(msgspec.Struct, frozen=True):
    """What came of it. `error_detail` and `response_body` are masked, and no longer than what is stored."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    error_detail: str
    response_body: bytes
    delivery_id: str


class Trials:
    """Sends test deliveries: on this node one at a time to a webhook, a few a second for an organization, and
    never so many at once for one that the others find no place."""

    def __init__(self, store: Store, client: Post, clock: Clock, cdn_loop: str) -> None:
        self._store = store
        self._client = client
        self._clock = clock
        self._cdn_loop = cdn_loop
        self._under_way: set[str] = set()
        self._room = Room(MOST_AT_ONCE)
        self._pace = Pace(MOST_PER_SECOND, clock.monotonic)

    async def send(self, webhook: Webhook, cipher: Cipher, event_type: str) -> Result:
        """Returns when the receiver has answered, or its time is over. Raises RateLimited."""
        with self._place(webhook):
            now = self._clock.now()
            event = test_event(new_id("evt", now), webhook.org_id, event_type, now)
            return await self._send(webhook, cipher, event, now)

    async def _send(self, webhook: Webhook, cipher: Cipher, event: Event, now: int) -> Result:
        owed = _owed(webhook, event, now)
        request = build_request(webhook, event, owed, now=now, cdn_loop=self._cdn_loop)
        exchange = await self._client.post(
            request.url,
            body=request.body,
            headers=request.headers,
            timeout=webhook.timeout_ms / 1000,
            org_id=webhook.org_id,
        )
        outcome = _outcome(exchange.succeeded)
        ended = self._clock.now()
        made = record.recording(owed, outcome, ended, webhook, request, exchange, cipher)
        await self._write(made, event)
        kept = record.masked(request, exchange, webhook)
        return Result(
            exchange.succeeded, exchange.status_code, exchange.duration_ms, made.error, kept.error_detail,
            kept.response_body[:STORED_BODY_BYTES], owed.id,
        )  # fmt: skip

    async def _write(self, made: record.Recording, event: Event) -> None:
        owed = made.owed
        async with self._store.transaction() as tx:
            await deliveries.add_finished(
                tx.conn, id=owed.id, position=await tx.position(), org_id=owed.org_id, event_id=event.id,
                event_type=event.type, target_type="webhook", target_id=owed.target_id,
                status=made.outcome.status.value, attempts_made=1, steps_used=0, priority=owed.priority,
                expires_at=owed.expires_at, created_at=owed.created_at, completed_at=made.ended_at,
                last_status_code=made.status_code, last_error=made.error, test=True,
            )  # fmt: skip
            if made.attempt is not None:
                await attempts.insert_attempts(tx.conn, [made.attempt])

    @contextmanager
    def _place(self, webhook: Webhook) -> Iterator[None]:
        if webhook.id in self._under_way:
            raise RateLimited("a test delivery to this webhook is under way", retry_after=1)
        with self._room.place(webhook.org_id) as there_is:
            if not there_is or not self._pace.allows(webhook.org_id):
                raise RateLimited("too many test deliveries at once", retry_after=1)
            self._under_way.add(webhook.id)
            try:
                yield
            finally:
                self._under_way.discard(webhook.id)


def _owed(webhook: Webhook, event: Event, now: int) -> Owed:
    return Owed(
        id=delivery_id(event.id, webhook.id),
        org_id=webhook.org_id,
        target_id=webhook.id,
        event=event,
        queue="",
        attempts_made=0,
        steps_used=0,
        expires_at=now + DEFAULT_LIFETIME_MS,
        priority=0,
        created_at=now,
    )


def _outcome(succeeded: bool) -> Outcome:
    """One attempt and no other."""
    if succeeded:
        return Outcome(Verdict.DELIVERED, Status.DELIVERED, None, 1, 0)
    return Outcome(Verdict.FAILED, Status.FAILED, None, 1, 0)
