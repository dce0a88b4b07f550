"""How webhooks and connectors are called where a page has their ids alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.web.auth import ALL_ORGS
from gateway.web.console.page import Visit

_MOST_NAMED: Final = "200"


async def target_names(visit: Visit) -> dict[str, str]:
    """By their ids: the URLs of webhooks, the names of connectors. None of them over all organizations."""
    if visit.org_id == ALL_ORGS:
        return {}
    hooks = await visit.ask("listWebhooks", query={"limit": _MOST_NAMED})
    connectors = await visit.ask("listConnectors", query={"limit": _MOST_NAMED})
    return names_of(hooks, connectors)


def names_of(hooks: Mapping[str, Any], connectors: Mapping[str, Any]) -> dict[str, str]:
    """Of these pages of webhooks and connectors."""
    named = {one["id"]: one["url"] for one in hooks["data"]}
    return named | {one["id"]: one["name"] for one in connectors["data"]}
