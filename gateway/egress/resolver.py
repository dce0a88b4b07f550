"""Names to addresses: asked for every new connection, off the thread pool.

c-ares keeps a DNS answer for as long as its TTL says (an hour at most); nothing here keeps one longer. What
may be dialed is judged elsewhere (`guard`), anew each time.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiodns

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
