"""`/api/deliveries`, and the deliveries of one webhook: what was sent, and what came back."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from sqlalchemy.engine import Row

from gateway.dispatch import call_sync
from gateway.domain.call import call_id_of
from gateway.domain.delivery import Status, shown_status
from gateway.domain.event import Event
from gateway.domain.exchange import RECORDED_ERRORS
from gateway.domain.trial import test_event
from gateway.domain.waiting import waiting
from gateway.errors import Forbidden, InvalidRequest, NotFound
from gateway.store import attempts as attempt_rows
from gateway.store import deliveries as rows
from gateway.store import events as event_rows
from gateway.store import health, history
from gateway.store import revisions as revision_rows
from gateway.store import webhooks as webhook_rows
from gateway.store.directory import OrgView
from gateway.store.history import DeliveryFilter
from gateway.store.organizations import PLATFORM
from gateway.store.page import decode_cursor
from gateway.store.scan import Found
from gateway.web import answers, exports, search, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import (
    PAGE_PARAMETERS,
    choice_parameter,
    number_parameter,
    page_query,
    span_parameters,
    type_parameter,
)
from gateway.web.operation import Operation
from gateway.web.search import Search

FILTERS = ("status", "type", "since", "until", "event_id", "last_status_code", "last_error", "q")
_ROWS_OF_AN_EXPORT: Final = 500  # at a time
_COLUMNS: Final = {
    name: (lambda row, name=name: row[name])
    for name in (
        "id", "org_id", "event_id", "event_type", "status", "reason", "attempts_made", "next_attempt_at",
        "created_at", "completed_at", "expires_at", "redelivery_of", "last_status_code", "last_error", "test",
    )
} | {
    "target_type": lambda row: row["target"]["type"],
    "target_id": lambda row: row["target"]["id"],
    "target_url": lambda row: row["target_url"],
}  # fmt: skip


async def list_deliveries(call: Call) -> Answer:
    return await list_of_target(call, None)


async def list_webhook_deliveries(call: Call) -> Answer:
    webhook_id = call.path["id"]
    async with call.reading() as conn:
        if not await webhook_rows.existed(conn, call.org_filter, webhook_id):
            raise NotFound(f"there is no webhook {webhook_id}")
    return await list_of_target(call, webhook_id)


async def get_delivery(call: Call) -> Answer:
    delivery_id = call.path["id"]
    services = call.services
    async with call.reading() as conn:
        row = await rows.find(conn, call.org_filter, delivery_id)
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        view = await services.directory.living(row.org_id)
        cipher = view.organization.cipher
        # The platform's deliveries are of organizations' events.
        event_row = await event_rows.find(conn, None if row.org_id == PLATFORM else row.org_id, row.event_id)
        made = await attempt_rows.of_delivery(conn, delivery_id)
        revisions = {
            revision_id: await revision_rows.find(conn, cipher, revision_id)
            for revision_id in {attempt.revision_id for attempt in made}
        }
    event = _sample(row) if row.test else await _event(call, event_row)
    readable = call.principal.reads_payloads
    call.audit.payload = readable
    attempts = [
        shapes.attempt(
            attempt,
            row,
            event,
            revisions[attempt.revision_id],
            cipher,
            whole=call.principal.sees_secrets_of_urls,
            payload=readable,
            cdn_loop=services.cdn_loop,
        )
        for attempt in made
    ]
    payload = shapes.raw(await _body(call, row, view, event, made)) if event and readable else None
    content: answers.DeliveryWithAttempts = {
        **shapes.delivery(row),
        "payload": payload,
        "waiting_for": await _waiting_for(call, row, view),
        "attempts": attempts,
    }
    return Answer(content)


async def _waiting_for(call: Call, row: Row[Any], view: OrgView) -> answers.WaitingFor | None:
    """Why it waits; None for one that does not, and for one whose target was deleted a moment ago. What is in
    a node's memory, and therefore in flight, may wait there: of that only the node itself knows."""
    target = view.addressee(row.target_id)
    status = shown_status(row.status, row.queue)
    waits_here = status is Status.IN_FLIGHT and call.services.waits_here(row.target_id, row.id)
    if target is None or not (status is Status.PENDING or waits_here):
        return None
    async with call.reading() as conn:
        held_until, silent = await health.in_the_way(conn, target.id)
    now = call.services.clock.now()
    found = waiting(row.queue, row.due_at, target, held_until=held_until, silent=silent, now=now)
    return shapes.waiting(found)


async def _body(call: Call, row: Row[Any], view: OrgView, event: Event, made: Sequence[Row[Any]]) -> bytes:
    """What is sent: a webhook gets the event; a connector the call as it stands at this moment, with the
    contact of the latest attempt."""
    call_id = call_id_of(event.type, event.data) if row.target_type == "connector" else None
    if call_id is None:
        return event.envelope()
    state = await call_sync.state_of(call.services.store, view, call_id, event)
    records = [attempt_rows.open_record(view.organization.cipher, attempt) for attempt in reversed(made)]
    contact = next((record.contact for record in records if record and record.contact), b"null")
    return call_sync.body_of(state, contact)


async def _event(call: Call, row: Row[Any] | None) -> Event | None:
    """What was sent; None when it is past its retention, or its organization was erased."""
    if row is None or row.payload is None:
        return None
    view = await call.services.directory.organization(row.org_id)
    if view is None or view.organization.erased_at is not None:
        return None
    data = view.organization.cipher.open(row.id, "payload", row.payload)
    return Event(row.id, row.org_id, row.type, row.timestamp, data, row.traceparent)


