"""The pages, a module for each noun."""

from __future__ import annotations

from gateway.web.console.page import Page
from gateway.web.console.pages import (
    audit,
    callers,
    console_links,
    deliveries,
    delivery,
    event,
    events,
    keys,
    overview,
    start,
)

PAGES: tuple[Page, ...] = (
    *start.PAGES,
    *overview.PAGES,
    *deliveries.PAGES,
    *delivery.PAGES,
    *events.PAGES,
    *event.PAGES,
    *callers.PAGES,
    *keys.PAGES,
    *console_links.PAGES,
    *audit.PAGES,
)
