"""The calls of the API by name, a module for each noun, declared once for both clients (`client.call`)."""

from __future__ import annotations

from gateway.client.calls.audit import AuditCalls
from gateway.client.calls.callers import CallerCalls
from gateway.client.calls.connectors import ConnectorCalls
from gateway.client.calls.contacts import ContactCalls
from gateway.client.calls.deliveries import DeliveryCalls
from gateway.client.calls.events import EventCalls
from gateway.client.calls.history import HistoryCalls
from gateway.client.calls.keys import KeyCalls
from gateway.client.calls.organizations import OrganizationCalls
from gateway.client.calls.platform import PlatformCalls
from gateway.client.calls.redeliveries import RedeliveryCalls
from gateway.client.calls.state import StateCalls
from gateway.client.calls.webhooks import WebhookCalls


class Calls(
    EventCalls,
    WebhookCalls,
    PlatformCalls,
    ConnectorCalls,
    DeliveryCalls,
    RedeliveryCalls,
    HistoryCalls,
    CallerCalls,
    ContactCalls,
    KeyCalls,
    OrganizationCalls,
    AuditCalls,
    StateCalls,
):
    """Everything a client can ask for."""
