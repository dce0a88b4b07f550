"""`/api/events`: the way in, and reading back."""

from __future__ import annotations

import hashlib
import logging
import re
from functools import lru_cache
from typing import Any

import msgspec

from gateway.domain import own_types
from gateway.domain.event import BatchInput, EventInput, NewEvent
from gateway.domain.event_types import CATALOGUE
from gateway.domain.near_miss import hints_for_event
from gateway.errors import BadRequest, Detail, Forbidden, InvalidRequest, NotFound, Problem
from gateway.ingest.accept import Acceptance
from gateway.ingest.plan import Answer as EventAnswer
from gateway.store import events as event_rows
from gateway.store import history
from gateway.store.directory import OrgView
from gateway.store.history import DeliveryFilter
from gateway.store.idempotency import KEPT_MS, Claim
from gateway.web import answers, shapes
from gateway.web.body import BATCH, check_json_type
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, page_query, span_parameters, type_parameter
from gateway.web.operation import Operation
from gateway.web.repeats import check_key

log = logging.getLogger("gateway.events")

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}\Z")


async def send_event(call: Call) -> Answer:
    check_json_type(call.headers.get("content-type"))
    services = call.services
    started = services.clock.monotonic()
    new = services.parser.single(call.body)
    if new.org_id is not None:
        raise InvalidRequest.field("org_id", "belongs into the X-HUM-Org header; only batches name it here")
    new.traceparent = _traceparent(call)
    acceptance = Acceptance([(call.the_org, new)], _claim(call, call.the_org.id, "POST /api/events"))
    accepted = await services.accept.accept(acceptance)
    answer = accepted.answers[0]
    if isinstance(answer, Problem):
        raise answer
    services.metrics.accept_seconds.observe(services.clock.monotonic() - started)
    if not accepted.replayed:
        services.metrics.events_accepted.labels("api").inc()
        services.metrics.deliveries_created.inc(answer.deliveries)
    shown = _with_warnings(answer)
    return Answer(raw=msgspec.json.encode(shown), status=202, headers=_replayed(accepted.replayed))


async def send_batch(call: Call) -> Answer:
    check_json_type(call.headers.get("content-type"))
    services = call.services
    started = services.clock.monotonic()
    parsed, mode = services.parser.batch(call.body)
    items = [await _with_organization(call, index, item) for index, item in enumerate(parsed)]
    good = [item for item in items if not isinstance(item, Problem)]
    problems = [item for item in items if isinstance(item, Problem)]
    if mode == "atomic" and problems:
        raise _together(problems)
    answers: list[EventAnswer | Problem] = []
    replayed = False
    if good:
        claim = _claim(call, good[0][0].id, "POST /api/events/batch")
        accepted = await services.accept.accept(
            Acceptance(good, claim, "each" if mode == "each" else "atomic")
        )
        answers, replayed = accepted.answers, accepted.replayed
    services.metrics.accept_seconds.observe(services.clock.monotonic() - started)
    if not replayed:
        made = [answer for answer in answers if isinstance(answer, EventAnswer)]
        services.metrics.events_accepted.labels("batch").inc(len(made))
        services.metrics.deliveries_created.inc(sum(answer.deliveries for answer in made))
    rest = iter(answers)
    results = [item if isinstance(item, Problem) else next(rest) for item in items]
    shown = [
        _problem(result) if isinstance(result, Problem) else _with_warnings(result, f"events[{index}].")
        for index, result in enumerate(results)
    ]
    status = 207 if mode == "each" else 202
    return Answer(raw=msgspec.json.encode({"data": shown}), status=status, headers=_replayed(replayed))


async def list_events(call: Call) -> Answer:
    since, until = span_parameters(call)
    async with call.reading() as conn:
        page = await event_rows.page(
            conn,
            call.org_filter,
            await page_query(call, conn),
            type_=type_parameter(call),
            since=since,
            until=until,
        )
    content: answers.EventList = {
        "data": [shapes.event(row) for row in page.rows],
        "next_cursor": page.next_cursor,
        "searched_until": shapes.time(page.searched_until),
    }
    return Answer(content)


async def get_event(call: Call) -> Answer:
    event_id = call.path["id"]
    async with call.reading() as conn:
        row = await event_rows.find(conn, call.org_filter, event_id)
    if row is None:
        raise NotFound(f"there is no event {event_id}")
    shown: answers.EventWithData = {**shapes.event(row), "data": None, "payload": "kept"}
    if row.payload is None:
        shown["payload"] = "expired"
    elif not call.principal.reads_payloads:
        shown["payload"] = "hidden"
    else:
        view = await call.services.directory.living(row.org_id)
        call.audit.payload = True
        shown["data"] = shapes.raw(view.organization.cipher.open(row.id, "payload", row.payload))
    return Answer(shown)


async def list_event_deliveries(call: Call) -> Answer:
    event_id = call.path["id"]
    async with call.reading() as conn:
        if await event_rows.find(conn, call.org_filter, event_id) is None:
            raise NotFound(f"there is no event {event_id}")
        wanted = DeliveryFilter(org_id=call.org_filter, event_id=event_id)
        page = await history.page(conn, wanted, await page_query(call, conn))
    content: answers.DeliveryList = {
        "data": [shapes.delivery(row) for row in page.rows],
        "next_cursor": page.next_cursor,
        "searched_until": None,
    }
    return Answer(content)


