"""Requests that are signed instead of carrying an API key: a connector's side tells the gateway something.

They are signed as the gateway signs its own (`gateway.signing`), with any live secret of the connector that
the path names, and are verified before anything in them is read. Whether there is such a connector, nobody
learns who cannot sign for it.
"""

from __future__ import annotations

import os
from typing import Final

from starlette.datastructures import Headers

from gateway.clock import Clock, parse_time
from gateway.domain.connector import Connector
from gateway.errors import Problem, Unauthorized
from gateway.signing import REASONS, SignatureError, verify
from gateway.store import connectors
from gateway.store.directory import OrgView
from gateway.web.auth import Principal
from gateway.web.call import Services

TOLERANCE_SECONDS: Final = 300
SCHEME: Final = "HUM-Signature"
ROLE: Final = "connector"
# Nobody's secret: a connector that is not there takes as long as one that is.
_NOBODYS: Final = os.urandom(32).hex()


async def authenticate(
    services: Services, connector_id: str, headers: Headers, body: bytes
) -> tuple[Principal, OrgView]:
    """The connector that has signed the raw body, as a caller, and its organization. Raises Unauthorized."""
    org, connector = await _find(services, connector_id)
    secrets = [secret.value for secret in connector.live_secrets(services.clock.now())] if connector else []
    try:
        verify(
            body, headers.raw, secrets or [_NOBODYS], tolerance=TOLERANCE_SECONDS, allow_body_only=True,
            now=services.clock.now() / 1000,
        )  # fmt: skip
    except SignatureError as problem:
        raise refusal(problem.reason, problem) from None
    if org is None or connector is None:
        raise refusal("signature_mismatch")
    return Principal(connector.id, org.id, ROLE, frozenset()), org


def check_time(headers: Headers, timestamp: str | None, clock: Clock) -> None:
    """A request with `X-HUM-Signature` alone says in its signed body when it was made: it must not be good
    for ever. Raises Unauthorized."""
    if any(name.startswith("webhook-") for name in headers):
        return
    if timestamp is None:
        raise refusal("replay_unprotected")
    age = clock.now() - parse_time(timestamp)
    if abs(age) > TOLERANCE_SECONDS * 1000:
        raise refusal("timestamp_too_old" if age > 0 else "timestamp_too_new")


def refusal(reason: str, problem: Exception | None = None) -> Problem:
    """A 401 that says what is wrong with the signature, in the words of `gateway.signing`."""
    text = str(problem) if problem is not None and str(problem) else REASONS[reason]
    if reason == "replay_unprotected":
        text = "X-HUM-Signature alone needs `timestamp` in the body; or send the webhook-* headers"
    refused = Unauthorized(f"{reason}: {text}", code="signature_invalid")
    refused.headers["WWW-Authenticate"] = SCHEME
    return refused


async def _find(services: Services, connector_id: str) -> tuple[OrgView | None, Connector | None]:
    if not connector_id.startswith("cnr_") or "\0" in connector_id or len(connector_id) > 64:
        return None, None
    async with services.store.looking_up() as conn:
        org_id = await connectors.organization_of(conn, connector_id)
    org = await services.directory.organization(org_id) if org_id else None
    if org is None or org.organization.erased_at is not None:
        return None, None
    return org, org.connectors.get(connector_id)
