"""The guard at the moment of dialing: which address a socket may be opened to.

It is asked twice: for all addresses of a name, so that one denied answer condemns the name, and for each
address once more when its socket is made, so that no way to a connection leads past it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Final

from aiohappyeyeballs import AddrInfoType

from gateway.domain.address import Address, AllowedNetworks, embedded

Listeners = Collection[tuple[str, int]]
"""(IP address, port) pairs on which this process listens; `0.0.0.0` and `::` mean every local address."""

# A hostile receiver can fill only this much of the kernel's memory per connection (Linux doubles it).
_RECEIVE_BUFFER: Final = 64 * 1024


class TargetDeniedError(OSError):
    """The guard refused an address. An OSError, so that it passes through what opens connections."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)
        self.reason = reason


class UnresolvedError(OSError):
    """A name that leads to no address."""

    def __init__(self, reason: str) -> None:
        super().__init__(None, reason)


@dataclass(frozen=True, slots=True)
class Guard:
    """The rule for one organization's requests over one scheme.

    `plain` is for http: only networks the operator allowed. `own` gives the gateway's present listeners.
    """

    allowed: AllowedNetworks
    org_id: str | None
    plain: bool
    own: Callable[[], Listeners]

    def refusal(self, text: str, port: int) -> str | None:
        """Why this address must not be dialed, for logs and for literals; None when it may be."""
        try:
            ip: Address = ipaddress.ip_address(text)
        except ValueError:
            return "not an IP address"
        judged = self.allowed.judge(ip, self.org_id)
        if not judged.allowed:
            return judged.name
        if self.plain and not self.allowed.covers(ip, self.org_id):
            return "plain http outside the allowed networks"
        if is_own(ip, port, self.own()):
            return "the gateway's own listener"
        return None

    def open_socket(self, address: AddrInfoType) -> socket.socket:
        """The factory of every socket to a customer's system. Raises TargetDeniedError."""
        host, port = str(address[4][0]), int(address[4][1])
        if (reason := self.refusal(host, port)) is not None:
            raise TargetDeniedError(reason)
        return unguarded_socket(address)


def unguarded_socket(address: AddrInfoType) -> socket.socket:
    """A socket for an address that needs no check: the operator's own egress proxy."""
    family, kind, protocol, _, _ = address
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


def is_own(ip: Address, port: int, listeners: Listeners) -> bool:
    """Whether a listener of this process would answer at `ip` and `port`."""
    same_port = [listener for listener, its_port in listeners if its_port == port]
    if not same_port:
        return False
    ip = _plain(ip)
    addresses = [_plain(ipaddress.ip_address(listener.partition("%")[0])) for listener in same_port]
    return ip in addresses or (any(a.is_unspecified for a in addresses) and _is_local(ip))


def _plain(ip: Address) -> Address:
    mapped = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
    return mapped or ip


def _is_local(ip: Address) -> bool:
    if ip.is_loopback or ip.is_unspecified or (embedded(ip) or ip).is_loopback:
        return True
    # The kernel binds only to addresses of this machine: no list of interfaces that could be out of date.
    family = socket.AF_INET if ip.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(ip), 0))
    except OSError:
        return False
    return True
