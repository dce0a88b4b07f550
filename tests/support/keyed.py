"""A receiver's behaviour that checks X-HUM-Signature, or webhook-signature, against the secrets it knows.

Written from the wire contract; shares no code with the gateway.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Collection
from typing import Literal

from tests.support import receiver as r
from tests.support.receiver import Received, Wire

Check = Literal["body", "standard"]


class Keyed:
    """Answers 200 to what one of the secrets in `knows` has signed, `refuses_with` to everything else, with
    `echo` as the body of all answers. `secrets` names every secret there is, for `led_by` and `signers`."""

    def __init__(
        self,
        secrets: dict[str, str],
        knows: Collection[str],
        refuses_with: int = 401,
        *,
        check: Check = "body",
        delay: float = 0.0,
        echo: bytes = b"ok",
    ) -> None:
        self.secrets = secrets
        self.knows = set(knows)
        self.refuses_with = refuses_with
        self.check = check
        self.delay = delay
        self.echo = echo
        self.refused = 0

    async def __call__(self, wire: Wire, request: Received) -> bool:
        by = {led_by(request, self.secrets)} if self.check == "body" else signers(request, self.secrets)
        good = bool(by & self.knows)
        self.refused += not good
        return await r.answer(200 if good else self.refuses_with, body=self.echo, delay=self.delay)(
            wire, request
        )


def led_by(request: Received, secrets: dict[str, str]) -> str | None:
    """The name of the secret that X-HUM-Signature is made with."""
    for name, secret in secrets.items():
        made = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
        if request.header("X-HUM-Signature") == f"sha256={made}":
            return name
    return None


def signers(request: Received, secrets: dict[str, str]) -> set[str]:
    """The names of the secrets that webhook-signature is made with."""
    given = (request.header("webhook-signature") or "").split()
    content = f"{request.header('webhook-id')}.{request.header('webhook-timestamp')}.".encode() + request.body
    found = set()
    for name, secret in secrets.items():
        key = base64.b64decode(secret.removeprefix("whsec_"))
        if "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode() in given:
            found.add(name)
    return found
