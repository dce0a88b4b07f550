"""Requests and events that were here before: Idempotency-Keys and external_ids.

Both are claimed in the transaction that writes the events. Whoever's claim stands has won; everybody else
gets the winner's answer, or is refused for having said something else under the same key.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from gateway.clock import format_time
from gateway.domain.event import NewEvent
from gateway.errors import PROBLEMS_BY_STATUS, Conflict, Detail, Problem
from gateway.ingest.plan import Answer, Planned
from gateway.store import events as event_rows
from gateway.store import idempotency
from gateway.store.cipher import Cipher
from gateway.store.directory import OrgView
from gateway.store.idempotency import Claim, Name
from gateway.store.transaction import Transaction

Standing = dict[Name, Any]

# Longer than any retention with a pending delivery after it.
_LONGEST_MS: Final = 400 * 86_400_000


class _Kept(msgspec.Struct, omit_defaults=True):
    """One answer of a request as it is kept: an event's, or the problem it had."""

    event: Answer | None = None
    status: int = 0
    code: str = ""
    message: str = ""
    details: list[tuple[str, str]] = []


def external_claim(event_id: str, org: OrgView, new: NewEvent, now: int) -> Claim | None:
    """The claim of an event's external_id, which holds while the event is kept: it goes with the event
    (`store.removal`), however the retention changes meanwhile."""
    if new.external_id is None:
        return None
    kept_until = now + _LONGEST_MS
    return Claim(org.id, idempotency.EXTERNAL_ID, new.external_id, new.body_hash, event_id, kept_until)


def is_first(plan: Planned, standing: Standing) -> bool:
    """Whether this event is to be written: nobody has used its external_id before."""
    return plan.claim is None or standing[plan.claim.name].event_id == plan.id


def earlier_request(claim: Claim | None, standing: Standing) -> Any | None:
    """The row of the request that used this Idempotency-Key first; None when this one is the first.

    Raises Conflict when that request had another body.
    """
    if claim is None or standing[claim.name].event_id == claim.token:
        return None
    row = standing[claim.name]
    if row.body_hash != claim.body_hash:
        raise Conflict("this Idempotency-Key was used with another body", code="idempotency_conflict")
    return row


async def answer_earlier_events(tx: Transaction, plans: list[Planned], standing: Standing) -> None:
    """Gives every event whose external_id was used before the answer of the first one."""
    earlier = [plan for plan in plans if plan.result is None and plan.claim is not None]
    if not earlier:
        return
    ids = {standing[plan.claim.name].event_id for plan in earlier if plan.claim}
    found = await event_rows.answers(tx.conn, ids)
    for plan in earlier:
        assert plan.claim is not None
        row = standing[plan.claim.name]
        event = found.get(row.event_id)
        if row.body_hash != plan.claim.body_hash or event is None:
            plan.result = Conflict(
                f"external_id: {plan.new.external_id} belongs to another event",
                code="external_id_conflict",
                details=[Detail("external_id", f"belongs to {row.event_id}, which had another body")],
            )
        else:
            plan.result = Answer(
                event.id, event.type, format_time(event.timestamp), format_time(event.accepted_at),
                event.deliveries,
            )  # fmt: skip


def seal_answers(cipher: Cipher, claim: Claim, answers: list[Answer | Problem]) -> bytes:
    kept = [
        _Kept(event=answer)
        if isinstance(answer, Answer)
        else _Kept(
            None, answer.status, answer.code, answer.message, [(d.field, d.message) for d in answer.details]
        )
        for answer in answers
    ]
    return cipher.seal("|".join(claim.name), "answer", msgspec.json.encode(kept))


def open_answers(cipher: Cipher, claim: Claim, sealed: bytes) -> list[Answer | Problem]:
    kept = msgspec.json.decode(cipher.open("|".join(claim.name), "answer", sealed), type=list[_Kept])
    return [entry.event or _problem(entry) for entry in kept]


def _problem(kept: _Kept) -> Problem:
    details = [Detail(field, message) for field, message in kept.details]
    return PROBLEMS_BY_STATUS[kept.status](kept.message, code=kept.code, details=details)
