"""`/api/callers`: who is calling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, cast

from gateway.clock import format_time
from gateway.domain.dial import DEADLINES, Curve
from gateway.domain.preview import CallerPreview, Preview
from gateway.domain.resolution import CallerResolve, Inquiry, Problem, Resolution
from gateway.enrich.caller import ends_of
from gateway.errors import NotFound
from gateway.manage import dial as manage_dial
from gateway.manage.dial import Dial
from gateway.manage.stats import WINDOWS, Window
from gateway.web import answers, shapes_contacts
from gateway.web.call import Answer, Call
from gateway.web.lists import choice_parameter, number_parameter
from gateway.web.operation import Operation

MOST_WAIT_MS = 20_000
MOST_REVISION = 1_000
DIAL_WINDOW: Final = "7d"  # without one


async def resolve_caller(call: Call) -> Answer:
    asked: CallerResolve = call.model
    callers = call.services.callers
    inquiry = Inquiry(asked.phone or "", asked.call_id, asked.direction, asked.attestation)
    if call.org is None:
        found = callers.unheard(inquiry, begun=call.arrived, deadline_ms=asked.deadline_ms)
    else:
        found = await callers.resolve(call.org, inquiry, begun=call.arrived, deadline_ms=asked.deadline_ms)
    return Answer(shape(found))


def _in_time(call: Call) -> float:
    return ends_of(call.arrived, call.model.deadline_ms)


async def get_resolution(call: Call) -> Answer:
    wait_ms = number_parameter(call, "wait_ms", 0, MOST_WAIT_MS) or 0
    after = number_parameter(call, "after", 0, MOST_REVISION) or 0
    resolutions = call.services.callers.resolutions
    found = await resolutions.find(call.the_org, call.path["id"], wait=wait_ms / 1000, after=after)
    if found is None:
        raise NotFound(f"there is no resolution {call.path['id']}, or it is older than a day")
    return Answer(shape(found))


async def preview_caller(call: Call) -> Answer:
    asked: CallerPreview = call.model
    return Answer(shape_preview(await call.services.previews.preview(call.the_org, asked)))


async def get_dial(call: Call) -> Answer:
    window = cast(Window, choice_parameter(call, "window", WINDOWS) or DIAL_WINDOW)
    async with call.reading() as conn:
        found = await manage_dial.of_organization(conn, call.the_org, window, call.services.clock.now())
    return Answer(shape_dial(found))


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
        "errors": _errors(found.errors),
        "pending": list(found.pending),
        "revision": found.revision,
    }


def shape_preview(found: Preview) -> answers.CallerPreview:
    contact = None
    if found.caller is not None and found.phone is not None:
        contact = shapes_contacts.caller(found.caller, found.contact_id, found.phone, found.at)
    return {
        "phone": found.phone,
        "status": found.status,
        "source": found.freshness,
        "contact": contact,
        "context": found.context,
        "shown": list(found.shown),
        "withheld": list(found.withheld),
        "errors": _errors(found.errors),
    }


def shape_dial(found: Dial) -> answers.CallerDial:
    together = found.together
    return {
        "window": found.window,
        "since": format_time(found.since),
        "until": format_time(found.until),
        "callers": together.callers,
        "known": together.known,
        "deadlines": _deadlines(together),
        "connectors": [
            {
                "connector_id": connector.id,
                "name": connector.name,
                "callers": curve.callers,
                "known": curve.known,
                "deadlines": _deadlines(curve),
            }
            for connector, curve in found.connectors
        ],
    }


def _deadlines(curve: Curve) -> list[answers.DialDeadline]:
    return [
        {
            "deadline_ms": deadline,
            "known": curve.within[deadline],
            "share": round(curve.within[deadline] / curve.callers, 4) if curve.callers else None,
        }
        for deadline in DEADLINES
    ]


def _errors(errors: Iterable[Problem]) -> list[answers.CallerError]:
    return [{"source": one.source, "error": one.error} for one in errors]


OPERATIONS = (
    Operation(
        "POST", "/api/callers/resolve", "resolveCaller", resolve_caller, "operator", "callers:resolve",
        "write", "Who is calling, answered within the deadline.", model=CallerResolve, org="one", waits=True,
        answers={200: answers.Resolution}, audited=False, repeatable=True, in_time=_in_time,
        note="Every source is asked at once; what is known when `deadline_ms` is nearly over is the answer, "
        "and it is always 200, for any text as `phone`, and for null. A source that has not answered, or "
        "failed, stands in `errors`, and then nobody is `not_found`. Whoever is still being asked stands in "
        "`pending`: what comes of that is under the `resolution_id`, is told as the event `caller.resolved`, "
        "and answers the next call. The deadline counts from the arrival of the request. Repeating makes "
        "nothing twice: an `Idempotency-Key` is not looked at.",
    ),
    Operation(
        "GET", "/api/callers/resolutions/{id}", "getResolution", get_resolution, "viewer", "callers:resolve",
        "read", "What a caller was resolved to, with what came later.", org="one", query=("wait_ms", "after"),
        answers={200: answers.Resolution},
        note="Kept for 24 hours. While sources are `pending`, it waits up to `wait_ms` for an answer that "
        "says more than the one of revision `after`, or for the last word.",
    ),
    Operation(
        "POST", "/api/callers/preview", "previewCaller", preview_caller, "operator", "callers:resolve",
        "write", "What an agent would be told of a caller, without asking anybody.", model=CallerPreview,
        org="one", answers={200: answers.CallerPreview}, audited=False, repeatable=True,
        note="Of a `phone`: what the address book has and connectors have said before. With a `contact`: of "
        "somebody with these values. `context_template` and `caller_fields` are tried in place of the "
        "organization's. It changes nothing.",
    ),
    Operation(
        "GET", "/api/callers/dial", "getCallerDial", get_dial, "viewer", "callers:resolve", "read",
        "How many callers would be known at which deadline.", org="one", query=("window",),
        answers={200: answers.CallerDial},
        note="Each caller counts from the arrival of the question to when a source first knew them, also "
        "when that was too late for the call; what was known already counts at once.",
    ),
)  # fmt: skip
