"""HUM's side of a signed request, read from the contract a second time.

Deliberately apart from `kit.verify`, which is the connector's side: a mistake in one of them is found by the
other, instead of confirming itself.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Final

USER_AGENT: Final = "bluehive-hum-crm/1.0"


def headers(
    secret: str, body: bytes, *, event: str, delivery: str, message_id: str, timestamp: int
) -> list[tuple[str, str]]:
    """All headers of a request but `X-HUM-Deadline-Ms`; `timestamp` in whole seconds."""
    return [
        ("Content-Type", "application/json"),
        ("User-Agent", USER_AGENT),
        ("Authorization", f"Bearer {secret}"),
        ("X-HUM-Signature", body_signature(secret, body)),
        ("X-HUM-Event", event),
        ("X-HUM-Delivery", delivery),
        ("webhook-id", message_id),
        ("webhook-timestamp", str(timestamp)),
        ("webhook-signature", standard_signature(secret, message_id, timestamp, body)),
    ]


def body_signature(secret: str, body: bytes) -> str:
    """`X-HUM-Signature`: keyed with the text of the secret as it stands, `whsec_` included."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def standard_signature(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """One entry of `webhook-signature` (Standard Webhooks 1.0): keyed with the bytes behind `whsec_`."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.new(standard_key(secret), signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def standard_key(secret: str) -> bytes:
    """The bytes behind `whsec_`, or behind nothing where the whole secret is base64, as the off-the-shelf
    libraries read it; the text itself where it is not. Raises ValueError for `whsec_` and something else."""
    prefix, _, encoded = secret.rpartition("whsec_")
    if prefix:
        encoded = secret
    try:
        return base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        if secret.startswith("whsec_"):
            raise ValueError("behind whsec_ there must be base64") from None
        return secret.encode()