def _sample(row: Row[Any]) -> Event | None:
    """A test has no event: its sample is made again; None for a type that this version does not know."""
    try:
        return test_event(row.event_id, row.org_id, row.event_type, row.created_at)
    except (KeyError, FileNotFoundError):
        return None


async def list_of_target(call: Call, target_id: str | None) -> Answer:
    """The deliveries to one target, or to all, as the request's parameters want them."""
    since, until = span_parameters(call)
    wanted = DeliveryFilter(
        org_id=call.org_filter,
        target_id=target_id,
        event_id=call.query.get("event_id"),
        status=choice_parameter(call, "status", [status.value for status in Status]),
        type=type_parameter(call),
        last_status_code=number_parameter(call, "last_status_code", 100, 999),
        last_error=choice_parameter(call, "last_error", RECORDED_ERRORS),
        since=since,
        until=until,
    )
    kind = exports.wanted_kind(call.headers.get("accept", ""))
    if kind is not None:
        return await _export(call, wanted, kind)
    text = call.query.get("q")
    if text is not None:
        return await _search(call, wanted, text)
    async with call.reading() as conn:
        page = await history.page(conn, wanted, await page_query(call, conn))
    return _page(page)


async def _search(call: Call, wanted: DeliveryFilter, text: str) -> Answer:
    if not call.principal.reads_payloads:
        raise Forbidden("q looks into payloads: this needs a key with the scope payload:read")
    call.audit.payload = True
    if not search.is_text_to_look_for(text):
        raise InvalidRequest.field("q", f"must be 1 to {search.LONGEST} characters")
    services = call.services
    async with call.searching() as conn:
        query = await page_query(call, conn)
        keep = Search(text, services.directory, services.clock)
        page = await history.page(conn, wanted, query, effort=search.EFFORT, keep=keep)
    return _page(page)


async def _export(call: Call, wanted: DeliveryFilter, kind: str) -> Answer:
    call.principal.require("admin", "manage")
    for name in ("limit", "cursor", "q"):
        if name in call.query:
            raise InvalidRequest.field(name, "is not for exports, which hold every delivery that matches")
    async with call.reading() as conn:
        query = replace(await page_query(call, conn), limit=_ROWS_OF_AN_EXPORT)

    async def pages(cursor: str | None) -> tuple[list[Mapping[str, Any]], str | None]:
        after = None if cursor is None else decode_cursor(cursor, query.order)
        async with call.reading() as conn:
            page = await history.page(conn, wanted, replace(query, after=after))
        shown: list[Mapping[str, Any]] = [shapes.delivery(row) for row in page.rows]
        if kind == exports.CSV:
            urls = await _urls(call, {(row.org_id, row.target_id) for row in page.rows})
            shown = [{**row, "target_url": urls[row["target"]["id"]]} for row in shown]
        return shown, page.next_cursor

    return Answer(stream=exports.stream(kind, _COLUMNS, pages), media_type=kind)


async def _urls(call: Call, targets: Collection[tuple[str, str]]) -> dict[str, str | None]:
    """The present URL of each of these webhooks and connectors, given with their organizations; None for one
    that is no more."""
    directory = call.services.directory
    views = {org_id: await directory.organization(org_id) for org_id in {org_id for org_id, _ in targets}}
    found = {}
    for org_id, target_id in targets:
        view = views[org_id]
        target = None if view is None else view.addressee(target_id)
        found[target_id] = None if target is None else target.url
    return found


def _page(found: Found) -> Answer:
    content: answers.DeliveryList = {
        "data": [shapes.delivery(row) for row in found.rows],
        "next_cursor": found.next_cursor,
        "searched_until": shapes.time(found.searched_until),
    }
    return Answer(content)


EXPORTS: Final = (exports.CSV, exports.LINES)
ABOUT_LISTS: Final = (
    "A page reads so much and no more: one that is short and has a `next_cursor` is not the last. With "
    "`Accept: text/csv` or `application/x-ndjson` the answer is a stream of every delivery that matches, for "
    "the role *admin*, without `limit`, `cursor` and `q`."
)

OPERATIONS = (
    Operation(
        "GET", "/api/deliveries", "listDeliveries", list_deliveries, "viewer", "manage", "read",
        "Deliveries in commit order.", query=(*PAGE_PARAMETERS, *FILTERS),
        answers={200: answers.DeliveryList}, exports=EXPORTS, note=ABOUT_LISTS,
    ),
    Operation(
        "GET", "/api/deliveries/{id}", "getDelivery", get_delivery, "viewer", "manage", "read",
        "One delivery with its payload and its attempts.", answers={200: answers.DeliveryWithAttempts},
        note="The secrets of the webhook, and header values that you gave, are `[secret]` wherever a "
        "receiver repeats them. Viewers see URLs and signatures shortened.",
    ),
    Operation(
        "GET", "/api/webhooks/{id}/deliveries", "listWebhookDeliveries", list_webhook_deliveries, "viewer",
        "manage", "read", "The deliveries of one webhook.", query=(*PAGE_PARAMETERS, *FILTERS),
        answers={200: answers.DeliveryList}, exports=EXPORTS, note=ABOUT_LISTS,
    ),
)  # fmt: skip
