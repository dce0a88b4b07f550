"""Which IP addresses the gateway may send to: an explicit table, and the operator's exceptions to it.

`ipaddress.is_global` is no guard: it calls NAT64 and 6to4 forms of loopback, `::127.0.0.1`, several cloud
metadata addresses and multicast global. Here IPv4 is public unless a row denies it, IPv6 is denied unless it
lies in 2000::/3 and no row denies it, and an IPv4 address inside an IPv6 one is judged too.

Source of the rows: IANA's IPv4 and IPv6 special-purpose address registries; the metadata addresses are from
the documentation of the clouds named beside them. Pure rules: sockets are in `gateway.egress`.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

IPv4 = ipaddress.IPv4Address
IPv6 = ipaddress.IPv6Address
Address = IPv4 | IPv6
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

ORG_ID: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}", re.ASCII)

PUBLIC: Final = "public"
ALLOWED: Final = "allowed network"

# Denied whatever the operator allows: nothing that answers there is a customer's receiver.
_NEVER: Final = (
    ("169.254.169.254/32", "metadata (AWS, Google, Azure)"),
    ("169.254.170.2/32", "metadata (AWS containers)"),
    ("168.63.129.16/32", "metadata (Azure host)"),
    ("100.100.100.200/32", "metadata (Alibaba)"),
    ("192.0.0.192/32", "metadata (Oracle)"),
    ("fd00:ec2::254/128", "metadata (AWS)"),
    ("fd00:ec2::23/128", "metadata (AWS containers)"),
    ("fd20:ce::254/128", "metadata (Google)"),
    ("fd00:42::42/128", "metadata (Scaleway)"),
    ("169.254.0.0/16", "link-local"),
    ("fe80::/10", "link-local"),
    ("0.0.0.0/8", "this network"),
    ("::/128", "unspecified"),
    ("255.255.255.255/32", "broadcast"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("100::/64", "discard"),
)
# Denied unless the operator allows them.
_DENIED: Final = (
    ("127.0.0.0/8", "loopback"),
    ("10.0.0.0/8", "private"),
    ("172.16.0.0/12", "private"),
    ("192.168.0.0/16", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.175.48.0/24", "AS112"),
    ("192.52.193.0/24", "multicast tunnels"),
    ("192.88.99.0/24", "6to4 relay"),
    ("198.18.0.0/15", "benchmarking"),
    ("::1/128", "loopback"),
    ("fc00::/7", "unique local"),
    ("fec0::/10", "site-local"),
    ("::ffff:0:0/96", "IPv4-mapped"),
    ("::ffff:0:0:0/96", "IPv4-translated"),
    ("::/96", "IPv4-compatible"),
    ("64:ff9b::/96", "NAT64"),
    ("64:ff9b:1::/48", "NAT64"),
    ("2001::/32", "Teredo"),
    ("2001:2::/48", "benchmarking"),
    ("2001:10::/28", "ORCHID"),
    ("2001:20::/28", "ORCHID"),
    ("2001:30::/28", "drone identifiers"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("3fff::/20", "documentation"),
    ("2002::/16", "6to4"),
    ("3ffe::/16", "6bone"),
    ("2620:4f:8000::/48", "AS112"),
)
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")


def _rows(table: Iterable[tuple[str, str]], version: int) -> tuple[tuple[int, int, str], ...]:
    """(network, mask, name) as integers: a comparison costs an AND instead of an object."""
    networks = ((ipaddress.ip_network(text), name) for text, name in table)
    return tuple(
        (int(n.network_address), int(n.netmask), name) for n, name in networks if n.version == version
    )


_NEVER_ROWS: Final = {version: _rows(_NEVER, version) for version in (4, 6)}
_DENIED_ROWS: Final = {version: _rows(_DENIED, version) for version in (4, 6)}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether an address may be dialed, and the name of the row that decided (`loopback`, `public`, …)."""

    allowed: bool
    name: str


def verdict(ip: Address) -> Verdict:
    """The judgement without any exception of the operator's."""
    return NO_NETWORKS.judge(ip)