async def list_event_types(call: Call) -> Answer:
    return Answer(
        {
            "data": [
                {
                    "name": entry.name,
                    "description": entry.description,
                    "own": entry.name in own_types.OWN,
                    "schema": own_types.schema(entry.name),
                    "example": own_types.example(entry.name),
                }
                for entry in (*CATALOGUE.values(), *own_types.OWN.values())
            ],
            "next_cursor": None,
        }
    )


async def _with_organization(
    call: Call, index: int, item: NewEvent | Problem
) -> tuple[OrgView, NewEvent] | Problem:
    """The event with its organization: the request's, or for a platform key the one the event names."""
    if isinstance(item, Problem):
        return item
    item.traceparent = _traceparent(call)
    if item.org_id is None and call.org is None:
        message = "is required, here or as the X-HUM-Org header"
        return BadRequest.field(f"events[{index}].org_id", message, code="organization_required")
    if item.org_id is None or (call.org is not None and item.org_id == call.org.id):
        return call.the_org, item
    if not call.principal.platform:
        return Forbidden(
            f"events[{index}].org_id: this key belongs to another organization", code="wrong_organization"
        )
    try:
        directory = call.services.directory
        if call.services.create_orgs:
            return (await directory.ensure(item.org_id))[0], item
        return await directory.living(item.org_id), item
    except Problem as problem:
        problem.details = [Detail(f"events[{index}].org_id", problem.message)]
        return problem


def _claim(call: Call, org_id: str, scope: str) -> Claim | None:
    key = call.headers.get("idempotency-key")
    if key is None:
        return None
    expires = call.services.clock.now() + KEPT_MS
    digest = hashlib.sha256(call.body).digest()
    if call.principal.platform:
        scope += " platform"
    return Claim(org_id, scope, check_key(key), digest, call.request_id, expires)


def _traceparent(call: Call) -> str | None:
    given = call.headers.get("traceparent")
    return given if given is not None and _TRACEPARENT.match(given) else None


def _replayed(replayed: bool) -> dict[str, str]:
    return {"Idempotent-Replayed": "true"} if replayed else {}


def _with_warnings(answer: EventAnswer, prefix: str = "") -> EventAnswer | dict[str, Any]:
    """The answer; with what looks like a mistake in its event, if anything does."""
    hints = hints_for_event(answer.type, answer.timestamp, answer.accepted_at)
    if not hints:
        return answer
    for hint in hints:
        _log_once(f"{hint.field}: {hint.message}")
    warnings = [{"field": prefix + hint.field, "message": hint.message} for hint in hints]
    return {**msgspec.structs.asdict(answer), "warnings": warnings}


@lru_cache(maxsize=1024)
def _log_once(hint: str) -> None:
    """A sender that errs does so in every event: the log hears of it the first time."""
    log.warning("an event was accepted that looks like a mistake: %s", hint)


def _together(problems: list[Problem]) -> Problem:
    """All problems of an atomic batch in one."""
    first = problems[0]
    first.details = [detail for problem in problems for detail in problem.details]
    if len(problems) > 1:
        first.message += f" (and {len(problems) - 1} more of these events)"
    return first


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "error": problem.code,
        "message": problem.message,
        "status": problem.status,
        "details": [{"field": detail.field, "message": detail.message} for detail in problem.details],
    }


OPERATIONS = (
    Operation(
        "POST", "/api/events", "sendEvent", send_event, "operator", "events:write", "write",
        "Accept one event; it is durable when this answers.",
        limit=lambda services: services.max_event_bytes + 16 * 1024,
        body=EventInput, answers={202: answers.AcceptedEvent}, headers=("traceparent",),
        errors=("reserved_type", "external_id_conflict", "storage_full"), audited=False,
        note="`data` is kept and delivered byte for byte: key order, `1.10` and 30-digit integers survive. "
        "The `data` of a type of the catalogue must be as described under Events; other types are taken as "
        "they are. An event that no webhook wants is kept, too.",
    ),
    Operation(
        "POST", "/api/events/batch", "sendEvents", send_batch, "operator", "events:write", "write",
        "Accept up to 1,000 events at once.", org="optional", limit=lambda services: BATCH,
        body=BatchInput, answers={202: answers.AcceptedBatch, 207: answers.MixedBatch},
        headers=("traceparent",), errors=("reserved_type", "external_id_conflict", "storage_full"),
        audited=False,
        note="`atomic`, the default, takes all events or none (202). `each` takes what it can and answers "
        "207 with a result or an error for each. A platform key may name the organization in each event.",
    ),
    Operation(
        "GET", "/api/events", "listEvents", list_events, "viewer", "manage", "read",
        "Events in commit order.", query=(*PAGE_PARAMETERS, "type", "since", "until"),
        answers={200: answers.EventList}, note="Without their data: read one event for that.",
    ),
    Operation(
        "GET", "/api/events/{id}", "getEvent", get_event, "viewer", "manage", "read",
        "One event, with its data.", answers={200: answers.EventWithData},
    ),
    Operation(
        "GET", "/api/events/{id}/deliveries", "listEventDeliveries", list_event_deliveries, "viewer",
        "manage", "read", "To whom an event is owed, and how that stands.", query=PAGE_PARAMETERS,
        answers={200: answers.DeliveryList},
    ),
    Operation(
        "GET", "/api/event-types", "listEventTypes", list_event_types, "viewer", "manage", "read",
        "The catalogue, with schema and example of each type.", org="none",
        answers={200: answers.EventTypeList},
        note="The gateway's own events come last: no pattern matches them, a webhook names each in full.",
    ),
)  # fmt: skip
