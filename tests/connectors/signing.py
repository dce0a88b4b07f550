"""Signs a request as HUM does, with the standard library alone: neither `gateway` nor the kit has a say."""

from __future__ import annotations

import base64
import hashlib
import hmac

SECRET = "whsec_" + base64.b64encode(b"a secret of the tests, 32 bytes.").decode()
OTHER_SECRET = "whsec_" + base64.b64encode(b"another secret of these, 32 byte").decode()
NOW = 1_795_209_909


def signed_headers(
    body: bytes,
    event: str,
    *,
    secret: str = SECRET,
    delivery: str = "dlv_01k9h2w3yt",
    message: str = "evt_01k9h2w0aa",
    timestamp: int = NOW,
    also: str | None = None,
) -> dict[str, str]:
    """All headers of a request of HUM; `also`: a second secret in `webhook-signature`, during a rotation."""
    entries = [standard_signature(one, message, timestamp, body) for one in (secret, also) if one]
    return {
        "Authorization": f"Bearer {secret}",
        "X-HUM-Signature": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest(),
        "X-HUM-Event": event,
        "X-HUM-Delivery": delivery,
        "Content-Type": "application/json",
        "User-Agent": "bluehive-hum-crm/1.0",
        "webhook-id": message,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(entries),
    }


def standard_signature(secret: str, message: str, timestamp: int, body: bytes) -> str:
    bare = secret.removeprefix("whsec_")
    key = base64.b64decode(bare + "=" * (-len(bare) % 4))
    content = f"{message}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
