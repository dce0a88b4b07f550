"""`/api/callers`: who is calling."""

from __future__ import annotations

from gateway.domain.contact import Caller, CrmLink
from gateway.domain.resolution import CallerResolve, Inquiry, Resolution
from gateway.errors import NotFound
from gateway.web import answers
from gateway.web.call import Answer, Call
from gateway.web.lists import number_parameter
from gateway.web.operation import Operation

MOST_WAIT_MS = 20_000
MOST_REVISION = 1_000


async def resolve_caller(call: Call) -> Answer:
    asked: CallerResolve = call.model
    found = await call.services.callers.resolve(
        call.the_org,
        Inquiry(asked.phone, asked.call_id, asked.direction, asked.attestation),
        begun=call.arrived,
        deadline_ms=asked.deadline_ms,
    )
    return Answer(shape(found))


async def get_resolution(call: Call) -> Answer:
    wait_ms = number_parameter(call, "wait_ms", 0, MOST_WAIT_MS) or 0
    after = number_parameter(call, "after", 0, MOST_REVISION) or 0
    resolutions = call.services.callers.resolutions
    found = await resolutions.find(call.the_org, call.path["id"], wait=wait_ms / 1000, after=after)
    if found is None:
        raise NotFound(f"there is no resolution {call.path['id']}, or it is older than a day")
    return Answer(shape(found))


def shape(found: Resolution) -> answers.Resolution:
    """A resolution as it is shown."""
    contact = None
    if found.caller is not None and found.phone is not None:
        contact = _contact(found.caller, found.contact_id, found.phone, found.at)
    return {
        "phone": found.phone,
        "status": found.status,
        "source": found.freshness,
        "elapsed_ms": found.elapsed_ms,
        "resolution_id": found.id,
        "contact": contact,
        "context": found.context,
        "errors": [{"source": one.source, "error": one.error} for one in found.errors],
        "pending": list(found.pending),
        "revision": found.revision,
    }


def _contact(caller: Caller, contact_id: str | None, phone: str, at: int) -> answers.Caller:
    values = caller.values
    return {
        "id": contact_id,
        "phone": phone,
        "name": values.get("name"),
        "first_name": values.get("first_name"),
        "last_name": values.get("last_name"),
        "email": values.get("email"),
        "company": values.get("company"),
        "title": values.get("title"),
        "carrier": values.get("carrier"),
        "line_type": values.get("line_type"),
        "caller_name": values.get("caller_name"),
        "tags": list(caller.tags),
        "crm": [_link(link) for link in caller.links],
        "provenance": dict(caller.provenance),
        "ages": {name: max(at - fetched, 0) // 1000 for name, fetched in caller.fetched.items()},
    }


def _link(link: CrmLink) -> answers.CrmLink:
    return {
        "connector_id": link.connector_id,
        "contact_id": link.contact_id,
        "url": link.url,
        "matches": link.matches,
    }


OPERATIONS = (
    Operation(
        "POST", "/api/callers/resolve", "resolveCaller", resolve_caller, "operator", "callers:resolve",
        "write", "Who is calling, answered within the deadline.", model=CallerResolve, org="one", waits=True,
        answers={200: answers.Resolution}, audited=False,
        note="Every source is asked at once; what is known when `deadline_ms` is nearly over is the answer, "
        "and it is always 200, for any text as `phone`. A source that has not answered, or failed, stands in "
        "`errors`, and then nobody is `not_found`. Whoever is still being asked stands in `pending`: what "
        "comes of that is under the `resolution_id`, is told as the event `caller.resolved`, and answers the "
        "next call. The deadline counts from the arrival of the request; an `Idempotency-Key` is taken, but "
        "repeating is safe without one, and takes less time.",
    ),
    Operation(
        "GET", "/api/callers/resolutions/{id}", "getResolution", get_resolution, "viewer", "callers:resolve",
        "read", "What a caller was resolved to, with what came later.", org="one", query=("wait_ms", "after"),
        answers={200: answers.Resolution},
        note="Kept for 24 hours. While sources are `pending`, it waits up to `wait_ms` for an answer that "
        "says more than the one of revision `after`, or for the last word.",
    ),
)  # fmt: skip
