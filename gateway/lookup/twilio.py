"""Twilio Lookup v2: one GET for a number, over the guarded way out.

Written after Twilio's own OpenAPI document; its worked examples are in `fixtures/twilio`.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Final, Protocol
from urllib.parse import quote

from gateway.domain.exchange import READ_BODY_BYTES, Exchange
from gateway.domain.number_lookup import Credentials, Package, Report
from gateway.lookup.answers import read
from gateway.lookup.provider import Failed

TIMEOUT_SECONDS: Final = 5.0
USER_AGENT: Final = "bluehive-hum-lookup/1.0"


class Get(Protocol):
    """The only way out, as far as it is used here."""

    async def get(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109 - the client's own
        org_id: str,
        most: int = READ_BODY_BYTES,
    ) -> Exchange: ...


class Twilio:
    """Asks Twilio (`provider.Provider`); `base_url` without a slash at its end."""

    def __init__(self, client: Get, base_url: str) -> None:
        self._client = client
        self._base_url = base_url

    async def ask(
        self, credentials: Credentials, org_id: str, phone: str, packages: Sequence[Package]
    ) -> Report | Failed:
        fields = f"?Fields={','.join(packages)}" if packages else ""
        exchange = await self._client.get(
            f"{self._base_url}/v2/PhoneNumbers/{quote(phone, safe='')}{fields}",
            headers=(
                ("Accept", "application/json"),
                ("Authorization", f"Basic {_basic(credentials)}"),
                ("User-Agent", USER_AGENT),
            ),
            timeout=TIMEOUT_SECONDS,
            org_id=org_id,
        )
        return read(exchange, phone, packages)


def _basic(credentials: Credentials) -> str:
    return base64.b64encode(f"{credentials.account_sid}:{credentials.auth_token}".encode()).decode()
