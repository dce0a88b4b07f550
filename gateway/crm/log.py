"""What is kept of a direct call: both sides of it, with no secret of the connector in them."""

from __future__ import annotations

from typing import Final

from gateway.crm.wire import Said
from gateway.domain.connector import Connector, Endpoint
from gateway.domain.exchange import STORED_BODY_BYTES
from gateway.domain.ids import new_id
from gateway.domain.secret import holds_any, mask
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Kind, Record, Request, seal_record

_KINDS: Final[dict[Endpoint, Kind]] = {
    "contact.lookup": "lookup",
    "contact.create": "create",
    "ping": "ping",
}


def entry(
    connector: Connector,
    cipher: Cipher,
    said: Said,
    *,
    error: str | None = None,
    detail: str = "",
    person: bytes | None = None,
) -> Request:
    """The row of a direct call that is over, for `store.connector_requests.write`.

    `error` and `detail` are what `crm.answers` made of the answer; `person` is the keyed hash of the number
    that it was about (`Cipher.person`), by which an erasure finds it.
    """
    exchange = said.exchange
    request_id = new_id("att", exchange.started_at)
    return Request(
        id=request_id,
        org_id=connector.org_id,
        connector_id=connector.id,
        revision_id=connector.revision_id,
        kind=_KINDS[said.event],
        delivery_id=said.id,
        at=exchange.started_at,
        duration_ms=exchange.duration_ms,
        status_code=exchange.status_code,
        error=error,
        person=person,
        record=seal_record(cipher, request_id, _record(connector, said, detail)),
    )


def _record(connector: Connector, said: Said, detail: str) -> Record:
    request, exchange = said.request, said.exchange
    hidden = tuple(secret.value for secret in connector.secrets)
    sent = [(name, mask(value, hidden)) for name, value in request.headers]
    came, body = exchange.response_headers, exchange.response_body
    values = [value for _, value in came]
    # Nearly always there is nothing to mask, which one look at all of it together tells.
    if holds_any("\n".join([detail, *values]).encode("utf-8", "surrogatepass") + b"\n" + body, hidden):
        detail, body = mask(detail, hidden), mask(body, hidden)
        came = [(name, mask(value, hidden)) for name, value in came]
    return Record(
        request_headers=sent,
        request_body=request.body[:STORED_BODY_BYTES],
        request_truncated=len(request.body) > STORED_BODY_BYTES,
        response_headers=came,
        response_body=body[:STORED_BODY_BYTES],
        response_truncated=exchange.response_truncated or len(body) > STORED_BODY_BYTES,
        error_detail=detail,
    )
