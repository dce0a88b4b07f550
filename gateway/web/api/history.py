"""What became of a webhook's events: why one is owed or not, and how its deliveries have been going."""

from __future__ import annotations

from typing import cast

from gateway.domain.event import Event
from gateway.domain.webhook import WebhookExplain
from gateway.errors import InvalidRequest, NotFound
from gateway.manage import explain as explaining
from gateway.manage import stats as statistics
from gateway.manage.stats import WINDOWS, Window
from gateway.store import events as event_rows
from gateway.store import history
from gateway.store import webhooks as webhook_rows
from gateway.store.history import DeliveryFilter
from gateway.store.page import PageQuery
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import choice_parameter
from gateway.web.operation import Operation


async def explain_webhook(call: Call) -> Answer:
    org, webhook_id, event_id = call.the_org, call.path["id"], call.model.event_id
    cipher = org.organization.cipher
    async with call.reading() as conn:
        webhook = await webhook_rows.find(conn, cipher, org.id, webhook_id)
        if webhook is None:
            raise NotFound(f"there is no webhook {webhook_id}")
        row = None if "\0" in event_id else await event_rows.find(conn, org.id, event_id)
        if row is None:
            raise InvalidRequest.field("event_id", "there is no such event")
        made = DeliveryFilter(org_id=org.id, target_id=webhook_id, event_id=row.id)
        deliveries = (await history.page(conn, made, PageQuery(limit=1))).rows
    data = None if row.payload is None else cipher.open(row.id, "payload", row.payload)
    event = Event(row.id, row.org_id, row.type, row.timestamp, data or b"{}")
    found = explaining.explain(webhook, event, kept=data is not None, payload=call.principal.reads_payloads)
    return Answer(shapes.explanation(found, event, webhook_id, deliveries[0].id if deliveries else None))


async def webhook_stats(call: Call) -> Answer:
    webhook_id, services = call.path["id"], call.services
    window = cast(Window, choice_parameter(call, "window", WINDOWS) or "24h")
    async with call.reading() as conn:
        if not await webhook_rows.existed(conn, call.org_filter, webhook_id):
            raise NotFound(f"there is no webhook {webhook_id}")
        found = await statistics.of_target(conn, webhook_id, window, services.clock.now())
    return Answer(shapes.webhook_stats(found, webhook_id))


OPERATIONS = (
    Operation(
        "POST", "/api/webhooks/{id}/explain", "explainWebhook", explain_webhook, "viewer", "manage", "write",
        "Say why an event would make a delivery to the webhook, or would not.", model=WebhookExplain,
        waits=True, names_people=True, answers={200: answers.Explanation},
        note="It is about the webhook as it is now: its status, its patterns, its filter. Nothing is sent. "
        "A platform key sees values of the event only with the scope `payload:read`.",
    ),
    Operation(
        "GET", "/api/webhooks/{id}/stats", "getWebhookStats", webhook_stats, "viewer", "manage", "read",
        "What came of the attempts to the webhook, by the hour.", query=("window",),
        answers={200: answers.WebhookStats},
        note="Counted with each outcome and kept 90 days, longer than the deliveries themselves. "
        "Redeliveries count, tests do not.",
    ),
)  # fmt: skip
