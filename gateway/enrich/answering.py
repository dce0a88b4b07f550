"""What has been heard of a caller, put together into an answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from gateway.domain.caller_fields import Setting
from gateway.domain.contact import Caller, merge
from gateway.domain.context import caller_context
from gateway.domain.ids import new_id
from gateway.domain.resolution import (
    Heard,
    Inquiry,
    Problem,
    Resolution,
    Status,
    contact_id_of,
    freshness_of,
    knowledge_of,
    status_of,
)
from gateway.enrich.book import SOURCE as BOOK
from gateway.enrich.lookups import UNAVAILABLE
from gateway.store.directory import OrgView

PHONE: Final = "phone"


class Question(NamedTuple):
    """One caller who is asked for, and since when: monotonic seconds, and ms of the wall. `person` is the
    keyed hash of the number, None for one that is none."""

    org: OrgView
    inquiry: Inquiry
    person: bytes | None
    begun: float
    asked_at: int


class Moment(NamedTuple):
    """When the answer is made (ms), and how long that took (ms)."""

    now: int
    elapsed_ms: int


def answer_of(
    question: Question, heard: Sequence[Heard], pending: tuple[str, ...], moment: Moment
) -> Resolution:
    """The answer out of what the sources have said; `pending` are those of whom more may come."""
    org, inquiry = question.org, question.inquiry
    status, freshness = status_of(heard), freshness_of(heard)
    known = knowledge_of(heard)  # of whom nobody knows, something of the number may be known
    caller = merge(known) if known else None
    contact_id = contact_id_of(heard)
    if contact_id is None and status == "found":
        contact_id = org.organization.cipher.contact(inquiry.phone)
    context = _context(question, caller, status, inquiry.phone, stale=freshness == "stale")
    return Resolution(
        new_id("res", moment.now), moment.now, inquiry.phone, status, freshness, moment.elapsed_ms, caller,
        context, tuple([Problem(one.source, one.error) for one in heard if one.error is not None]),
        contact_id, inquiry.call_id, pending,
    )  # fmt: skip


def unusable(question: Question, reason: str, moment: Moment) -> Resolution:
    """The answer to a number that is none, for this reason."""
    return Resolution(
        new_id("res", moment.now), moment.now, None, "unknown", "none", moment.elapsed_ms, None,
        _context(question, None, "unknown", reason), (Problem(PHONE, reason),),
        call_id=question.inquiry.call_id,
    )  # fmt: skip


def unasked(inquiry: Inquiry, number: str | None, moment: Moment) -> Resolution:
    """The answer when nobody could be asked about the number (E.164, or the reason why it is none; None: that
    is not known): not even the organization's own words are known. Nothing is kept of it."""
    usable = number is not None and number.startswith("+")
    problem = Problem(BOOK, UNAVAILABLE) if number is None or usable else Problem(PHONE, number)
    context = caller_context(
        None, status="unknown", phone=number, setting=Setting(inquiry.direction, inquiry.attestation)
    )
    return Resolution(
        new_id("res", moment.now), moment.now, number if usable else None, "unknown", "none",
        moment.elapsed_ms, None, context, (problem,), call_id=inquiry.call_id,
    )  # fmt: skip


def _context(
    question: Question, caller: Caller | None, status: Status, phone: str, *, stale: bool = False
) -> str:
    inquiry = question.inquiry
    return caller_context(
        caller, status=status, phone=phone, setting=Setting(inquiry.direction, inquiry.attestation),
        stale=stale, words=question.org.organization.settings.wording,
    )  # fmt: skip