def embedded(ip: Address) -> IPv4 | None:
    """The IPv4 address that a router, a tunnel or the kernel would take out of an IPv6 one, if any."""
    if isinstance(ip, IPv4):
        return None
    value = int(ip)
    low = value & 0xFFFFFFFF
    if value >> 32 in (0xFFFF, 0xFFFF << 16, 0x64FF9B << 64) or (value >> 32 == 0 and value > 1):
        return IPv4(low)  # mapped, translated, NAT64, compatible
    if value >> 80 == 0x64FF9B0001:
        return IPv4(low)  # local NAT64; a /96 inside it is the usual choice
    if ip.sixtofour is not None:
        return ip.sixtofour
    if ip.teredo is not None:
        return ip.teredo[1]
    if (value >> 32) & 0xFDFFFFFF == 0x5EFE:
        return IPv4(low)  # ISATAP
    return None


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """The setting ALLOW_NETWORKS: networks the guard lets through, where plain http may go too.

    `general` are for every organization, `bound` for one each.
    """

    general: tuple[Network, ...] = ()
    bound: tuple[tuple[str, Network], ...] = ()

    @classmethod
    def parse(cls, text: str) -> AllowedNetworks:
        """From `10.0.0.0/8, org_x=10.1.2.0/24, ::1/128`.

        Raises ValueError that lists every entry it cannot read. An entry with host bits set is one of them:
        `10.1.2.3/8` is more likely a slip than a wish for all of 10.0.0.0/8.
        """
        general: list[Network] = []
        bound: list[tuple[str, Network]] = []
        mistakes: list[str] = []
        for entry in filter(None, (part.strip() for part in text.split(","))):
            org_id, separator, network = entry.rpartition("=")
            org_id, network = org_id.strip(), network.strip()
            if separator and not ORG_ID.fullmatch(org_id):
                mistakes.append(f"{entry!r} (not an organization id)")
                continue
            try:
                parsed = ipaddress.ip_network(network)
            except ValueError as problem:
                mistakes.append(f"{entry!r} ({problem})")
                continue
            if separator:
                bound.append((org_id, parsed))
            else:
                general.append(parsed)
        if mistakes:
            raise ValueError("not a network: " + ", ".join(mistakes))
        return cls(tuple(general), tuple(bound))

    def networks(self, org_id: str | None) -> tuple[Network, ...]:
        """What is allowed to this organization."""
        return self.general + tuple(network for owner, network in self.bound if owner == org_id)

    def organizations(self) -> frozenset[str]:
        """Those with networks of their own, whose connections must not be shared with others."""
        return frozenset(org_id for org_id, _ in self.bound)

    def judge(self, ip: Address, org_id: str | None = None) -> Verdict:
        """May this organization's requests be sent to `ip`?"""
        inner = embedded(ip)
        if inner is not None and isinstance(ip, IPv6) and ip.ipv4_mapped is not None:
            return self.judge(inner, org_id)  # the kernel dials the IPv4 address
        never = _lookup(_NEVER_ROWS, ip)
        if never is not None:
            return Verdict(False, never)
        if inner is not None and _lookup(_NEVER_ROWS, inner) is not None:
            return Verdict(False, f"{_denied_name(ip)} of {_denied_name(inner)}")
        if any(ip in network for network in self.networks(org_id)):
            if inner is not None and not (within := self.judge(inner, org_id)).allowed:
                return Verdict(False, f"{_denied_name(ip)} of {within.name}")
            return Verdict(True, ALLOWED)
        name = _denied_name(ip)
        if name is not None:
            return Verdict(False, name if inner is None else f"{name} of {_denied_name(inner) or PUBLIC}")
        if inner is not None and (hidden := _denied_name(inner)) is not None:
            return Verdict(False, f"ISATAP of {hidden}")
        return Verdict(True, PUBLIC)

    def covers(self, ip: Address, org_id: str | None = None) -> bool:
        """Whether `ip` lies in a network the operator allowed: where plain http may go."""
        return self.judge(ip, org_id).name == ALLOWED


NO_NETWORKS: Final = AllowedNetworks()


def _lookup(rows: dict[int, tuple[tuple[int, int, str], ...]], ip: Address) -> str | None:
    value = int(ip)
    return next((name for network, mask, name in rows[ip.version] if value & mask == network), None)


def _denied_name(ip: Address) -> str | None:
    name = _lookup(_NEVER_ROWS, ip) or _lookup(_DENIED_ROWS, ip)
    if name is None and isinstance(ip, IPv6) and ip not in _GLOBAL_UNICAST:
        return "not global unicast"
    return name
