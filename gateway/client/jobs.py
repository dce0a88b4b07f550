"""Waiting for long work. `Waiting` decides; the clients look and sleep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypedDict

from gateway.client.request import Request, segment

RUNNING: Final = "running"


class Job(TypedDict):
    """Long work: how many things it found, and how far it is."""

    id: str
    org_id: str
    kind: str
    object_id: str | None
    status: str
    cancel_requested: bool
    matched: int | None
    done: int
    failed: int
    error: str | None
    actor: str
    created_at: str
    updated_at: str
    finished_at: str | None


class DryRun(TypedDict):
    """What would be done."""

    matched: int


class Cost(TypedDict):
    """An estimate."""

    currency: str
    amount: str


class BackfillEstimate(TypedDict):
    """What a backfill would be about."""

    matched: int
    cost: Cost


class Waiting:
    """One wait for one job."""

    def __init__(
        self,
        job: Job | str,
        every: float,
        timeout: float | None,
        progress: Callable[[Job], None] | None,
        monotonic: Callable[[], float],
    ) -> None:
        if every <= 0:
            raise ValueError("every: must be more than 0 seconds")
        self._id = job if isinstance(job, str) else job["id"]
        self._every = every
        self._progress = progress or (lambda job: None)
        self._monotonic = monotonic
        self._end = None if timeout is None else monotonic() + timeout

    def look(self) -> Request[Job]:
        return Request("GET", f"/api/jobs/{segment(self._id)}")

    def finished(self, job: Job) -> Job | None:
        """The job if it is over. Raises TimeoutError when the next look would come too late."""
        self._progress(job)
        if job["status"] != RUNNING:
            return job
        if self._end is not None and self._monotonic() + self._every > self._end:
            raise TimeoutError(f"{self._id} is still running: {job['done']} done so far")
        return None
