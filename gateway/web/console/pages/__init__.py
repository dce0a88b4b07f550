"""The pages, a module for each noun."""

from __future__ import annotations

from gateway.web.console.page import Page
from gateway.web.console.pages import (
    backfills,
    callers,
    connector_acts,
    connector_calls,
    connectors,
    contact_acts,
    contact_files,
    contacts,
    erasures,
    overview,
    settings,
    start,
)

PAGES: tuple[Page, ...] = (
    *start.PAGES,
    *overview.PAGES,
    *callers.PAGES,
    *connectors.PAGES,
    *connector_acts.PAGES,
    *connector_calls.PAGES,
    *contacts.PAGES,
    *contact_acts.PAGES,
    *contact_files.PAGES,
    *backfills.PAGES,
    *contacts.LAST,
    *erasures.PAGES,
    *settings.PAGES,
)
