"""What goes on between the gateway and a connector: pings, the log of direct calls, the calls it was sent."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Final, cast, get_args

from gateway.domain.connector import Connector, ConnectorChanges, ConnectorPing
from gateway.domain.job import JobKind, RangeRequest, RetryRequest
from gateway.errors import NotFound
from gateway.manage import stats as statistics
from gateway.manage.stats import WINDOWS, Window
from gateway.store import connector_requests as log
from gateway.store import connectors as rows
from gateway.store import revisions
from gateway.store.connector_requests import Kind
from gateway.web import answers, shapes, shapes_connectors, signed
from gateway.web.api import deliveries, redeliveries
from gateway.web.call import Answer, Call
from gateway.web.lists import (
    PAGE_PARAMETERS,
    choice_parameter,
    number_parameter,
    page_query,
    span_parameters,
)
from gateway.web.operation import Operation

RESULTS: Final = ("succeeded", "failed")
FILTERS: Final = ("kind", "result", "status_code", "since", "until")
_CHANGES_BYTES: Final = 64 * 1024


async def ping_connector(call: Call) -> Answer:
    services, org = call.services, call.the_org
    cipher = org.organization.cipher
    async with call.reading() as conn:
        connector = await rows.find(conn, cipher, org.id, call.path["id"])
    if connector is None:
        raise NotFound(f"there is no connector {call.path['id']}")
    result, request_id = await services.pings.send(connector, cipher)
    content: answers.PingResult = {
        "ok": result.ok,
        "status_code": result.status_code,
        "duration_ms": result.duration_ms,
        "error": result.error,
        "error_detail": result.detail,
        "name": result.name,
        "version": result.version,
        "request_id": request_id,
    }
    return Answer(content)


async def list_requests(call: Call) -> Answer:
    connector_id = await _existing(call)
    result = choice_parameter(call, "result", RESULTS)
    since, until = span_parameters(call)
    async with call.reading() as conn:
        page = await log.page(
            conn,
            connector_id,
            await page_query(call, conn),
            kind=choice_parameter(call, "kind", get_args(Kind)),
            succeeded=None if result is None else result == "succeeded",
            status_code=number_parameter(call, "status_code", 100, 999),
            since=since,
            until=until,
        )
    content: answers.ConnectorRequestList = {
        "data": [shapes_connectors.request(row) for row in page.rows],
        "next_cursor": page.next_cursor,
        "searched_until": shapes.time(page.searched_until),
    }
    return Answer(content)


async def get_request(call: Call) -> Answer:
    request_id = call.path["id"]
    async with call.reading() as conn:
        row = await log.find(conn, call.org_filter, request_id)
        if row is None:
            raise NotFound(f"there is no request {request_id}")
        view = await call.services.directory.living(row.org_id)
        cipher = view.organization.cipher
        revision = await revisions.find(conn, cipher, row.revision_id)
    readable = call.principal.reads_payloads
    call.audit.payload = readable and row.record is not None
    return Answer(
        shapes_connectors.request_with_bodies(
            row, revision, cipher, whole=call.principal.sees_secrets_of_urls, payload=readable
        )
    )


async def list_connector_deliveries(call: Call) -> Answer:
    return await deliveries.list_of_target(call, await _existing(call))


async def redeliver_connector(call: Call) -> Answer:
    return await redeliveries.order_range(call, JobKind.REDELIVER, "connector")


async def retry_connector(call: Call) -> Answer:
    return await redeliveries.order_retry(call, "connector")


async def connector_stats(call: Call) -> Answer:
    connector_id = await _existing(call)
    window = cast(Window, choice_parameter(call, "window", WINDOWS) or "24h")
    async with call.reading() as conn:
        found = await statistics.of_target(conn, connector_id, window, call.services.clock.now())
    return Answer(shapes_connectors.stats(found, connector_id))


def _admit_changes(call: Call) -> AbstractContextManager[None]:
    signed.check_time(call.headers, call.model.timestamp, call.services.clock)
    return call.services.changes.admitted(_signer(call), len(call.model.phones))


def _signer(call: Call) -> Connector:
    connector = call.the_org.connectors.get(call.path["id"])
    if connector is None:  # deleted a moment ago
        raise signed.refusal("signature_mismatch")
    return connector


async def take_changes(call: Call) -> Answer:
    services, org = call.services, call.the_org
    connector = _signer(call)
    elapsed = round((services.clock.monotonic() - call.arrived) * 1000)
    async with services.transaction() as tx:
        dropped = await services.changes.take(
            tx, org.organization.cipher, connector, call.model.phones, call.headers.items(), elapsed
        )
    content: answers.DroppedAnswers = {"dropped": dropped}
    return Answer(content, 202)


async def _existing(call: Call) -> str:
    """The connector's id, also of one that was deleted: its history outlives it."""
    connector_id = call.path["id"]
    async with call.reading() as conn:
        if not await rows.existed(conn, call.org_filter, connector_id):
            raise NotFound(f"there is no connector {connector_id}")
    return connector_id


