"""Jobs: long work that somebody has ordered, and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import Conflict, Problem
from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Onward, Page, Shown, Visit

MOVING_SECONDS: Final = 3
_UNDONE: Final = ("redeliver", "replay")  # of which cancelling takes back what has not been sent yet


async def jobs(visit: Visit) -> Shown:
    page = await visit.ask("listJobs", query={"limit": "50", "cursor": visit.query.get("cursor")})
    return Shown("jobs.html", {"page": page, "target": lambda job: target(visit, job)})


async def job(visit: Visit) -> Shown:
    """While it runs, the page loads itself again, unless its address says `still`."""
    return await _shown(visit)


async def cancel(visit: Visit) -> Shown | Onward:
    job_id = visit.path["id"]
    try:
        await visit.ask("cancelJob", path={"id": job_id}, body={})
    except Conflict as problem:
        return await _shown(visit, problem)
    return Onward(visit.to("jobs", job_id), said="job_cancelled")


async def _shown(visit: Visit, problem: Problem | None = None) -> Shown:
    job = await visit.ask("getJob", path={"id": visit.path["id"]})
    moves = job["status"] == "running"
    values = {
        "job": job,
        "target": target(visit, job),
        "cancels": _cancels(visit, job),
        "moves": moves,
        "seconds": MOVING_SECONDS if moves and not visit.query.get("still") and problem is None else None,
        "problem": problem,
    }
    return Shown("job.html", values, 200 if problem is None else problem.status)


def target(visit: Visit, job: Mapping[str, Any]) -> str | None:
    """The page of what the job works on; None where it is nothing of its own."""
    object_id = job["object_id"] or ""
    if object_id.startswith("whk_"):
        if job["org_id"] == ALL_ORGS:
            return visit.address("platform", "webhooks", object_id)
        return visit.address("o", job["org_id"], "webhooks", object_id)
    return visit.address("o", job["org_id"], "connectors", object_id) if object_id[:4] == "cnr_" else None


def _cancels(visit: Visit, job: Mapping[str, Any]) -> str | None:
    """What the button that ends it says; None where there is nothing to end, or nobody who may."""
    if job["cancel_requested"] or not visit.may("cancelJob") or visit.org_id != job["org_id"]:
        return None
    if job["status"] == "running":
        return "Cancel the job"
    return "Cancel what is not sent yet" if job["status"] == "done" and job["kind"] in _UNDONE else None


PAGES = (
    Page("/o/{org}/jobs", jobs),
    Page("/o/{org}/jobs/{id}", job),
    Page("/o/{org}/jobs/{id}/cancel", cancel, "POST"),
)
