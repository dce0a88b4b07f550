"""`/api/webhooks`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gateway.domain.near_miss import near_misses
from gateway.domain.webhook import (
    Webhook,
    WebhookCreate,
    WebhookDisable,
    WebhookEnable,
    WebhookRelease,
    WebhookUpdate,
)
from gateway.errors import NotFound
from gateway.manage import webhooks as manage
from gateway.store import health
from gateway.store import webhooks as rows
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_of, page_query
from gateway.web.operation import Operation


async def create_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        webhook = await manage.create(
            tx, call.the_org, call.model, services.rules, services.clock.now(), services.announce
        )
    # Shown now and never again; one that the customer brought along is not repeated at all.
    secret = None if call.model.secret is not None else webhook.secrets[0].value
    content: answers.CreatedWebhook = {
        **shapes.webhook(webhook, None, whole=True, now=services.clock.now()),
        "secret": secret,
        "warnings": _warnings(call.model.events),
    }
    return Answer(content, 201)


async def list_webhooks(call: Call) -> Answer:
    async with call.reading() as conn:
        query = await page_query(call, conn)
        orgs = [call.the_org] if call.org else await call.services.directory.everybody()
        found = [w for org in orgs for w in await rows.of_organization(conn, org.organization.cipher, org.id)]
        page, cursor = page_of(found, query)
        known = await health.latest(conn, [w.id for w in page])
    return list_answer([_shape(call, w, known.get(w.id)) for w in page], cursor)


async def get_webhook(call: Call) -> Answer:
    async with call.reading() as conn:
        webhook = await rows.find(conn, call.the_org.organization.cipher, call.the_org.id, call.path["id"])
        if webhook is None:
            raise NotFound(f"there is no webhook {call.path['id']}")
        known = await health.latest(conn, [webhook.id])
    return Answer(_shape(call, webhook, known.get(webhook.id)))


async def update_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        webhook = await manage.update(
            tx, call.the_org, call.path["id"], call.model, services.rules, services.clock.now(),
            services.announce,
        )  # fmt: skip
        known = await health.latest(tx.conn, [webhook.id])
    content: answers.ChangedWebhook = {
        **_shape(call, webhook, known.get(webhook.id)),
        "warnings": _warnings(call.model.events or ()),
    }
    return Answer(content)


async def enable_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        webhook = await manage.enable(
            tx, call.the_org, call.path["id"], call.model, services.rules, services.clock.now(),
            services.announce,
        )  # fmt: skip
        known = await health.latest(tx.conn, [webhook.id])
    return Answer(_shape(call, webhook, known.get(webhook.id)))


async def disable_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        change = WebhookUpdate(enabled=False)
        webhook = await manage.update(
            tx, call.the_org, call.path["id"], change, services.rules, services.clock.now(),
            services.announce,
        )  # fmt: skip
        known = await health.latest(tx.conn, [webhook.id])
    return Answer(_shape(call, webhook, known.get(webhook.id)))


async def release_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        webhook, until = await manage.release(tx, call.the_org, call.path["id"], services.clock.now())
        known = await health.latest(tx.conn, [webhook.id])
    content: answers.ReleasedWebhook = {
        **_shape(call, webhook, known.get(webhook.id)),
        "was_held_until": shapes.time(until),
    }
    return Answer(content)


async def delete_webhook(call: Call) -> Answer:
    services = call.services
    async with services.transaction() as tx:
        await manage.delete(tx, call.the_org, call.path["id"], services.clock.now())
    return Answer(status=204)


def _warnings(patterns: Sequence[str]) -> list[answers.Mistake]:
    return [{"field": found.field, "message": found.message} for found in near_misses(patterns)]


def _shape(call: Call, webhook: Webhook, health: Any) -> answers.Webhook:
    return shapes.webhook(
        webhook, health, whole=call.principal.sees_secrets_of_urls, now=call.services.clock.now()
    )


OPERATIONS = (
    Operation(
        "POST", "/api/webhooks", "createWebhook", create_webhook, "admin", "manage", "write",
        "Register a URL; the answer shows the secret, this once.", model=WebhookCreate,
        answers={201: answers.CreatedWebhook}, errors=("target_denied", "webhook_limit_reached"),
        note="Options that this version does not serve yet are refused, never silently ignored.",
    ),
    Operation(
        "GET", "/api/webhooks", "listWebhooks", list_webhooks, "viewer", "manage", "read", "All webhooks.",
        query=PAGE_PARAMETERS, answers={200: answers.WebhookList},
    ),
    Operation(
        "GET", "/api/webhooks/{id}", "getWebhook", get_webhook, "viewer", "manage", "read", "One webhook.",
        org="one", answers={200: answers.Webhook},
    ),
    Operation(
        "PATCH", "/api/webhooks/{id}", "updateWebhook", update_webhook, "admin", "manage", "write",
        "Change a webhook by merge patch.", model=WebhookUpdate, answers={200: answers.ChangedWebhook},
        errors=("target_denied", "headers_required"),
        note="What is not named stays. Null gives a field its default back; in `headers`, null removes one "
        "header. A URL of another origin (scheme, host, port) needs all header values again, and ends the "
        "rotation of a secret and a hold.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/enable", "enableWebhook", enable_webhook, "admin", "manage", "write",
        "Deliver again; what has gathered goes out, oldest first, or is discarded.", model=WebhookEnable,
        answers={200: answers.Webhook},
        note="It ends a hold. A webhook that is enabled already stays as it is.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/disable", "disableWebhook", disable_webhook, "admin", "manage", "write",
        "Stop delivering, and make no deliveries until it is enabled.", model=WebhookDisable,
        answers={200: answers.Webhook}, note="What is pending waits.",
    ),
    Operation(
        "POST", "/api/webhooks/{id}/release", "releaseWebhook", release_webhook, "admin", "manage", "write",
        "End the pause that the receiver has asked for with `Retry-After`.", model=WebhookRelease,
        answers={200: answers.ReleasedWebhook},
        note="What was held is sent now, one request first. A webhook that is not held stays as it is.",
    ),
    Operation(
        "DELETE", "/api/webhooks/{id}", "deleteWebhook", delete_webhook, "admin", "manage", "write",
        "Delete a webhook; what it is still owed is cancelled, its history stays.", answers={204: None},
    ),
)  # fmt: skip
