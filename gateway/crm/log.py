"""A direct call as rows of the log of requests: masked, sealed, one for each HTTP try."""

from __future__ import annotations

from typing import Final

from gateway.crm.answers import Failed
from gateway.crm.wire import Said, Try
from gateway.domain.connector import Connector, Endpoint
from gateway.domain.exchange import STORED_BODY_BYTES
from gateway.domain.ids import new_id
from gateway.domain.secret import holds_any, mask, reach
from gateway.store import connector_requests as log
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Kind, Record

WHAT_MASKS_SHORTEN: Final = 4096  # looked at beyond what is stored, which may move up

_KINDS: Final[dict[Endpoint, Kind]] = {
    "contact.lookup": "lookup",
    "contact.create": "create",
    "ping": "ping",
}


def rows(
    cipher: Cipher, connector: Connector, said: Said, failed: Failed | None, person: bytes | None
) -> list[log.Request]:
    """The call's rows. `failed` is what its answer was read as, when it was none; `person` the keyed hash of
    whom it was about."""
    return [
        _row(cipher, connector, said, one, failed if one is said.tries[-1] else None, person)
        for one in said.tries
    ]


def _row(
    cipher: Cipher, connector: Connector, said: Said, one: Try, failed: Failed | None, person: bytes | None
) -> log.Request:
    exchange = one.exchange
    row_id = new_id("att", exchange.started_at)
    error = failed.error if failed is not None else exchange.error or _refusal(said, one)
    detail = failed.detail if failed is not None else exchange.error_detail
    secrets = dict.fromkeys((*(secret.value for secret in connector.secrets), *said.secrets))
    record = _record(one, detail, tuple(secrets))
    return log.Request(
        row_id, connector.org_id, connector.id, connector.revision_id, _KINDS[said.event], said.id,
        exchange.started_at, exchange.duration_ms, exchange.status_code, error, person,
        log.seal_record(cipher, row_id, record),
    )  # fmt: skip


def _refusal(said: Said, one: Try) -> str | None:
    """An answered exchange that another followed: the connector did not take the secret."""
    return None if one is said.tries[-1] else "refused"


def _record(one: Try, detail: str, secrets: tuple[str, ...]) -> Record:
    request, exchange = one
    # What is replaced whole needs no search, and stays hidden however short the secret is.
    sent = [(n, "Bearer [secret]" if n == "Authorization" else value) for n, value in request.headers]
    headers, body, answer = exchange.response_headers, request.body, exchange.response_body
    cut = exchange.response_truncated or len(answer) > STORED_BODY_BYTES
    seen = STORED_BODY_BYTES + WHAT_MASKS_SHORTEN + reach(secrets)
    beyond, answer = len(answer) > seen, answer[:seen]
    texts = "\n".join([detail, *(text for header in (*headers, *sent) for text in header)]).encode()
    # Nearly always there is nothing to mask, which one look at all of it together tells.
    if holds_any(b"\n".join((texts, body, answer)), secrets):
        detail, body, answer = mask(detail, secrets), mask(body, secrets), mask(answer, secrets)
        headers = [(mask(name, secrets), mask(value, secrets)) for name, value in headers]
        sent = [(name, mask(value, secrets)) for name, value in sent]
        if beyond:
            answer = answer[: -reach(secrets)]  # where half a secret may stand
    return Record(
        sent,
        body[:STORED_BODY_BYTES],
        len(body) > STORED_BODY_BYTES,
        headers,
        answer[:STORED_BODY_BYTES],
        cut,
        detail,
    )
