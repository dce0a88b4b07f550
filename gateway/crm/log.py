"""A direct call as rows of the log of requests: masked, sealed, one for each HTTP try."""

from __future__ import annotations

from typing import Final

from gateway.crm.answers import Failed
from gateway.crm.wire import Said, Try
from gateway.domain.connector import Connector, Endpoint
from gateway.domain.exchange import STORED_BODY_BYTES
from gateway.domain.ids import new_id
from gateway.domain.secret import holds_any, mask
from gateway.store import connector_requests as log
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Kind, Record

_KINDS: Final[dict[Endpoint, Kind]] = {
    "contact.lookup": "lookup",
    "contact.create": "create",
    "ping": "ping",
}

# Looking for secrets in a whole MiB would hold up everybody else. A secret of 256 characters, each written as
# six, is the longest thing that is looked for.
LONGEST_SPELLING: Final = 6 * 256
LOOKED_AT: Final = STORED_BODY_BYTES + LONGEST_SPELLING


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
    headers, body, answer = exchange.response_headers, request.body, exchange.response_body[:LOOKED_AT]
    texts = "\n".join([detail, *(value for _, value in headers), *(value for _, value in sent)]).encode()
    # Nearly always there is nothing to mask, which one look at all of it together tells.
    if holds_any(b"\n".join((texts, body, answer)), secrets):
        detail, body, answer = mask(detail, secrets), mask(body, secrets), mask(answer, secrets)
        headers = [(name, mask(value, secrets)) for name, value in headers]
        sent = [(name, mask(value, secrets)) for name, value in sent]
        if len(exchange.response_body) > LOOKED_AT:
            answer = answer[:-LONGEST_SPELLING]  # where half a secret may stand
    return Record(
        sent,
        body[:STORED_BODY_BYTES],
        len(body) > STORED_BODY_BYTES,
        headers,
        answer[:STORED_BODY_BYTES],
        exchange.response_truncated or len(exchange.response_body) > STORED_BODY_BYTES,
        detail,
    )
