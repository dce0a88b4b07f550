"""The pages in the menu of an organization: address, title, and the operation whose rights they need."""

from __future__ import annotations

from typing import Final

MENU: Final = (
    ("", "Overview", "listWebhooks"),
    ("callers", "Callers", "getCallerDial"),
    ("connectors", "Connectors", "listConnectors"),
    ("contacts", "Contacts", "listContacts"),
    ("settings", "Settings", "getOrganization"),
)
