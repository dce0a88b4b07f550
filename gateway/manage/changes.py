"""What a connector's side says has changed: answers about these people are dropped, and asked for anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from gateway.domain.connector import Connector
from gateway.domain.ids import new_id
from gateway.domain.pace import Pace
from gateway.domain.secret import mask
from gateway.errors import RateLimited
from gateway.store import connector_contacts, connector_requests
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Record, Request
from gateway.store.store import Store
from gateway.store.transaction import Transaction

MOST_PER_SECOND: Final = 20
_KEPT_HEADERS: Final = frozenset(
    {
        "content-type", "user-agent", "x-hum-signature", "webhook-id", "webhook-timestamp",
        "webhook-signature", "idempotency-key",
    }
)  # fmt: skip
_LONGEST_VALUE: Final = 500


class Changes:
    """Takes what connectors' sides say; of each connector so many requests a second on this node."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._pace = Pace(MOST_PER_SECOND, store.clock.monotonic)

    async def take(
        self,
        tx: Transaction,
        cipher: Cipher,
        connector: Connector,
        phones: Sequence[str],
        headers: Sequence[tuple[str, str]],
        duration_ms: int,
    ) -> int:
        """How many answers were kept about these numbers (E.164), and are dropped. `headers` of the request
        and `duration_ms` are for the log; the numbers themselves do not go into it. Raises RateLimited."""
        if not self._pace.allows(connector.id):
            raise RateLimited(
                f"more than {MOST_PER_SECOND} requests a second: name up to 1,000 numbers in each",
                retry_after=1,
            )
        now = self._store.clock.now()
        people = [cipher.person(phone) for phone in phones]
        dropped = await connector_contacts.drop(tx.conn, connector.org_id, connector.id, people, now)
        entry = _entry(cipher, connector, headers, dropped, now - duration_ms, duration_ms)
        await connector_requests.write(tx, [entry])
        return dropped


def _entry(
    cipher: Cipher,
    connector: Connector,
    headers: Sequence[tuple[str, str]],
    dropped: int,
    at: int,
    duration_ms: int,
) -> Request:
    request_id = new_id("att", at)
    hidden = tuple(secret.value for secret in connector.secrets)
    kept = [(n, mask(v, hidden)[:_LONGEST_VALUE]) for n, v in headers if n.lower() in _KEPT_HEADERS]
    record = Record(request_headers=kept, response_body=msgspec.json.encode({"dropped": dropped}))
    return Request(
        request_id, connector.org_id, connector.id, connector.revision_id, "changes", None, at, duration_ms,
        202, None, None, connector_requests.seal_record(cipher, request_id, record),
    )  # fmt: skip
