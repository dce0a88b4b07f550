"""What the API answers about connectors, as types (see `web.answers`)."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import (
    AttemptId,
    Cursor,
    DeliveryId,
    Header,
    Milliseconds,
    OrgId,
    SearchedUntil,
    Time,
    id_of,
)
from gateway.web.answers.history import Stats
from gateway.web.answers.webhooks import LastDelivery, Rotation

ConnectorId = Annotated[str, id_of("cnr")]


class LookupHealth(TypedDict):
    """How a connector is doing that is asked about callers, as the node that answers has seen it since it
    started: other nodes may see it otherwise. Connectors of an organization with the same base URL share
    it."""

    state: Annotated[
        Literal["unknown", "ok", "slow", "failing", "open"],
        Meta(
            description="`unknown`: it was not asked. `slow`: its latest answer took longer than four "
            "seconds, or than somebody waits. `failing`: its latest answer was none, or not as it should be. "
            "`open`: it did not answer, and is spared."
        ),
    ]
    open_until: Annotated[
        Time | None,
        Meta(
            description="While it is `open`: until then it is not asked; then one question goes, the probe."
        ),
    ]
    last_answer_at: Annotated[Time | None, Meta(description="When it last answered as it should.")]
    last_answer_ms: Annotated[Milliseconds | None, Meta(description="How long that took.")]
    last_error: Annotated[
        str | None,
        Meta(description="The latest failure, as in its log; it stays when answers have come since."),
    ]
    last_error_at: Time | None


class Connector(TypedDict):
    """The bridge to a CRM."""

    id: ConnectorId
    org_id: OrgId
    name: str
    base_url: Annotated[
        str,
        Meta(description="The contract's paths stand behind it. Viewers see it without its own path."),
    ]
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Annotated[
        Literal["by_user", "gone", "failing"] | None,
        Meta(description="`gone`: it answered 410. `failing`: it failed for days."),
    ]
    has_secret: bool
    failing_since: Annotated[
        Time | None, Meta(description="The first call that it did not take, after the last one that it took.")
    ]
    rotation: Annotated[
        Rotation | None, Meta(description="Null unless the secret is being rotated (rotateConnectorSecret).")
    ]
    last_delivery: Annotated[LastDelivery | None, Meta(description="Of calls; direct calls are in its log.")]
    lookup_health: LookupHealth
    timeout_ms: Annotated[int, Meta(description="For a whole exchange.")]
    create_contacts: Annotated[
        bool, Meta(description="Whether callers that no connector knows are made contacts there.")
    ]
    sync_calls: Annotated[bool, Meta(description="Whether calls are sent to it.")]
    sync_unknown: Annotated[
        bool, Meta(description="Whether calls of people that it does not know are sent, too.")
    ]
    priority: Annotated[
        int, Meta(description="Of several connectors that know a caller, the highest counts.")
    ]
    created_at: Time
    updated_at: Time


class NewConnector(Connector):
    """The connector and its secret, which is shown this once."""

    secret: Annotated[
        str | None, Meta(description="Keep it: it is not shown again. Null for one that you brought along.")
    ]


class ChangedConnector(Connector):
    """The connector as it is now."""

    secret: Annotated[
        str | None,
        Meta(description="The new one after `rotate_secret`, shown this once; null without."),
    ]


class ConnectorList(TypedDict):
    """A page of connectors."""

    data: list[Connector]
    next_cursor: Cursor


class ConnectorStats(Stats):
    """What came of the calls that were sent to a connector, by whole hours (UTC)."""

    connector_id: ConnectorId


class PingResult(TypedDict):
    """What came of a ping."""

    ok: Annotated[bool, Meta(description="Whether the connector answers, and takes the secret.")]
    status_code: Annotated[int | None, Meta(description="Null when there was no answer.")]
    duration_ms: Milliseconds
    error: Annotated[
        str | None,
        Meta(description="A word, such as `refused`, `timeout` or `invalid_answer`; null when it is ok."),
    ]
    error_detail: Annotated[str, Meta(description="The error in a sentence.")]
    name: Annotated[str | None, Meta(description="What the connector calls itself.")]
    version: str | None
    request_id: Annotated[AttemptId, Meta(description="Under which the ping stands in the log.")]


class ConnectorRequest(TypedDict):
    """One direct call to a connector, or one that it made to say what has changed."""

    id: AttemptId
    org_id: OrgId
    connector_id: ConnectorId
    kind: Annotated[
        Literal["lookup", "create", "ping", "changes"],
        Meta(description="`changes` is what the connector's side told the gateway."),
    ]
    delivery_id: Annotated[
        DeliveryId | None,
        Meta(
            description="As in `X-HUM-Delivery`: the same for all tries of one request. Null for `changes`."
        ),
    ]
    at: Time
    duration_ms: Milliseconds
    status_code: Annotated[int | None, Meta(description="Null when there was no answer.")]
    error: Annotated[
        str | None,
        Meta(
            description="Null for an answer that is as the contract says. Else as in an attempt, or "
            "`refused` (the secret), `endpoint_missing`, `too_large`, `invalid_json`, `invalid_answer`, "
            "`wrong_contact`, or a later value."
        ),
    ]


class ConnectorRequestWithBodies(ConnectorRequest):
    """One direct call with what was sent and what came back; of secrets nothing."""

    url: Annotated[str | None, Meta(description="Viewers see it shortened.")]
    request_headers: Annotated[list[Header], Meta(description="Viewers see signatures shortened.")]
    request_body: Annotated[str | None, Meta(description="The first 16 KiB.")]
    request_truncated: bool
    response_headers: list[Header]
    response_body: Annotated[str | None, Meta(description="The first 16 KiB.")]
    response_truncated: bool
    error_detail: Annotated[str, Meta(description="The error in a sentence.")]
    payload: Annotated[
        Literal["kept", "erased", "hidden"],
        Meta(
            description="`erased`: the person that it was about was erased. `hidden`: a platform key sees "
            "bodies only with the scope `payload:read`."
        ),
    ]


class ConnectorRequestList(TypedDict):
    """A page of a connector's log. With filters it may be short, or empty, and still not the last."""

    data: list[ConnectorRequest]
    next_cursor: Cursor
    searched_until: SearchedUntil


class DroppedAnswers(TypedDict):
    """What was dropped."""

    dropped: Annotated[
        int, Meta(ge=0, description="How many answers were kept about these numbers, and are dropped.")
    ]
