"""Whose webhooks a page is about: those of the organization in its address, or the platform's own. Both have
the same pages; only addresses and operations differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.errors import Conflict, Forbidden, InvalidRequest, Overloaded, RateLimited
from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Handler, Page, Visit

_DEEDS: Final[Mapping[str, tuple[str, str | None]]] = {
    "list": ("listWebhooks", "listPlatformWebhooks"),
    "get": ("getWebhook", "getPlatformWebhook"),
    "stats": ("getWebhookStats", "getPlatformWebhookStats"),
    "deliveries": ("listWebhookDeliveries", "listPlatformWebhookDeliveries"),
    "create": ("createWebhook", "createPlatformWebhook"),
    "update": ("updateWebhook", "updatePlatformWebhook"),
    "enable": ("enableWebhook", "enablePlatformWebhook"),
    "disable": ("disableWebhook", "disablePlatformWebhook"),
    "release": ("releaseWebhook", "releasePlatformWebhook"),
    "delete": ("deleteWebhook", "deletePlatformWebhook"),
    "test": ("testWebhook", "testPlatformWebhook"),
    "rotate": ("rotateSecret", "rotatePlatformSecret"),
    "finish": ("finishRotation", "finishPlatformRotation"),
    "redeliver": ("redeliverWebhook", "redeliverPlatformWebhook"),
    "replay": ("replayWebhook", "replayPlatformWebhook"),
    "retry": ("retryWebhook", "retryPlatformWebhook"),
    "explain": ("explainWebhook", None),
}

CORRECTABLE: Final = (InvalidRequest, Conflict, RateLimited, Overloaded)
"""Problems after which a form is shown again, with what was filled in."""


class Hooks:
    """The webhooks of one visit."""

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self.of_platform = visit.org_id is None

    @property
    def id(self) -> str:
        """Of the webhook in the address."""
        return self._visit.path["id"]

    def may(self, deed: str) -> bool:
        """Whether whoever is inside may do it here; nothing is done over all organizations."""
        name = _DEEDS[deed][self.of_platform]
        here = self._visit.org_id != ALL_ORGS or deed == "list"
        return name is not None and here and self._visit.may(name)

    def require(self, deed: str) -> None:
        """Raises Forbidden for whoever may not do it: a form that leads nowhere is not shown."""
        if not self.may(deed):
            raise Forbidden("this is not for the rights that you have here")

    async def ask(
        self,
        deed: str,
        webhook_id: str | None = None,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Any:
        """What the operation answers. Raises its Problem."""
        name = _DEEDS[deed][self.of_platform]
        if name is None:
            raise Forbidden("this is not there for webhooks of the platform")
        path = {} if webhook_id is None else {"id": webhook_id}
        return await self._visit.ask(name, path=path, query=query, body=body)

    def to(self, /, *parts: str, **query: str | None) -> str:
        """The address of a page of these webhooks."""
        if self.of_platform:
            return self._visit.address("platform", "webhooks", *parts, **query)
        return self._visit.to("webhooks", *parts, **query)

    def one(self, hook: Mapping[str, Any]) -> str:
        """The page of one in a list, which may be of another organization."""
        if self.of_platform:
            return self.to(hook["id"])
        return self._visit.address("o", hook["org_id"], "webhooks", hook["id"])


def pages(
    path: str, get: Handler | None = None, post: Handler | None = None, *, of_platform: bool = True
) -> tuple[Page, ...]:
    """A page below the webhooks of an organization, and the same below the platform's."""
    made: list[Page] = []
    for below in ("/o/{org}/webhooks", "/platform/webhooks") if of_platform else ("/o/{org}/webhooks",):
        if get is not None:
            made.append(Page(below + path, get))
        if post is not None:
            made.append(Page(below + path, post, "POST"))
    return tuple(made)
