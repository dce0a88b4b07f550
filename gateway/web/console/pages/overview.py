"""An organization at a glance: who gets its events, who knows its callers, what has failed of late."""

from __future__ import annotations

from typing import Any

from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Page, Shown, Visit
from gateway.web.console.targets import names_of


async def overview(visit: Visit) -> Shown:
    webhooks = await visit.ask("listWebhooks", query={"limit": "50"})
    connectors = await visit.ask("listConnectors", query={"limit": "50"})
    failed = await visit.ask("listDeliveries", query={"status": "failed", "limit": "10"})
    dial: Any = None
    if visit.org_id != ALL_ORGS and visit.may("getCallerDial"):
        dial = await visit.ask("getCallerDial", query={"window": "24h"})
    values = {"webhooks": webhooks, "connectors": connectors, "failed": failed, "dial": dial}
    return Shown("overview.html", values | {"names": names_of(webhooks, connectors)})


PAGES = (Page("/o/{org}/", overview),)
