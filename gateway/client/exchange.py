"""What both clients share: where to connect, how a request looks on the wire, what is told in between."""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import httpx

from gateway.client.errors import Answer, GatewayError, UnreachableError, error_of, unreachable
from gateway.client.request import Download, Request, query_of
from gateway.client.retry import NO_RETRY, Limits, Retry, Tries, one_try

PATIENCE: Final = 1.0  # seconds; a longer wait is announced
TIMEOUT: Final = 30.0  # seconds, for connecting and between two pieces of an answer
_LOOPBACK = re.compile(r"(localhost|127\.[0-9.]+|::1)\Z")
_USER = re.compile(r"^([A-Za-z+.-]*:?//)?[^/?#]*@")
_HEADER_VALUE = re.compile(r"[!-~]+\Z")


@dataclass(frozen=True, slots=True)
class Options:
    """How a client was made, without what is blocking or asynchronous in it. `timeout` and `retry` are None
    where whoever made it did not say."""

    url: str
    timeout: float | None
    retry: Retry | None
    notice: Callable[[str], None]
    monotonic: Callable[[], float]
    chance: Callable[[], float] = random.random

    @property
    def phase(self) -> float:
        """Seconds that each phase of an exchange may take."""
        return TIMEOUT if self.timeout is None else self.timeout

    def tries(self, request: Request[Any]) -> Tries:
        policy = self._policy(request)
        return Tries(policy, request.method, monotonic=self.monotonic, chance=self.chance)

    def limits(self, tries: Tries) -> Limits:
        """What httpx is to know of time in the next try."""
        return Limits(tries, self.phase)

    def _policy(self, request: Request[Any]) -> Retry:
        if not request.repeat:
            return NO_RETRY
        if request.budget is not None and self.retry is None:
            return one_try(request.budget if self.timeout is None else self.timeout)
        return self.retry or Retry()

    def unreachable(self, cause: httpx.TransportError) -> UnreachableError:
        return unreachable(self.url, cause)

    def tell(self, error: GatewayError, wait: float) -> None:
        """Says what is waited for, when it takes longer."""
        if wait > PATIENCE or (isinstance(error, UnreachableError) and error.slow):
            what = error.message if error.status == 0 else f"the gateway answered {error.status} {error.code}"
            self.notice(f"{what}; trying again in {wait:.0f} s")


def connection(url: str, key: str | None, org: str | None) -> dict[str, Any]:
    """What httpx needs to know for either client. Raises ValueError."""
    headers = {"Accept": "application/json", "User-Agent": "hum-gateway-client/1"}
    if key:
        headers["Authorization"] = f"Bearer {_visible('the API key', key)}"
    if org:
        headers["X-HUM-Org"] = _visible("the organization", org)
    shown = _USER.sub(r"\1", url)
    try:
        base = httpx.URL(url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise ValueError(f"{shown}: {error}" if shown == url else f"{shown}: is not a URL") from None
    if base.scheme not in ("http", "https") or not base.host:
        raise ValueError(f"{shown}: must be an http:// or https:// URL")
    if base.userinfo or shown != url:
        # It would be sent in place of the API key.
        raise ValueError(f"{shown}: must not name a user or a password; the API key says who asks")
    # A proxy from the environment cannot reach this machine's own loopback.
    trust = not _LOOPBACK.match(base.host)
    return {"base_url": base, "headers": headers, "follow_redirects": False, "trust_env": trust}


def _visible(what: str, value: str) -> str:
    if not _HEADER_VALUE.match(value):
        raise ValueError(f"{what} must be visible ASCII characters without spaces")
    return value


def on_the_wire(request: Request[Any]) -> dict[str, Any]:
    """The arguments of `build_request`: made once for a call, so that every try sends the same, above all the
    same idempotency key."""
    headers = {}
    content = request.content
    if content is not None:
        headers["Content-Type"] = request.media
    if request.method == "POST" and request.keyed:
        headers["Idempotency-Key"] = request.idempotency_key or uuid.uuid4().hex
    return {
        "method": request.method,
        "url": request.path,
        "params": query_of(request.params),
        "content": content,
        "headers": headers,
    }


def downloading(download: Download) -> dict[str, Any]:
    """As `on_the_wire`, of a download."""
    headers = {"Accept": download.accept}
    return {"method": "GET", "url": download.path, "params": query_of(download.params), "headers": headers}


def judge(request: Request[Any], answer: Answer) -> GatewayError | None:
    """None when the answer is what was asked for."""
    good = 200 <= answer.status < 300 or answer.status in request.answers
    return None if good else error_of(answer)
