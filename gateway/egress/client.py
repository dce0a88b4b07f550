"""POST to a customer's URL, GET from a provider's: guarded, bounded in time and size, never an exception for
what the remote does.

The guard is in `guard`, the way to a connection in `dial`, the conversation in `connection`, the words for
failures in `failure`. What an exchange means is judged elsewhere (`gateway.domain.outcome`). There are no
redirects, cookies, proxies from the environment or inflated bodies, because nobody wrote them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.clock import Clock
from gateway.domain.address import AllowedNetworks
from gateway.domain.exchange import READ_BODY_BYTES, Exchange
from gateway.egress import failure
from gateway.egress.connection import Answer, Connection, Room
from gateway.egress.dial import Dialer, parse_proxy, tls_context
from gateway.egress.guard import Guard, Listeners
from gateway.egress.pool import Pool
from gateway.egress.resolver import DnsLookup, Resolve
from gateway.egress.target import Target, parse_target, request_head

ROOM_FOR_LONG_ANSWERS: Final = 64 * 1024 * 1024


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
    ) -> None:
        """Opens nothing yet: the first request does, on the event loop it runs in.

        `egress_proxy`: `http://[user:password@]host:port`, for https targets only, by HTTP CONNECT to an
        address that the guard has checked: the gateway, not the proxy, resolves names, and takes the first
        address only. Plain http, which stays inside ALLOW_NETWORKS, is dialed directly.
        Raises ValueError for another kind of proxy, OSError for an unreadable `ca_file`.
        """
        self._allowed = allowed
        self._own = own_listeners if callable(own_listeners) else lambda: own_listeners
        self._dns_servers = dns_servers
        self._clock = clock
        self._given_resolve = resolve
        self._lookup: DnsLookup | None = None
        self._dialer = Dialer(tls_context(ca_file), self._resolve, parse_proxy(egress_proxy))
        self._separate = allowed.organizations()
        self._pool = Pool()
        self._busy: set[Connection] = set()
        self._room = Room(ROOM_FOR_LONG_ANSWERS)

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Sequence[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109 - kept by a timer of the connection, cheaper than a context manager
        org_id: str,
        most: int = READ_BODY_BYTES,
    ) -> Exchange:
        """One try. `url` as `check_url` wrote it; header names go out in the case given; `timeout` in seconds
        over everything, from the lookup to the last byte read; `most` bytes of the answer's body are read.

        Never raises for what the remote does; only CancelledError passes.
        """
        return await self._request(url, body, headers, timeout, org_id, most)

    async def get(
        self,
        url: str,
        *,
        headers: Sequence[tuple[str, str]],
        timeout: float,  # noqa: ASYNC109 - as for `post`
        org_id: str,
        most: int = READ_BODY_BYTES,
    ) -> Exchange:
        """One GET; everything else as for `post`."""
        return await self._request(url, None, headers, timeout, org_id, most)

    async def _request(
        self,
        url: str,
        body: bytes | None,
        headers: Sequence[tuple[str, str]],
        seconds: float,
        org_id: str,
        most: int,
    ) -> Exchange:
        started_at, begun = self._clock.now(), self._clock.monotonic()
        remote_ip = None
        try:
            target = parse_target(url)
            head = request_head(target, headers, body)
        except ValueError:
            answer = Answer(problem=failure.UNSENDABLE)
        else:
            answer, remote_ip = await self._exchange(target, head, body or b"", seconds, org_id, most)
        duration = round((self._clock.monotonic() - begun) * 1000)
        return _told(answer, started_at, duration, remote_ip)

    async def close(self) -> None:
        """Close every connection, kept or in use."""
        self._pool.close()
        for connection in tuple(self._busy):
            connection.abort()
        if self._lookup is not None:
            await self._lookup.close()
            self._lookup = None
        await asyncio.sleep(0)  # transports close in the loop's next turn

    async def _exchange(
        self, target: Target, head: bytes, body: bytes, seconds: float, org_id: str, most: int
    ) -> tuple[Answer, str | None]:
        """Over a kept connection, if there is one. When the other side closes that one before a byte of an
        answer, over a new one: most likely the request crossed with the end of its patience."""
        owner = org_id if org_id in self._separate else None
        key = (owner, *target.origin)
        ends = asyncio.get_running_loop().time() + seconds
        kept = self._pool.take(key)
        if kept is not None:
            answer = await self._over(kept, key, head, body, seconds, most)
            if answer.began or answer.problem is None or answer.problem[0] != "reset":
                return answer, kept.remote_ip
        dialed: list[str] = []
        guard = Guard(self._allowed, owner, target.plain, self._own)
        try:
            async with asyncio.timeout_at(ends):
                connection = await self._dialer.open(target, guard, dialed)
        except OSError as problem:
            where = dialed[-1] if dialed else None
            return Answer(problem=failure.not_connected(problem, literal=target.literal)), where
        rest = max(ends - asyncio.get_running_loop().time(), 0)
        return await self._over(connection, key, head, body, rest, most), connection.remote_ip

    async def _over(
        self,
        connection: Connection,
        key: tuple[object, ...],
        head: bytes,
        body: bytes,
        seconds: float,
        most: int,
    ) -> Answer:
        self._busy.add(connection)
        connection.room = self._room
        try:
            answer = await connection.exchange(head, body, seconds, most)
        except asyncio.CancelledError:
            connection.abort()
            raise
        finally:
            self._busy.discard(connection)
            self._room.give_back(connection.took())
        if connection.reusable:
            self._pool.keep(key, connection)
        else:
            connection.abort()
        return answer

    def _resolve(self) -> Resolve:
        if self._given_resolve is not None:
            return self._given_resolve
        if self._lookup is None:
            self._lookup = DnsLookup(self._dns_servers)
        return self._lookup


def _told(answer: Answer, started_at: int, duration: int, remote_ip: str | None) -> Exchange:
    word, detail = answer.problem or (None, "")
    return Exchange(
        started_at,
        duration,
        answer.status,
        word,
        detail,
        remote_ip,
        [(name.decode("latin-1"), value.decode("utf-8", "replace")) for name, value in answer.headers],
        b"".join(answer.body)[: answer.limit],
        answer.truncated,
    )
