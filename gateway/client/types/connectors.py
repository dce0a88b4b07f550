"""What the API answers and takes about connectors, as types (see `client.types`)."""

from __future__ import annotations

from typing import Literal, Required, TypedDict

from gateway.client.types.history import Stats
from gateway.client.types.webhooks import LastDelivery, Rotation


class LookupHealth(TypedDict):
    """How a connector is doing that is asked about callers, as the node that answers has seen it."""

    state: Literal["unknown", "ok", "slow", "failing", "open"]
    open_until: str | None
    last_answer_at: str | None
    last_answer_ms: int | None
    last_error: str | None
    last_error_at: str | None


class Connector(TypedDict):
    """The bridge to a CRM."""

    id: str
    org_id: str
    name: str
    base_url: str
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Literal["by_user", "gone", "failing"] | None
    has_secret: bool
    failing_since: str | None
    rotation: Rotation | None
    last_delivery: LastDelivery | None
    lookup_health: LookupHealth
    timeout_ms: int
    create_contacts: bool
    sync_calls: bool
    sync_unknown: bool
    priority: int
    created_at: str
    updated_at: str


class NewConnector(Connector):
    """The connector and its secret, which is shown this once; None for one that you brought along."""

    secret: str | None


class ChangedConnector(Connector):
    """The connector as it is now; `secret` is the new one after `rotate_secret`, else None."""

    secret: str | None


class ConnectorSettings(TypedDict, total=False):
    """What a connector is created with."""

    name: Required[str]
    base_url: Required[str]
    secret: str | None
    timeout_ms: int
    create_contacts: bool
    sync_calls: bool
    sync_unknown: bool
    enabled: bool
    priority: int


class ConnectorChanges(TypedDict, total=False):
    """A merge patch: None gives a field its default back."""

    name: str
    base_url: str
    rotate_secret: bool
    timeout_ms: int | None
    create_contacts: bool | None
    sync_calls: bool | None
    sync_unknown: bool | None
    enabled: bool | None
    priority: int | None


class PingResult(TypedDict):
    """What came of a ping."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    error_detail: str
    name: str | None
    version: str | None
    request_id: str


class ConnectorRequest(TypedDict):
    """One direct call to a connector; `kind` is `changes` for what the connector's side told the gateway."""

    id: str
    org_id: str
    connector_id: str
    kind: Literal["lookup", "create", "ping", "changes"]
    delivery_id: str | None
    at: str
    duration_ms: int
    status_code: int | None
    error: str | None


class ConnectorRequestWithBodies(ConnectorRequest):
    """One direct call with what was said. Headers are pairs of name and value; bodies are None when they were
    erased or are not open to this key (`payload`)."""

    url: str | None
    request_headers: list[list[str]]
    request_body: str | None
    request_truncated: bool
    response_headers: list[list[str]]
    response_body: str | None
    response_truncated: bool
    error_detail: str
    payload: Literal["kept", "erased", "hidden"]


class ConnectorStats(Stats):
    """What came of the calls that were sent to a connector, by whole hours."""

    connector_id: str
