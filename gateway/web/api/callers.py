"""`POST /api/callers/resolve`: who is calling."""

from __future__ import annotations

from gateway.domain.contact import Caller, CrmLink
from gateway.domain.resolution import CallerResolve, Inquiry
from gateway.enrich.caller import Resolution
from gateway.web import answers
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def resolve_caller(call: Call) -> Answer:
    asked: CallerResolve = call.model
    found = await call.services.callers.resolve(
        call.the_org,
        Inquiry(asked.phone, asked.call_id, asked.direction, asked.attestation),
        begun=call.arrived,
        deadline_ms=asked.deadline_ms,
    )
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
        "`errors`, and then nobody is `not_found`. What comes later is kept and answers the next call. The "
        "deadline counts from the arrival of the request; an `Idempotency-Key` is taken, but repeating is "
        "safe without one, and takes less time.",
    ),
)  # fmt: skip