OPERATIONS = (
    Operation(
        "POST", "/api/connectors/{id}/ping", "pingConnector", ping_connector, "operator", "manage", "write",
        "See whether a connector answers and takes the secret.", model=ConnectorPing, org="one", waits=True,
        answers={200: answers.PingResult},
        note="Also while it is disabled. It changes nothing there. One at a time for a connector and 5 a "
        "second for an organization, then 429.",
    ),
    Operation(
        "GET", "/api/connectors/{id}/requests", "listConnectorRequests", list_requests, "viewer", "manage",
        "read", "The log of direct calls: lookups, creates, pings, and changes that were told.",
        query=(*PAGE_PARAMETERS, *FILTERS), answers={200: answers.ConnectorRequestList},
        note="Every HTTP try is a row, also of a connector that was deleted. Calls that were sent to it are "
        "deliveries: listConnectorDeliveries. A page reads so much and no more: one that is short and has a "
        "`next_cursor` is not the last.",
    ),
    Operation(
        "GET", "/api/connector-requests/{id}", "getConnectorRequest", get_request, "viewer", "manage",
        "read", "One direct call, with what was sent and what came back.",
        answers={200: answers.ConnectorRequestWithBodies},
        note="The connector's secrets are `[secret]` wherever they stood. Who reads bodies is in the audit "
        "log. Viewers see URL and signatures shortened.",
    ),
    Operation(
        "GET", "/api/connectors/{id}/deliveries", "listConnectorDeliveries", list_connector_deliveries,
        "viewer", "manage", "read", "The calls that were sent to a connector, or wait to be.",
        query=(*PAGE_PARAMETERS, *deliveries.FILTERS), answers={200: answers.DeliveryList},
        exports=deliveries.EXPORTS, note=deliveries.ABOUT_LISTS,
    ),
    Operation(
        "POST", "/api/connectors/{id}/redeliver", "redeliverConnector", redeliver_connector, "operator",
        "manage", "write", "Send again all calls whose latest delivery to the connector failed.",
        model=RangeRequest, answers={202: answers.Job, 200: answers.DryRun},
        errors=("connector_deleted", "connector_disabled", "job_running"),
        note="Answers a job, or with `dry_run` how many calls match. What it makes goes oldest first, and "
        "after everything else that the connector is owed. The connector knows a repeated call by its id.",
    ),
    Operation(
        "POST", "/api/connectors/{id}/retry", "retryConnector", retry_connector, "operator", "manage",
        "write", "Try at once the calls to the connector that wait for their next attempt.",
        model=RetryRequest, answers={202: answers.Job, 200: answers.DryRun},
        errors=("connector_deleted", "connector_disabled", "job_running"),
        note="Answers a job, or with `dry_run` how many calls wait. Otherwise as for webhooks.",
    ),
    Operation(
        "GET", "/api/connectors/{id}/stats", "getConnectorStats", connector_stats, "viewer", "manage",
        "read", "What came of the calls that were sent to a connector, by the hour.", query=("window",),
        answers={200: answers.ConnectorStats},
        note="Counted with each outcome and kept 90 days. Direct calls are not counted here.",
    ),
)  # fmt: skip

SIGNED = (
    Operation(
        "POST", "/api/connectors/{id}/changes", "sendConnectorChanges", take_changes, signed.ROLE, "",
        "write", "A connector's side says whose entries have changed: what was answered about them is "
        "dropped.", model=ConnectorChanges, org="one", limit=lambda services: _CHANGES_BYTES,
        answers={202: answers.DroppedAnswers}, errors=("signature_invalid",), audited=False, signed=True,
        admit=_admit_changes,
        note="Without an API key: signed with the connector's secret as the gateway signs its own requests, "
        "over the raw body. Either the three `webhook-*` headers of Standard Webhooks, or `X-HUM-Signature` "
        "with `timestamp` in the body; 5 minutes old at most. The next lookup asks anew. At most 20 requests "
        "a second, and 2,000 numbers of an organization in any 10 seconds, then 429 with `Retry-After`. It "
        "stands in the connector's log.",
    ),
)  # fmt: skip
