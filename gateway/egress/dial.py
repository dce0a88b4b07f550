"""From a target to an open connection: look the name up, judge, connect, and speak TLS to the right host."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from urllib.parse import unquote, urlsplit

from aiohappyeyeballs import AddrInfoType, SocketFactoryType, start_connection

from gateway.egress.connection import Connection
from gateway.egress.failure import ProxyError
from gateway.egress.guard import Guard, TargetDeniedError, UnresolvedError, unguarded_socket
from gateway.egress.resolver import Resolve
from gateway.egress.target import Target, is_literal

CONNECT_SECONDS: Final = 5.0
TLS_GOODBYE_SECONDS: Final = 1.0
_SECOND_ADDRESS_AFTER: Final = 0.25
_MOST_OF_PROXY: Final = 8 * 1024


@dataclass(frozen=True, slots=True)
class Proxy:
    """The operator's own way out, for https: HTTP CONNECT to the checked address."""

    host: str
    port: int
    authorization: str | None


class Dialer:
    """Opens connections that the guard has let through."""

    def __init__(self, tls: ssl.SSLContext, resolve: Callable[[], Resolve], proxy: Proxy | None) -> None:
        self._tls = tls
        self._resolve = resolve
        self._proxy = proxy

    async def open(self, target: Target, guard: Guard, dialed: list[str]) -> Connection:
        """Notes in `dialed` each address it tries. Raises OSError of every kind (`failure.not_connected` has
        the words), also TimeoutError."""
        addresses = await self._checked(target, guard)
        async with asyncio.timeout(CONNECT_SECONDS):
            if self._proxy is not None and not target.plain:
                dialed.append(addresses[0])
                return await self._through_proxy(self._proxy, addresses[0], target)
            return await self._directly(addresses, target, guard, dialed)

    async def _checked(self, target: Target, guard: Guard) -> Sequence[str]:
        """All addresses of the host, each of which may be dialed."""
        addresses = [target.host] if target.literal else await self._addresses(target.host)
        for address in addresses:
            if (reason := guard.refusal(address, target.port)) is not None:
                raise TargetDeniedError(reason)
        return addresses

    async def _addresses(self, host: str) -> list[str]:
        try:
            found = list(await self._resolve()(host))
        except OSError as problem:
            # Not a TimeoutError any more: that would speak of the receiver.
            raise UnresolvedError(str(problem)) from None
        if not found:
            raise UnresolvedError("the name has no address")
        return found

    async def _directly(
        self, addresses: Sequence[str], target: Target, guard: Guard, dialed: list[str]
    ) -> Connection:
        def judged_once_more(address: AddrInfoType) -> socket.socket:
            opened = guard.open_socket(address)
            dialed.append(str(address[4][0]))
            return opened

        opened = await _connect(addresses, target.port, judged_once_more)
        try:
            remote_ip = str(opened.getpeername()[0])
            _, connection = await asyncio.get_running_loop().create_connection(
                lambda: Connection(remote_ip), sock=opened, **self._tls_options(target)
            )
        except BaseException:
            opened.close()
            raise
        return connection

    async def _through_proxy(self, proxy: Proxy, address: str, target: Target) -> Connection:
        try:
            found = [proxy.host] if is_literal(proxy.host) else await self._addresses(proxy.host)
            opened = await _connect(found, proxy.port, unguarded_socket)
        except OSError as problem:
            raise ProxyError(str(problem)) from None
        loop = asyncio.get_running_loop()
        tunnel = _Tunnel()
        transport, _ = await loop.create_connection(lambda: tunnel, sock=opened)
        try:
            await tunnel.ask(proxy, address, target.port)
            connection = Connection(address)
            # CONNECT names the checked address; SNI and the certificate keep the name.
            secure = await loop.start_tls(
                transport, connection, self._tls, server_hostname=target.host,
                ssl_shutdown_timeout=TLS_GOODBYE_SECONDS,
            )  # fmt: skip
        except BaseException:
            transport.abort()
            raise
        assert secure is not None
        connection.connection_made(secure)
        return connection

    def _tls_options(self, target: Target) -> dict[str, Any]:
        if target.plain:
            return {}
        return {
            "ssl": self._tls,
            "server_hostname": target.host,
            "ssl_shutdown_timeout": TLS_GOODBYE_SECONDS,
        }


class _Tunnel(asyncio.Protocol):
    """The conversation with the proxy, until it has opened the way."""

    def __init__(self) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self._received = b""

    async def ask(self, proxy: Proxy, address: str, port: int) -> None:
        where = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        lines = [f"CONNECT {where} HTTP/1.1", f"Host: {where}"]
        if proxy.authorization is not None:
            lines.append(f"Proxy-Authorization: {proxy.authorization}")
        self._transport.write(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
        await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._answer.done():
            return
        head, end, rest = self._received.partition(b"\r\n\r\n")
        if end:
            status = head.split(b" ", 2)[1:2]
            # A TLS server does not speak first: bytes behind the head would be the proxy's own.
            opened = head.startswith(b"HTTP/1.") and status and status[0][:1] == b"2" and not rest
            self._settle(None if opened else "refused")
        elif len(self._received) > _MOST_OF_PROXY:
            self._settle("talks too much")

    def connection_lost(self, exc: Exception | None) -> None:
        self._settle("closed")

    def _settle(self, problem: str | None) -> None:
        if self._answer.done():
            return
        if problem is None:
            self._answer.set_result(None)
        else:
            self._answer.set_exception(ProxyError(None, problem))


async def _connect(addresses: Sequence[str], port: int, factory: SocketFactoryType) -> socket.socket:
    """The first address that takes the connection; the second is tried when the first is slow."""
    return await start_connection(
        [_address_info(address, port) for address in addresses],
        happy_eyeballs_delay=_SECOND_ADDRESS_AFTER,
        interleave=1,
        socket_factory=factory,
    )


def _address_info(address: str, port: int) -> AddrInfoType:
    if ":" in address:
        return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
    return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """The system's roots and those of `ca_file` (PEM); TLS 1.2 or newer; host names are checked.

    Raises OSError (also ssl.SSLError) when the file cannot be read.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def parse_proxy(text: str | None) -> Proxy | None:
    """EGRESS_PROXY taken apart; None when it is not set. Raises ValueError for anything but
    `http://[user:password@]host:port`."""
    if not text:
        return None
    parts = urlsplit(text)
    if parts.scheme != "http" or not parts.hostname or parts.port is None or parts.path not in ("", "/"):
        raise ValueError("EGRESS_PROXY must look like http://host:port")
    authorization = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = "Basic " + base64.b64encode(user.encode()).decode("ascii")
    return Proxy(parts.hostname, parts.port, authorization)
