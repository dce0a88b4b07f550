"""Signs a request as HUM does: for an author's tests, and for trying a connector out by hand."""

from __future__ import annotations

import base64
import hmac
import secrets as random
import time

PATHS = {
    "contact.lookup": "/contacts/lookup",
    "contact.create": "/contacts",
    "call.sync": "/calls",
    "ping": "/ping",
}


def signed(
    body: bytes, event: str, secret: str, *, delivery: str | None = None, now: float | None = None
) -> dict[str, str]:
    """All headers of a request. `delivery` is made up when none is given; `now` in seconds."""
    moment = str(int(time.time() if now is None else now))
    known_as = delivery or f"dlv_{random.token_hex(8)}"
    message = f"msg_{random.token_hex(8)}"
    content = f"{message}.{moment}.".encode() + body
    standard = base64.b64encode(hmac.digest(_standard_key(secret), content, "sha256")).decode()
    return {
        "Authorization": f"Bearer {secret}",
        "X-HUM-Signature": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex(),
        "X-HUM-Event": event,
        "X-HUM-Delivery": known_as,
        "Content-Type": "application/json",
        "User-Agent": "bluehive-hum-crm/1.0",
        "webhook-id": message,
        "webhook-timestamp": moment,
        "webhook-signature": f"v1,{standard}",
    }


def _standard_key(secret: str) -> bytes:
    if not secret.startswith("whsec_"):
        return secret.encode()
    bare = secret.removeprefix("whsec_")
    return base64.b64decode(bare + "=" * (-len(bare) % 4))
