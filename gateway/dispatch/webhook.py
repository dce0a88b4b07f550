"""The request that a receiver gets (wire contract, section 4)."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from gateway.domain.addressee import Addressee
from gateway.domain.event import Event
from gateway.domain.exchange import Request
from gateway.domain.owed import Owed
from gateway.signing import body_signature, standard_key, standard_signature

USER_AGENT: Final = "bluehive-hum-webhooks/1.0"


def build_request(
    addressee: Addressee,
    event: Event,
    owed: Owed,
    *,
    now: int,
    cdn_loop: str,
    leading: str | None = None,
    timestamp: int | None = None,
) -> Request:
    """The signed request of the attempt that starts at `now` (ms), or that began at `timestamp` (s). While a
    secret is being rotated, `leading` is the id of the one that leads."""
    body = event.envelope()
    timestamp = now // 1000 if timestamp is None else timestamp
    secrets = addressee.live_secrets(now)
    if leading is not None:  # first also in `webhook-signature`: there are receivers that look no further
        secrets.sort(key=lambda secret: secret.id != leading)
    live = [secret.value for secret in secrets]
    signatures = (
        body_signature(live[0], body),
        " ".join(standard_signature(_key(secret), event.id, timestamp, body) for secret in live),
    )
    headers = request_headers(
        event_type=event.type,
        event_id=event.id,
        delivery_id=owed.id,
        number=owed.attempts_made + 1,
        timestamp=timestamp,
        signatures=signatures,
        redelivery=owed.redelivery_of,
        traceparent=event.traceparent,
        cdn_loop=cdn_loop,
        test=event.test,
    )
    headers += addressee.headers.items()
    return Request(addressee.url, headers, body, timestamp, signatures)


def request_headers(
    *,
    event_type: str,
    event_id: str,
    delivery_id: str,
    number: int,
    timestamp: int,
    signatures: tuple[str, str],
    redelivery: str | None,
    traceparent: str | None,
    cdn_loop: str,
    test: bool = False,
) -> list[tuple[str, str]]:
    """The gateway's own headers of an attempt: for the wire, and again when the attempt is shown."""
    headers = [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("X-HUM-Signature", signatures[0]),
        ("X-HUM-Event", event_type),
        ("X-HUM-Delivery", delivery_id),
        ("X-HUM-Attempt", str(number)),
        ("webhook-id", event_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", signatures[1]),
        ("CDN-Loop", cdn_loop),
    ]
    if redelivery is not None:
        headers.append(("X-HUM-Redelivery", redelivery))
    if traceparent is not None:
        headers.append(("traceparent", traceparent))
    if test:
        headers.append(("X-HUM-Test", "true"))
    return headers


@lru_cache(maxsize=20_000)
def _key(secret: str) -> bytes:
    return standard_key(secret)
