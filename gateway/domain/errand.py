"""Why a number is wanted: for a call, or by a job that fills the address book."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Errand:
    """`begun_at` (ms): when the call came, or when the job read that the number stands in the address book.
    What is asked on its behalf later is about a person who may have been erased since.

    For a job: its id, and since when (ms) an answer is new enough (None: whatever is of use). It has no
    budget, for its cost was confirmed, and what it has asked for once it does not ask for again."""

    begun_at: int
    job_id: str | None = None
    since: int | None = None
