"""`/api/deliveries`, and the deliveries of one webhook: what was sent, and what came back."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from gateway.domain.delivery import Status
from gateway.domain.event import Event
from gateway.domain.trial import test_event
from gateway.errors import NotFound
from gateway.store import attempts as attempt_rows
from gateway.store import deliveries as rows
from gateway.store import events as event_rows
from gateway.store import webhooks as webhook_rows
from gateway.store.organizations import PLATFORM
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

FILTERS = ("status", "type", "since", "until", "event_id")


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
        # The platform's deliveries are of organizations' events.
        event_row = await event_rows.find(conn, None if row.org_id == PLATFORM else row.org_id, row.event_id)
        made = await attempt_rows.of_delivery(conn, delivery_id)
        revisions = {
            revision_id: await webhook_rows.revision(conn, cipher, revision_id)
            for revision_id in {attempt.revision_id for attempt in made}
        }
    event = _sample(row) if row.test else await _event(call, event_row)
    readable = call.principal.reads_payloads
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


async def _event(call: Call, row: Row[Any] | None) -> Event | None:
    """What was sent; None when it is past its retention."""
    if row is None or row.payload is None:
        return None
    view = await call.services.directory.living(row.org_id)
    data = view.organization.cipher.open(row.id, "payload", row.payload)
    return Event(row.id, row.org_id, row.type, row.timestamp, data, row.traceparent)


def _sample(row: Row[Any]) -> Event | None:
    """A test has no event: its sample is made again; None for a type that this version does not know."""
    try:
        return test_event(row.event_id, row.org_id, row.event_type, row.created_at)
    except (KeyError, FileNotFoundError):
        return None


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
        "Deliveries in commit order.", query=(*PAGE_PARAMETERS, *FILTERS),
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
        "manage", "read", "The deliveries of one webhook.", query=(*PAGE_PARAMETERS, *FILTERS),
        answers={200: answers.DeliveryList},
    ),
)  # fmt: skip
