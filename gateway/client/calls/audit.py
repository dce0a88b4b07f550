"""The audit log."""

from __future__ import annotations

from gateway.client.call import listing
from gateway.client.request import Listing
from gateway.client.types import AuditEntry


class AuditCalls:
    @listing
    def list_audit(
        self,
        *,
        action: str | None = None,
        object_id: str | None = None,
        actor: str | None = None,
        since: str | None = None,
        until: str | None = None,
        order: str | None = None,
        limit: int | None = None,
    ) -> Listing[AuditEntry]:
        """Who did what, newest first; `order="asc"` from the beginning on.

        [entry["actor"] for entry in client.list_audit(action="deleteWebhook", limit=10)]
        """
        params = {
            "action": action, "object_id": object_id, "actor": actor, "since": since, "until": until,
            "order": order,
        }  # fmt: skip
        return Listing("/api/audit", params, limit)
