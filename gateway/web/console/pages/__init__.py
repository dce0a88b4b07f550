"""The pages, a module for each noun."""

from __future__ import annotations

from gateway.web.console.page import Page
from gateway.web.console.pages import callers, connector_acts, connector_calls, connectors, overview, start

PAGES: tuple[Page, ...] = (
    *start.PAGES,
    *overview.PAGES,
    *callers.PAGES,
    *connectors.PAGES,
    *connector_acts.PAGES,
    *connector_calls.PAGES,
)
