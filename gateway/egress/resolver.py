"""Names to addresses: asked for every new connection, off the thread pool, and judged as a whole each time.

c-ares keeps a DNS answer for as long as its TTL says (an hour at most); nothing here keeps one longer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiodns
from aiohttp.abc import AbstractResolver, ResolveResult

from gateway.egress.dial import Guard, TargetDeniedError, UnresolvedError

DNS_SECONDS: Final = 2.0

Resolve = Callable[[str], Awaitable[Sequence[str]]]
"""From a host name to IP addresses in text form. Raises OSError (also TimeoutError) when there is none."""


class DnsLookup:
    """c-ares through aiodns: /etc/hosts first, then the system's DNS servers or those of the setting.

    Not the default executor: eight names on a black-holed server would hold up every other lookup.
    """

    def __init__(self, servers: Sequence[str] | None = None) -> None:
        """`servers`: `192.0.2.53` or `192.0.2.53:5353`; must be called inside a running event loop."""
        # Two tries of half the limit each, so that the second server is asked before time is up.
        self._resolver = aiodns.DNSResolver(servers or None, timeout=DNS_SECONDS / 2, tries=2)

    async def __call__(self, host: str) -> list[str]:
        try:
            async with asyncio.timeout(DNS_SECONDS):
                answer = await self._resolver.getaddrinfo(
                    host, family=socket.AF_UNSPEC, type=socket.SOCK_STREAM
                )
        except aiodns.error.DNSError as problem:
            raise OSError(None, f"the name does not resolve ({problem.args[-1]})") from None
        return [node.addr[0].decode("ascii") for node in answer.nodes]

    async def close(self) -> None:
        await self._resolver.close()


class GuardedResolver(AbstractResolver):
    """What aiohttp dials: all answers, or none of them when the guard refuses a single one.

    `guard` is None only towards the operator's own egress proxy.
    """

    def __init__(self, resolve: Resolve, guard: Guard | None) -> None:
        self._resolve = resolve
        self._guard = guard

    async def addresses(self, host: str, port: int) -> list[str]:
        """Checked addresses. Raises UnresolvedError for none, TargetDeniedError when one is refused."""
        try:
            found = list(await self._resolve(host))
        except OSError as problem:
            # Not a TimeoutError any more: aiohttp would take it for its own.
            raise UnresolvedError(str(problem)) from None
        if not found:
            raise UnresolvedError("the name has no address")
        if self._guard is not None:
            for address in found:
                if (reason := self._guard.refusal(address, port)) is not None:
                    raise TargetDeniedError(reason)
        return found

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in await self.addresses(host, port)
        ]

    async def close(self) -> None:
        """The lookup is shared: the client closes it."""
