"""The pages in the menu of an organization: address, title, and the operation whose rights they need."""

from __future__ import annotations

from typing import Final

MENU: Final = (
    ("", "Overview", "listWebhooks"),
    ("webhooks", "Webhooks", "listWebhooks"),
    ("deliveries", "Deliveries", "listDeliveries"),
    ("events", "Events", "listEvents"),
    ("jobs", "Jobs", "listJobs"),
    ("callers", "Callers", "getCallerDial"),
    ("contacts", "Contacts", "listContacts"),
    ("connectors", "Connectors", "listConnectors"),
    ("settings", "Settings", "getOrganization"),
    ("keys", "Keys", "listKeys"),
    ("audit", "Audit log", "listAudit"),
)
