"""The calls about the platform's own webhooks, for platform keys; as those about other webhooks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import quote

from gateway.client.http import HttpClient, Json

_PATH: Final = "/api/platform/webhooks"


def _of(webhook_id: str) -> str:
    return f"{_PATH}/{quote(webhook_id, safe='')}"


class PlatformCalls(HttpClient):
    """What a client can do with `/api/platform/webhooks`."""

    def create_platform_webhook(self, **webhook: object) -> Json:
        """The webhook and its `secret`, which no other call shows. `organizations` None: over all of them."""
        return self._platform("POST", _PATH, webhook)

    def list_platform_webhooks(self, *, limit: int | None = None) -> Iterator[Json]:
        return self.iterate(_PATH, limit=limit)

    def get_platform_webhook(self, webhook_id: str) -> Json:
        return self._platform("GET", _of(webhook_id))

    def update_platform_webhook(self, webhook_id: str, **changes: object) -> Json:
        """Merge patch: None removes."""
        return self._platform("PATCH", _of(webhook_id), changes)

    def delete_platform_webhook(self, webhook_id: str) -> None:
        """Its pending deliveries are cancelled, its history stays."""
        self.request("DELETE", _of(webhook_id))

    def enable_platform_webhook(self, webhook_id: str, *, pending: str | None = None) -> Json:
        """`pending`: "deliver" or "discard" what was collected meanwhile."""
        return self._platform("POST", f"{_of(webhook_id)}/enable", {"pending": pending} if pending else None)

    def disable_platform_webhook(self, webhook_id: str) -> Json:
        return self._platform("POST", f"{_of(webhook_id)}/disable")

    def test_platform_webhook(self, webhook_id: str, *, type: str | None = None) -> Json:  # noqa: A002
        """As `test_webhook`."""
        return self._platform("POST", f"{_of(webhook_id)}/test", {"type": type} if type else None)

    def platform_webhook_deliveries(
        self, webhook_id: str, *, limit: int | None = None, **filters: str | None
    ) -> Iterator[Json]:
        """Newest first; `event_id`, `status`, `type`, `since`, `until`."""
        return self.iterate(f"{_of(webhook_id)}/deliveries", filters, limit=limit)

    def _platform(self, method: str, path: str, body: object = None) -> Json:
        answer: Json = self.request(method, path, json=body)
        return answer
