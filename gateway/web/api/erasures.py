"""`/api/erasures`: a person asks to be forgotten."""

from __future__ import annotations

from gateway.manage import erasures as manage
from gateway.manage.erasures import Erasure, ErasureCreate
from gateway.web import answers
from gateway.web.audit import who
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def erase_person(call: Call) -> Answer:
    request: ErasureCreate = call.model
    services, org = call.services, call.the_org.organization
    call.audit.details = {"person": manage.person_of(org, request), "dry_run": request.dry_run}
    if request.dry_run:
        found = await manage.preview(services.store, org, request)
    else:
        found = await manage.erase(
            services.store, services.clock, services.announce, org, request, who(call).actor
        )
        await services.removal.erased()
    return Answer(_shape(found))


def _shape(found: Erasure) -> answers.Erasure:
    return {
        "id": found.id,
        "kind": "erasure",
        "status": "done",
        "dry_run": found.id is None,
        "numbers": found.numbers,
        "found": dict(found.found),
        "matched": found.found["events"],
        "done": found.events,
        "failed": 0,
        "cancelled": found.cancelled,
    }


OPERATIONS = (
    Operation(
        "POST", "/api/erasures", "erasePerson", erase_person, "admin", "manage", "write",
        "Erase a person: whatever names their number.", model=ErasureCreate, waits=True,
        answers={200: answers.Erasure}, errors=("own_number",),
        note="Payloads of events that name the number, what receivers answered to them, deliveries that are "
        "pending, the contact in the address book, and what connectors were asked and have answered; whom "
        "the book has under several numbers, under all of them. When it answers, all of it is gone; if it "
        "breaks off, make it again. `dry_run` counts. A number of the organization's own is refused: one "
        "that is listed in `own_numbers`, and one that was called, or called from, in the newest events. "
        "`contact.erased` goes to webhooks that name it. The audit log keeps a keyed hash of the number.",
    ),
)  # fmt: skip
