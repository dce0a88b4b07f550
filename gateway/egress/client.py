"""POST to a customer's URL: guarded, bounded in time and size, never an exception for what the remote does.

The guard is in `dial` and `resolver`, aiohttp's settings in `pool`, the words for failures in `failure`.
What an exchange means is judged elsewhere (`gateway.domain.outcome`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import aiohttp
from aiohttp.hdrs import HOST
from multidict import CIMultiDict
from yarl import URL

from gateway.clock import Clock
from gateway.domain.address import AllowedNetworks
from gateway.domain.exchange import READ_BODY_BYTES, Exchange
from gateway.egress.dial import (
    Contact,
    Guard,
    Listeners,
    TargetDeniedError,
    contact,
    proxy_socket,
)
from gateway.egress.failure import OversizedHeadersError, failure
from gateway.egress.pool import open_pool, proxy_url, tls_context
from gateway.egress.resolver import DNS_SECONDS, DnsLookup, GuardedResolver, Resolve

CONNECT_SECONDS: Final = 5.0
MAX_HEADER_BYTES: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class _Target:
    url: URL
    host: str
    port: int
    plain: bool
    literal: bool


@lru_cache(maxsize=4096)
def _target(text: str) -> _Target:
    """Raises ValueError for what `gateway.domain.url.check_url` would never have let in."""
    url = URL(text, encoded=True)
    host, port = url.raw_host, url.port
    if url.scheme not in ("http", "https") or not host or port is None or "@" in url.raw_authority:
        raise ValueError("not a URL to send to")
    literal = ":" in host or host.rpartition(".")[2].isdigit()
    return _Target(url, host, port, url.scheme == "http", literal)


@lru_cache(maxsize=256)
def _limits(timeout: float) -> aiohttp.ClientTimeout:
    # Without the threshold aiohttp rounds limits of 5 s and more up to the next whole second of its clock.
    return aiohttp.ClientTimeout(
        total=timeout,
        connect=DNS_SECONDS + CONNECT_SECONDS,
        sock_connect=CONNECT_SECONDS,
        ceil_threshold=86400,
    )


class EgressClient:
    """Connections are kept per scheme, host and port and shared between organizations, except those that have
    networks of their own in ALLOW_NETWORKS: what only they may reach is never in another's pool.
    """

    def __init__(
        self,
        allowed: AllowedNetworks,
        *,
        own_listeners: Listeners | Callable[[], Listeners] = (),
        ca_file: str | None = None,
        dns_servers: list[str] | None = None,
        egress_proxy: str | None = None,
        clock: Clock,
        resolve: Resolve | None = None,
        connections_per_host: int = 100,
    ) -> None:
        """Opens nothing yet: the first `post` does, on the event loop it runs in.

        `egress_proxy`: `http://[user:password@]host:port`, for https targets only, by HTTP CONNECT to an
        address that the guard has checked: the gateway, not the proxy, resolves names, anew for each request,
        and takes the first address only. Plain http, which stays inside ALLOW_NETWORKS, is dialed directly.
        Raises ValueError for another kind of proxy, OSError for an unreadable `ca_file`.
        """
        self._allowed = allowed
        self._own = own_listeners if callable(own_listeners) else lambda: own_listeners
        self._tls = tls_context(ca_file)
        self._dns_servers = dns_servers
        self._clock = clock
        self._resolve = resolve
        self._lookup: DnsLookup | None = None
        self._per_host = connections_per_host
        self._proxy = proxy_url(egress_proxy)
        self._separate = allowed.organizations()
        self._pools: dict[tuple[str | None, bool], aiohttp.ClientSession] = {}
        self._proxy_pool: aiohttp.ClientSession | None = None

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Sequence[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109 - aiohttp keeps it, cheaper than a context manager of our own
        org_id: str,
    ) -> Exchange:
        """One try. `url` as `check_url` wrote it; header names go out in the case given; `timeout` in seconds
        over everything, from the lookup to the last byte read.

        Never raises for what the remote does; only CancelledError passes.
        """
        started_at, begin = self._clock.now(), self._clock.monotonic()
        met = Contact()
        contact.set(met)
        answer: aiohttp.ClientResponse | None = None
        received: list[bytes] = []
        truncated, problem = False, None
        try:
            answer = await self._send(_target(url), body, CIMultiDict(headers), timeout, org_id, met)
            truncated = await _read(answer, received)
        except asyncio.CancelledError:
            if answer is not None:
                answer.close()
            raise
        except Exception as caught:  # noqa: BLE001 - whatever a remote system provokes is a value
            if answer is not None:
                answer.close()
            problem = caught
        duration = round((self._clock.monotonic() - begin) * 1000)
        if problem is None and answer is not None:
            text = b"".join(received)[:READ_BODY_BYTES]
            return Exchange(
                started_at, duration, answer.status, None, "", met.remote_ip, _lines(answer), text, truncated
            )
        assert problem is not None
        word, detail = failure(problem, met, literal=_is_literal(url), answered=answer is not None)
        return Exchange(
            started_at,
            duration,
            status_code=answer.status if answer is not None else None,
            error=word,
            error_detail=detail,
            # A name that leads nowhere allowed must not tell where it leads.
            remote_ip=met.remote_ip if word != "target_unreachable" else None,
            response_headers=_lines(answer) if answer is not None else [],
            response_body=b"".join(received)[:READ_BODY_BYTES],
        )

    async def close(self) -> None:
        """Close every connection, kept or in use."""
        for pool in (*self._pools.values(), self._proxy_pool):
            if pool is not None:
                await pool.close()
        self._pools.clear()
        self._proxy_pool = None
        if self._lookup is not None:
            await self._lookup.close()
            self._lookup = None

    async def _send(
        self,
        target: _Target,
        body: bytes,
        headers: CIMultiDict[str],
        seconds: float,
        org_id: str,
        met: Contact,
    ) -> aiohttp.ClientResponse:
        key = (org_id if org_id in self._separate else None, target.plain)
        if self._proxy is not None and not target.plain:
            return await self._send_through_proxy(key, target, body, headers, seconds, met)
        pool = self._pools.get(key) or self._open(key)
        return await pool.post(
            target.url, data=body, headers=headers, timeout=_limits(seconds), allow_redirects=False
        )

    async def _send_through_proxy(
        self,
        key: tuple[str | None, bool],
        target: _Target,
        body: bytes,
        headers: CIMultiDict[str],
        seconds: float,
        met: Contact,
    ) -> aiohttp.ClientResponse:
        guard, end = self._guard(key), self._clock.monotonic() + seconds
        if target.literal:
            if (reason := guard.refusal(target.host, target.port)) is not None:
                raise TargetDeniedError(reason)
            address = target.host
        else:
            checked = await GuardedResolver(self._resolver(), guard).addresses(target.host, target.port)
            address = checked[0]
        if self._proxy_pool is None:
            unguarded = GuardedResolver(self._resolver(), None)
            self._proxy_pool = open_pool(self._tls, unguarded, proxy_socket, self._per_host)
        met.remote_ip = address
        # CONNECT names the checked address; Host, SNI and the certificate keep the name.
        headers[HOST] = target.url.host_port_subcomponent or target.host
        return await self._proxy_pool.post(
            target.url.with_host(address),
            data=body,
            headers=headers,
            timeout=_limits(max(round(end - self._clock.monotonic(), 2), 0.01)),
            allow_redirects=False,
            proxy=self._proxy,
            server_hostname=None if target.literal else target.host,
        )

    def _guard(self, key: tuple[str | None, bool]) -> Guard:
        org_id, plain = key
        return Guard(self._allowed, org_id, plain, self._own)

    def _open(self, key: tuple[str | None, bool]) -> aiohttp.ClientSession:
        guard = self._guard(key)
        guarded = GuardedResolver(self._resolver(), guard)
        self._pools[key] = open_pool(self._tls, guarded, guard.open_socket, self._per_host)
        return self._pools[key]

    def _resolver(self) -> Resolve:
        if self._resolve is not None:
            return self._resolve
        if self._lookup is None:
            self._lookup = DnsLookup(self._dns_servers)
        return self._lookup


async def _read(answer: aiohttp.ClientResponse, received: list[bytes]) -> bool:
    """Read the body into `received`, at most about READ_BODY_BYTES; True when there was more.

    What is over the limit is not drained: the connection is closed instead.
    """
    if len(answer.raw_headers) > 16 and _header_bytes(answer) > MAX_HEADER_BYTES:
        raise OversizedHeadersError
    content, size = answer.content, 0
    while not content.at_eof():
        chunk = await content.readany()
        received.append(chunk)
        size += len(chunk)
        if size > READ_BODY_BYTES or (size == READ_BODY_BYTES and not content.at_eof()):
            answer.close()
            return True
    answer.release()
    return False


def _header_bytes(answer: aiohttp.ClientResponse) -> int:
    return sum(len(name) + len(value) + 4 for name, value in answer.raw_headers)


def _lines(answer: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in answer.raw_headers]


def _is_literal(url: str) -> bool:
    try:
        return _target(url).literal
    except ValueError:
        return False
