"""Writes what came of attempts, many in one transaction.

The fence: an outcome counts only while the delivery is leased to the node that made the attempt and no
attempt of that number is recorded; a stale one is refused. Of a delivery that was cancelled meanwhile the
attempt is kept all the same, for it did happen.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import msgspec

from gateway.checkpoints import reached
from gateway.dispatch import telling
from gateway.dispatch.tally import Tally
from gateway.domain.addressee import Addressee
from gateway.domain.delivery import DUE_QUEUE, Status
from gateway.domain.exchange import STORED_BODY_BYTES, Exchange, Request
from gateway.domain.outcome import Outcome, Verdict
from gateway.domain.owed import Owed
from gateway.domain.secret import holds_any, mask, reach
from gateway.store import attempts, deliveries, health, lanes, people, rotations, stats
from gateway.store.cipher import Cipher
from gateway.store.health import Health
from gateway.store.rotations import Accepted
from gateway.store.transaction import AnnounceAll, Transaction

KIND: Final = "record"


class Recording(msgspec.Struct, eq=False):
    """One outcome to be written. What it holds is small: answers wait here when the database is slow.

    `sent` says that something went onto the wire; else the delivery expired, or is put where it belongs
    (`queue`). `attempt` is the row of the attempt, masked and sealed. `accepted`: which secret the receiver
    was seen to take, when that is news."""

    owed: Owed
    outcome: Outcome
    ended_at: int
    sent: bool = False
    started_at: int = 0
    duration_ms: int = 0
    status_code: int | None = None
    error: str | None = None
    attempt: tuple[Any, ...] | None = None
    news: Health | None = None
    queue: str | None = None
    accepted: Accepted | None = None


def recording(
    owed: Owed,
    outcome: Outcome,
    ended_at: int,
    addressee: Addressee,
    request: Request,
    exchange: Exchange,
    cipher: Cipher,
    swapped_from: str | None = None,
    contact: bytes = b"",
) -> Recording:
    """The recording of an attempt; `swapped_from` is the secret that its first exchange was led by."""
    attempt = None
    if outcome.verdict is not Verdict.ABORTED:
        attempt = _attempt_row(owed, outcome, addressee, request, exchange, cipher, swapped_from, contact)
    return Recording(
        owed, outcome, ended_at, True, exchange.started_at, exchange.duration_ms, exchange.status_code,
        error_word(exchange), attempt,
    )  # fmt: skip


async def apply(tx: Transaction, recordings: list[Any], announce: AnnounceAll) -> list[bool]:
    """The writer of the group commit. True for an outcome that counted, False for a stale one."""
    suspects = await telling.prepare(tx, recordings)
    rows = [_delivery_row(recording) for recording in recordings]
    reached("record.before_update")
    counted = await deliveries.record_outcomes(tx.conn, rows)
    reached("record.after_update")
    refused = [r.owed.id for r in recordings if r.owed.id not in counted]
    made = [r.attempt for r in recordings if r.attempt is not None and r.owed.id in counted]
    if refused:
        made += await _of_cancelled(tx, refused, recordings)
    await attempts.insert_attempts(tx.conn, made)
    counting = [r for r in recordings if r.owed.id in counted]
    await _tell_targets(tx, counting)
    await telling.tell(tx, counting, suspects, announce)
    await stats.add(tx.conn, _tally(counting))  # last: nodes with the same targets wait here for each other
    return [recording.owed.id in counted for recording in recordings]


async def _of_cancelled(
    tx: Transaction, refused: list[str], recordings: list[Recording]
) -> list[tuple[Any, ...]]:
    """The attempts of those that were cancelled meanwhile; of a person's who was erased, without what came
    back."""
    cancelled = await deliveries.cancelled_among(tx.conn, refused)
    erased = await people.erased_among(tx.conn, list(cancelled)) if cancelled else set()
    return [
        (*r.attempt[:-1], None) if r.owed.id in erased else r.attempt
        for r in recordings
        if r.attempt is not None and r.owed.id in cancelled
    ]


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
    accepted = {r.accepted.target_id: r.accepted for r in recordings if r.accepted}
    if accepted:
        await rotations.accepted(tx, accepted.values())


def _tally(recordings: list[Recording]) -> Tally:
    tally = Tally()
    for r in recordings:
        if r.sent and r.outcome.verdict is not Verdict.ABORTED:
            tally.attempt(r.owed, r.outcome, r.ended_at, r.duration_ms, r.status_code or r.error)
        elif r.outcome.status is Status.FAILED:
            tally.result(r.owed, "failed", r.ended_at)
    return tally


def together(before: Health | None, latest: Health) -> Health:
    """The news of one target in one transaction as one: the latest, without forgetting what came before."""
    if before is None:
        return latest
    latest = replace(latest)  # the transaction may be done again
    latest.first_success_at = before.first_success_at or latest.first_success_at
    if latest.failing_since is not None:
        latest.success_at = before.success_at
        if before.failing_since is not None:
            latest.failing_since = before.failing_since
            latest.failures += before.failures
    return latest


def _delivery_row(recording: Recording) -> tuple[Any, ...]:
    owed, outcome = recording.owed, recording.outcome
    final = outcome.status is not Status.PENDING
    queue = None if final else recording.queue or DUE_QUEUE
    # In its target's own queue a delivery waits for the target, not for a time: the oldest goes first.
    due_at = owed.created_at if recording.queue else outcome.due_at
    return (
        outcome.status.value, queue, None if final else due_at, outcome.attempts_made, outcome.steps_used,
        recording.ended_at if final else None, outcome.reason.value if outcome.reason else None,
        recording.status_code, recording.error, owed.id, owed.queue, owed.attempts_made,
    )  # fmt: skip


def error_word(exchange: Exchange) -> str | None:
    """The word for what went wrong; None when nothing did."""
    if exchange.error is not None:
        return exchange.error
    return None if exchange.succeeded else "http_status"


def _attempt_row(
    owed: Owed,
    outcome: Outcome,
    addressee: Addressee,
    request: Request,
    exchange: Exchange,
    cipher: Cipher,
    swapped_from: str | None,
    contact: bytes,
) -> tuple[Any, ...]:
    number = owed.attempts_made + 1
    body = exchange.response_body
    return (
        owed.id, number, owed.org_id, addressee.revision_id, exchange.started_at, exchange.duration_ms,
        request.timestamp, exchange.remote_ip, exchange.status_code, exchange.error,
        exchange.response_truncated or len(body) > STORED_BODY_BYTES, outcome.verdict is Verdict.HELD,
        swapped_from,
        attempts.seal_record(cipher, owed.id, number, masked(request, exchange, addressee, contact)),
    )  # fmt: skip


def masked(
    request: Request, exchange: Exchange, addressee: Addressee, contact: bytes = b""
) -> attempts.Record:
    """What is kept of the exchange, with no secret of the addressee in it."""
    hidden = (*(secret.value for secret in addressee.secrets), *addressee.headers.values())
    detail, headers, body = exchange.error_detail, exchange.response_headers, exchange.response_body
    if len(body) > STORED_BODY_BYTES:
        body = body[: STORED_BODY_BYTES + reach(hidden)]
    texts = [text for header in headers for text in header]
    # Nearly always there is nothing to mask, which one look at all of it together tells.
    if holds_any("\n".join([detail, *texts]).encode() + b"\n" + body, hidden):
        detail, body = mask(detail, hidden), mask(body, hidden)
        headers = [(mask(name, hidden), mask(value, hidden)) for name, value in headers]
    return attempts.Record(request.signatures, detail, headers, body[:STORED_BODY_BYTES], contact)
