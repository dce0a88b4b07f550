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
    jobs,
    keys,
    overview,
    start,
    webhook_deeds,
    webhook_form,
    webhook_ranges,
    webhooks,
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
    *webhook_form.PAGES,
    *webhooks.PAGES,
    *webhook_deeds.PAGES,
    *webhook_ranges.PAGES,
    *jobs.PAGES,
)
