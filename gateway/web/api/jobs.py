"""`/api/jobs`: long work, and how far it has come."""

from __future__ import annotations

from gateway.domain.job import JobCancel
from gateway.errors import NotFound
from gateway.store import jobs as rows
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_query
from gateway.web.operation import Operation


async def list_jobs(call: Call) -> Answer:
    async with call.reading() as conn:
        page = await rows.page(conn, call.org_filter, await page_query(call, conn))
    return list_answer([shapes.job(row) for row in page.rows], page.next_cursor)


async def get_job(call: Call) -> Answer:
    async with call.reading() as conn:
        row = await rows.find(conn, call.org_filter, call.path["id"])
    if row is None:
        raise NotFound(f"there is no job {call.path['id']}")
    return Answer(shapes.job(row))


async def cancel_job(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        job = await services.redeliveries.cancel_job(tx, call.the_org, call.path["id"])
    return Answer(shapes.job(job))


OPERATIONS = (
    Operation(
        "GET", "/api/jobs", "listJobs", list_jobs, "viewer", "manage", "read", "All jobs.",
        query=PAGE_PARAMETERS, answers={200: answers.JobList},
    ),
    Operation(
        "GET", "/api/jobs/{id}", "getJob", get_job, "viewer", "manage", "read",
        "One job, and how far it has come.", answers={200: answers.Job},
    ),
    Operation(
        "POST", "/api/jobs/{id}/cancel", "cancelJob", cancel_job, "operator", "manage", "write",
        "End a job, and cancel what it has made and nobody has taken up yet.", model=JobCancel,
        of_platform=True, answers={200: answers.Job}, errors=("job_over",),
        note="Also for a job that is done while its deliveries still wait. It is `cancelled` a moment later. "
        "An erasure stays done.",
    ),
)  # fmt: skip
