"""What the recording of outcomes sets off beyond the deliveries themselves: webhooks and connectors that are
warned about or disabled, and the gateway's own events that say so.

All of it happens in the transaction that records the outcomes: after a crash both are there, or neither.
Where nothing fails this costs nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.engine import Row

from gateway.clock import format_time
from gateway.domain import failing as rule
from gateway.domain.addressee import kind_of, named
from gateway.domain.delivery import Status
from gateway.domain.event_types import is_reserved
from gateway.domain.failing import DAY_MS, Failing, Warn
from gateway.domain.outcome import Verdict
from gateway.store import addressees, health, organizations
from gateway.store.transaction import AnnounceAll, Told, Transaction

if TYPE_CHECKING:
    from gateway.dispatch.record import Recording


_SAID_GONE: Final = {
    "failing_since": None, "failures": 1, "last_status_code": 410, "last_error": "http_status",
}  # fmt: skip


async def prepare(tx: Transaction, recordings: Sequence[Recording]) -> set[str]:
    """The targets whose failing may come to something now. Their organizations, and those of webhooks that
    are gone or have accepted a new secret, are locked first, as everybody does who changes webhooks: nobody
    then waits for the other."""
    changed = {r.owed.org_id for r in recordings if r.accepted or r.outcome.verdict is Verdict.GONE}
    failures: dict[str, int] = {}
    for r in recordings:
        if r.news is not None and r.news.failing_since is not None:
            failures[r.news.target_id] = failures.get(r.news.target_id, 0) + 1
    suspects: dict[str, str] = {}
    if failures:
        now = max(r.ended_at for r in recordings)
        for row in await health.failing(tx.conn, failures, now - DAY_MS):
            if rule.decide(_failing(row, more=failures[row.target_id]), now) is not None:
                suspects[row.target_id] = row.org_id
    if changed or suspects:
        await organizations.lock(tx.conn, *changed, *suspects.values())
    return set(suspects)


async def tell(
    tx: Transaction, recordings: Sequence[Recording], suspects: Collection[str], announce: AnnounceAll
) -> None:
    """After the outcomes and the targets' health are written: disables, warns, and says what happened."""
    told = await _gone(tx, recordings)
    if suspects:
        told += await _failing_for_days(tx, recordings, suspects)
    told += [_failed(r) for r in recordings if _is_news(r)]
    if told:
        await announce(tx, told)


async def _gone(tx: Transaction, recordings: Sequence[Recording]) -> list[Told]:
    told = []
    for recording in recordings:
        if recording.outcome.verdict is Verdict.GONE:
            owed = recording.owed
            if await addressees.disable(tx, owed.org_id, owed.target_id, "gone", recording.ended_at):
                told.append(_disabled(owed.org_id, owed.target_id, "gone", _SAID_GONE))
    return told


async def _failing_for_days(
    tx: Transaction, recordings: Sequence[Recording], suspects: Collection[str]
) -> list[Told]:
    now = max(r.ended_at for r in recordings)
    told: list[Told] = []
    warned: dict[str, int] = {}
    for row in await health.failing(tx.conn, suspects, now - DAY_MS):
        decision = rule.decide(_failing(row), now)
        if isinstance(decision, Warn):
            warned[row.target_id] = decision.day
            told.append(_warning(row, decision.day))
        elif decision is not None and await addressees.disable(tx, row.org_id, row.target_id, "failing", now):
            told.append(_disabled(row.org_id, row.target_id, "failing", _standing(row)))
    await health.mark_warned(tx.conn, warned)
    return told


def _failing(row: Row[Any], *, more: int = 0) -> Failing:
    """With `more` failures to come: as bad as it may be once they are written."""
    days = row.failure_days + bool(more)
    return Failing(row.failing_since, row.failures + more, days, row.warned_day)


def _warning(row: Row[Any], day: int) -> Told:
    told = {**named(row.target_id), "day": day, **_standing(row)}
    if kind_of(row.target_id) == "connector":
        return (row.org_id, "connector.failing", {**told, "disabled_reason": None})
    return (row.org_id, "webhook.failing", told)


def _standing(row: Row[Any]) -> dict[str, Any]:
    return {
        "failing_since": format_time(row.failing_since),
        "failures": row.failures,
        "last_status_code": row.last_status_code,
        "last_error": row.last_error,
    }


def _disabled(org_id: str, target_id: str, reason: str, standing: dict[str, Any]) -> Told:
    if kind_of(target_id) == "webhook":
        return (org_id, "webhook.disabled", {"webhook_id": target_id, "reason": reason})
    told = {**named(target_id), "day": None, **standing, "disabled_reason": reason}
    return (org_id, "connector.failing", told)


def _is_news(recording: Recording) -> bool:
    """A delivery that failed for good; of the gateway's own events nothing further is told."""
    return recording.outcome.status is Status.FAILED and not is_reserved(recording.owed.event_type)


def _failed(recording: Recording) -> Told:
    owed, outcome = recording.owed, recording.outcome
    return (
        owed.org_id,
        "delivery.failed",
        {
            "delivery_id": owed.id,
            "event_id": owed.event_id,
            "event_type": owed.event_type,
            **named(owed.target_id),
            "reason": outcome.reason.value if outcome.reason else None,
            "attempts_made": outcome.attempts_made,
            "last_status_code": recording.status_code,
            "last_error": recording.error,
        },
    )
