"""Writes what came of attempts, many in one transaction.

The fence: an outcome counts only while the delivery is leased to the node that made the attempt and no
attempt of that number is recorded; a stale one is refused. Of a delivery that was cancelled meanwhile the
attempt is kept all the same, for it did happen.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

from gateway.checkpoints import reached
from gateway.dispatch.webhook import Request
from gateway.domain.delivery import DUE_QUEUE, Status
from gateway.domain.exchange import STORED_BODY_BYTES, Exchange
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed
from gateway.domain.secret import mask
from gateway.domain.webhook import Webhook
from gateway.store import attempts, deliveries, health, lanes, organizations, webhooks
from gateway.store.cipher import Cipher
from gateway.store.health import Health
from gateway.store.transaction import Transaction

KIND: Final = "record"


@dataclass(slots=True)
class Recording:
    """One outcome to be written. Without `exchange` nothing went onto the wire: the delivery expired, or is
    put where it belongs (`queue`). `attempt` is the row of the attempt, masked and sealed."""

    owed: Owed
    outcome: Outcome
    ended_at: int
    exchange: Exchange | None = None
    attempt: tuple[Any, ...] | None = None
    news: Health | None = None
    queue: str | None = None


def recording(
    owed: Owed,
    outcome: Outcome,
    ended_at: int,
    webhook: Webhook,
    request: Request,
    exchange: Exchange,
    cipher: Cipher,
) -> Recording:
    """The recording of an attempt. What it holds is small: answers wait here when the database is slow."""
    attempt = None
    if outcome.verdict is not Verdict.ABORTED:
        attempt = _attempt_row(owed, outcome, webhook, request, exchange, cipher)
    slim = replace(exchange, response_headers=[], response_body=b"")
    return Recording(owed, outcome, ended_at, slim, attempt)


async def apply(tx: Transaction, recordings: list[Any]) -> list[bool]:
    """The writer of the group commit. True for an outcome that counted, False for a stale one."""
    gone = {r.owed.org_id for r in recordings if r.outcome.verdict is Verdict.GONE}
    if gone:  # first, as everybody who changes webhooks does: nobody then waits for the other
        await organizations.lock(tx.conn, *gone)
    rows = [_delivery_row(recording) for recording in recordings]
    reached("record.before_update")
    counted = await deliveries.record_outcomes(tx.conn, rows)
    reached("record.after_update")
    refused = [r.owed.id for r in recordings if r.owed.id not in counted]
    happened = counted | (await deliveries.cancelled_among(tx.conn, refused) if refused else set())
    made = [r.attempt for r in recordings if r.attempt is not None and r.owed.id in happened]
    await attempts.insert_attempts(tx.conn, made)
    counting = [r for r in recordings if r.owed.id in counted]
    await _tell_targets(tx, counting)
    return [recording.owed.id in counted for recording in recordings]


async def _tell_targets(tx: Transaction, recordings: list[Recording]) -> None:
    holds = {
        r.owed.target_id: (r.owed.org_id, r.outcome.hold_until)
        for r in recordings
        if r.outcome.hold_until is not None
    }
    if holds:
        await lanes.hold(tx.conn, holds)
    news: dict[str, Health] = {}
    for r in recordings:
        if r.news is not None:
            news[r.news.target_id] = together(news.get(r.news.target_id), r.news)
    if news:
        await health.write(tx.conn, news.values())
    for recording in recordings:
        if recording.outcome.verdict is Verdict.GONE:
            owed = recording.owed
            await webhooks.disable(tx, owed.org_id, owed.target_id, "gone", recording.ended_at)


def together(before: Health | None, latest: Health) -> Health:
    """The news of one target in one transaction as one: the latest, without forgetting what came before."""
    if before is None:
        return latest
    latest.first_success_at = before.first_success_at or latest.first_success_at
    if latest.failing_since is not None:
        latest.success_at = before.success_at
        if before.failing_since is not None:
            latest.failing_since = before.failing_since
            latest.failures += before.failures
    return latest


def _delivery_row(recording: Recording) -> tuple[Any, ...]:
    owed, outcome, exchange = recording.owed, recording.outcome, recording.exchange
    final = outcome.status is not Status.PENDING
    queue = None if final else recording.queue or DUE_QUEUE
    # In its target's own queue a delivery waits for the target, not for a time: the oldest goes first.
    due_at = owed.created_at if recording.queue else outcome.due_at
    error = None if exchange is None else error_word(exchange)
    return (
        outcome.status.value, queue, None if final else due_at, outcome.attempts_made, outcome.steps_used,
        recording.ended_at if final else None, outcome.reason.value if outcome.reason else None,
        exchange.status_code if exchange else None, error, owed.id, owed.queue, owed.attempts_made,
    )  # fmt: skip


def error_word(exchange: Exchange) -> str | None:
    """The word for what went wrong; None when nothing did."""
    if exchange.error is not None:
        return exchange.error
    return None if exchange.succeeded else "http_status"


def _attempt_row(
    owed: Owed, outcome: Outcome, webhook: Webhook, request: Request, exchange: Exchange, cipher: Cipher
) -> tuple[Any, ...]:
    hidden = [*(secret.value for secret in webhook.secrets), *webhook.headers.values()]
    number = owed.attempts_made + 1
    body = exchange.response_body
    sealed = attempts.seal_fields(
        cipher,
        f"{owed.id}|{number}",
        signatures=list(request.signatures),
        error_detail=mask(exchange.error_detail, hidden),
        response_headers=[(name, mask(value, hidden)) for name, value in exchange.response_headers],
        response_body=mask(body, hidden)[:STORED_BODY_BYTES] if body else b"",
    )
    signatures, detail, headers, stored_body = sealed
    return (
        owed.id, number, owed.org_id, webhook.revision_id, exchange.started_at, exchange.duration_ms,
        request.timestamp, signatures, exchange.remote_ip, exchange.status_code, exchange.error, detail,
        headers, stored_body, exchange.response_truncated or len(body) > STORED_BODY_BYTES,
        outcome.verdict is Verdict.HELD, None,
    )  # fmt: skip
