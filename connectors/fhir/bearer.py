"""The bearer token: one that was given, or got with client credentials (OAuth 2.0) and renewed in time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import httpx
import msgspec

from connectors.kit.failures import Refused, Unavailable

EARLY: Final = 60.0  # seconds before its end that a token is renewed
SHORTEST: Final = 10.0  # seconds that a token is used at least, however short the server says it lives


class Token(Protocol):
    async def current(self) -> str | None:
        """The token for the next request; None when none is needed."""
        ...

    def refused(self) -> None:
        """The server did not take the current one."""


@dataclass(frozen=True, slots=True)
class Given:
    token: str | None

    async def current(self) -> str | None:
        return self.token

    def refused(self) -> None:
        """There is no other."""


class _Granted(msgspec.Struct):
    access_token: str
    expires_in: float = 300.0


class Granted:
    """Client credentials, sent with HTTP Basic authentication. `clock` gives seconds that only grow."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, credentials: tuple[str, str], clock: Callable[[], float]
    ) -> None:
        self._http = http
        self._url = url
        self._credentials = credentials
        self._clock = clock
        self._token: str | None = None
        self._until = 0.0
        self._asking = asyncio.Lock()

    async def current(self) -> str | None:
        async with self._asking:
            if self._token is None or self._clock() >= self._until:
                granted = await self._ask()
                self._token = granted.access_token
                self._until = self._clock() + max(granted.expires_in - EARLY, SHORTEST)
            return self._token

    def refused(self) -> None:
        self._token = None

    async def _ask(self) -> _Granted:
        form = {"grant_type": "client_credentials", "client_id": self._credentials[0]}
        try:
            answer = await self._http.post(self._url, data=form, auth=self._credentials)
        except httpx.TransportError as error:
            raise Unavailable(f"the token server cannot be reached ({type(error).__name__})") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unavailable(f"the token server answered {answer.status_code}")
        try:
            return msgspec.json.decode(answer.content if answer.is_success else b"", type=_Granted)
        except msgspec.MsgspecError:
            raise Refused(
                f"the token server gives no token ({answer.status_code}): is the client's secret right?"
            ) from None
