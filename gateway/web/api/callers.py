"""`POST /api/callers/resolve`: who is calling."""

from __future__ import annotations

from gateway.domain.resolution import CallerResolve, Inquiry
from gateway.enrich.caller import Resolution
from gateway.web import answers, shapes_contacts
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
        contact = shapes_contacts.caller(found.caller, found.contact_id, found.phone, found.at)
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
