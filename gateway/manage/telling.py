"""What is told of webhooks that people make and change: which one and which fields, never what is in them.
Also of deliveries whose time is over before an attempt could say so."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy.engine import Row

from gateway.domain.addressee import named
from gateway.domain.webhook import Webhook
from gateway.store.transaction import Announce, Told, Transaction

# What a person sees and sets, by the name it has in the API.
_FIELDS: Final = (
    "url", "events", "filter", "description", "headers", "enabled", "timeout_ms", "rate_limit_per_second",
    "retry_schedule", "max_hold_seconds", "ordered", "profile", "api_version", "organizations",
)  # fmt: skip


async def tell_of_new(tx: Transaction, webhook: Webhook, announce: Announce) -> None:
    data = {"webhook_id": webhook.id, "events": list(webhook.events)}
    await announce(tx, webhook.org_id, "webhook.created", data)


async def tell_of_change(tx: Transaction, before: Webhook, after: Webhook, announce: Announce) -> None:
    """`webhook.updated` if anything is different, and `webhook.disabled` when that is what happened."""
    fields = [name for name in _FIELDS if getattr(before, name) != getattr(after, name)]
    if fields:
        await announce(tx, after.org_id, "webhook.updated", {"webhook_id": after.id, "fields": fields})
    if before.enabled and not after.enabled:
        why = {"webhook_id": after.id, "reason": after.disabled_reason}
        await announce(tx, after.org_id, "webhook.disabled", why)


def expired_delivery(row: Row[Any]) -> Told:
    data = {
        "delivery_id": row.id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        **named(row.target_id),
        "reason": row.reason,
        "attempts_made": row.attempts_made,
        "last_status_code": row.last_status_code,
        "last_error": row.last_error,
    }
    return (row.org_id, "delivery.failed", data)
