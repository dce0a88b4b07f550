"""`/api/deliveries`, and the deliveries of one webhook: what was sent, and what came back."""

from __future__ import annotations

from gateway.domain.delivery import Status
from gateway.domain.event import Event
from gateway.errors import NotFound
from gateway.store import attempts as attempt_rows
from gateway.store import deliveries as rows
from gateway.store import events as event_rows
from gateway.store import webhooks as webhook_rows
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import (
    PAGE_PARAMETERS,
    choice_parameter,
    list_answer,
    page_query,
    time_parameter,
)
from gateway.web.operation import Operation

_FILTERS = ("status", "type", "since", "until", "event_id")


async def list_deliveries(call: Call) -> Answer:
    return await _list(call, None)


async def list_webhook_deliveries(call: Call) -> Answer:
    webhook_id = call.path["id"]
    async with call.services.store.reading() as conn:
        if not await webhook_rows.existed(conn, call.org_filter, webhook_id):
            raise NotFound(f"there is no webhook {webhook_id}")
    return await _list(call, webhook_id)


async def get_delivery(call: Call) -> Answer:
    delivery_id = call.path["id"]
    services = call.services
    async with services.store.reading() as conn:
        row = await rows.find(conn, call.org_filter, delivery_id)
        if row is None:
            raise NotFound(f"there is no delivery {delivery_id}")
        view = await services.directory.living(row.org_id)
        cipher = view.organization.cipher
        event_row = await event_rows.find(conn, row.org_id, row.event_id)
        made = await attempt_rows.of_delivery(conn, delivery_id)
        revisions = {
            revision_id: await webhook_rows.revision(conn, cipher, revision_id)
            for revision_id in {attempt.revision_id for attempt in made}
        }
    event = None
    if event_row is not None and event_row.payload is not None:
        data = cipher.open(event_row.id, "payload", event_row.payload)
        event = Event(
            event_row.id, event_row.org_id, event_row.type, event_row.timestamp, data, event_row.traceparent
        )
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
    payload = shapes.raw(event.envelope()) if event and readable else None
    content: answers.DeliveryWithAttempts = {**shapes.delivery(row), "payload": payload, "attempts": attempts}
    return Answer(content)


async def _list(call: Call, webhook_id: str | None) -> Answer:
    async with call.services.store.reading() as conn:
        page = await rows.page(
            conn,
            call.org_filter,
            await page_query(call, conn),
            target_id=webhook_id,
            event_id=call.query.get("event_id"),
            status=choice_parameter(call, "status", [status.value for status in Status]),
            type_=call.query.get("type"),
            since=time_parameter(call, "since"),
            until=time_parameter(call, "until"),
        )
    return list_answer([shapes.delivery(row) for row in page.rows], page.next_cursor)


OPERATIONS = (
    Operation(
        "GET", "/api/deliveries", "listDeliveries", list_deliveries, "viewer", "manage", "read",
        "Deliveries in commit order.", query=(*PAGE_PARAMETERS, *_FILTERS),
        answers={200: answers.DeliveryList},
    ),
    Operation(
        "GET", "/api/deliveries/{id}", "getDelivery", get_delivery, "viewer", "manage", "read",
        "One delivery with its payload and its attempts.", answers={200: answers.DeliveryWithAttempts},
        note="The secrets of the webhook, and header values that you gave, are `[secret]` wherever a "
        "receiver repeats them. Viewers see URLs and signatures shortened.",
    ),
    Operation(
        "GET", "/api/webhooks/{id}/deliveries", "listWebhookDeliveries", list_webhook_deliveries, "viewer",
        "manage", "read", "The deliveries of one webhook.", query=(*PAGE_PARAMETERS, *_FILTERS),
        answers={200: answers.DeliveryList},
    ),
)  # fmt: skip
