"""Which URLs may be saved as the target of a webhook or connector. Pure rules: no name is looked up here.

What a name resolves to is judged when it is dialed (`gateway.egress`). This page takes only URLs that every
parser reads alike, and writes them in one form: ASCII host in lower case, no default port, a path.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import idna

from gateway.domain.address import Address, AllowedNetworks
from gateway.errors import InvalidRequest

MAX_URL: Final = 2048
_DEFAULT_PORTS: Final = {"https": 443, "http": 80}

# Ports from 1024 up that browsers refuse: other protocols live there (the Fetch standard's bad ports).
_BLOCKED_PORTS: Final = frozenset(
    (1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080, *range(6665, 6670))
)
# Suffixes that only a private network resolves (RFC 6761, RFC 6762, RFC 8375, ICANN's `.internal`).
_PRIVATE_SUFFIXES: Final = ("localhost", "localdomain", "local", "internal", "home.arpa", "lan", "onion")

_SHAPE: Final = re.compile(r"(https?)://([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?", re.IGNORECASE | re.DOTALL)
_AUTHORITY: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?", re.ASCII)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_QUAD: Final = re.compile(r"(?:(?:0|[1-9][0-9]{0,2})\.){3}(?:0|[1-9][0-9]{0,2})", re.ASCII)
_OPERATOR: Final = "; the operator may open networks with HUM_GATEWAY_ALLOW_NETWORKS"
_LOOPBACK: Final = (ipaddress.IPv4Address("127.0.0.1"), ipaddress.IPv6Address("::1"))
_UNESCAPED: Final = "/?:@!$&'()*+,;=-._~%[]"


@dataclass(frozen=True, slots=True)
class TargetUrl:
    """A URL in the one form that is stored and dialed.

    `text` is ASCII; `host` has no brackets; `literal` is the address when the host is one, else None.
    """

    text: str
    scheme: str
    host: str
    port: int
    literal: Address | None = None

    @property
    def origin(self) -> tuple[str, str, int]:
        return (self.scheme, self.host, self.port)


def origin(url: str) -> tuple[str, str, int]:
    """(scheme, host, port) of a URL that `check_url` once accepted; a change of it drops secrets.

    Raises ValueError for anything else.
    """
    return _parse(url).origin


def shorten(url: str) -> str:
    """The URL as viewers may see it: paths and queries of webhook URLs often carry secrets.

    `https://example.com/…`; a URL without path stays whole. Raises ValueError as `origin` does.
    """
    parsed = _parse(url)
    root = parsed.text[: parsed.text.index("/", len(parsed.scheme) + 3) + 1]
    return root if parsed.text == root else root + "…"


def check_url(
    text: str,
    *,
    allowed: AllowedNetworks,
    org_id: str | None,
    is_own: Callable[[Address, int], bool] = lambda address, port: False,
    field: str = "url",
    max_length: int = MAX_URL,
) -> TargetUrl:
    """The URL in its stored form, or InvalidRequest for `field`. Denied literals, and addresses at which the
    gateway itself listens, have the code `target_denied`."""
    try:
        target = _parse(text) if len(text) <= max_length else None
        if target is None or len(target.text) > max_length:
            raise ValueError(f"must be at most {max_length} characters")
        if target.literal is None:
            _check_name(target, bool(allowed.networks(org_id)))
    except ValueError as mistake:
        raise InvalidRequest.field(field, str(mistake)) from None
    if target.literal is not None:
        _check_literal(target, allowed, org_id, field)
    if any(is_own(address, target.port) for address in _known_addresses(target)):
        raise InvalidRequest.field(field, "this is the gateway itself", code="target_denied")
    return target


def _known_addresses(target: TargetUrl) -> tuple[Address, ...]:
    """Those that nobody has to be asked for: `localhost` is this machine (RFC 6761)."""
    if target.literal is not None:
        return (target.literal,)
    return _LOOPBACK if target.host.rpartition(".")[2] == "localhost" else ()


def _check_literal(target: TargetUrl, allowed: AllowedNetworks, org_id: str | None, field: str) -> None:
    assert target.literal is not None
    judged = allowed.judge(target.literal, org_id)
    if not judged.allowed:
        message = f"this address is not open to webhooks ({judged.name}){_OPERATOR}"
        raise InvalidRequest.field(field, message, code="target_denied")
    if allowed.covers(target.literal, org_id):
        return
    if target.scheme == "http":
        raise InvalidRequest.field(field, f"must use https{_OPERATOR}")
    if mistake := _port_mistake(target.port, plain=False):
        raise InvalidRequest.field(field, mistake)


def _check_name(target: TargetUrl, has_networks: bool) -> None:
    if target.scheme == "http" and not has_networks:
        raise ValueError(f"must use https{_OPERATOR}")
    labels = target.host.split(".")
    private = any(target.host == s or target.host.endswith("." + s) for s in _PRIVATE_SUFFIXES)
    if (len(labels) == 1 or private) and not has_networks:
        raise ValueError(f"the host must be a name of the public internet{_OPERATOR}")
    if mistake := _port_mistake(target.port, plain=has_networks):
        raise ValueError(mistake)


def _port_mistake(port: int, *, plain: bool) -> str | None:
    if port == 443 or (port == 80 and plain) or (port >= 1024 and port not in _BLOCKED_PORTS):
        return None
    return f"port {port} is not open to webhooks: use 443, or one from 1024 up that browsers do not block"


def _parse(text: str) -> TargetUrl:
    if any(c.isspace() or c == "\\" or unicodedata.category(c) in ("Cc", "Cf", "Cs") for c in text):
        raise ValueError("must not contain spaces, control characters or backslashes")
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise ValueError("must be an absolute https URL")
    scheme, authority, path, query, fragment = match.groups()
    if fragment is not None:
        raise ValueError("must not have a fragment (#…)")
    if "@" in authority:
        raise ValueError("must not contain a user name or password: use a header")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None or not parts[1]:
        raise ValueError("has no valid host")
    scheme = scheme.lower()
    port = _port(parts[2], _DEFAULT_PORTS[scheme])
    host, literal = _host(parts[1])
    shown = f"[{host}]" if ":" in host else host
    suffix = "" if port == _DEFAULT_PORTS[scheme] else f":{port}"
    rest = quote((path or "/") + (query or ""), safe=_UNESCAPED)
    return TargetUrl(f"{scheme}://{shown}{suffix}{rest}", scheme, host, port, literal)


def _port(digits: str | None, default: int) -> int:
    if not digits:
        return default
    if len(digits) > 5 or not 1 <= int(digits) <= 65535:
        raise ValueError("has no valid port (1 to 65535)")
    return int(digits)


def _host(text: str) -> tuple[str, Address | None]:
    if text.startswith("["):
        try:
            if "%" in text:
                raise ValueError
            address = ipaddress.IPv6Address(text[1:-1])
        except ValueError:
            raise ValueError("has no valid IPv6 address between [ and ]") from None
        return address.compressed, address
    host = _ascii_host(text)
    # "Ends in a number" as the URL standard has it: browsers and C libraries read such a host as an address,
    # in any of a dozen notations. Only the plain one is taken, and only when it was written so.
    if _ends_in_number(host):
        if text != host or not _QUAD.fullmatch(host):
            raise ValueError("must write an IP address as four plain decimal numbers")
        try:
            return host, ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError("has no valid IP address") from None
    return host, None


def _ascii_host(text: str) -> str:
    """The host in lower-case ASCII, international names as IDNA (UTS 46) writes them. Raises ValueError."""
    host = text.lower() if text.isascii() else text
    try:
        if not host.isascii() or "xn--" in host:
            # Lower-case ASCII labels pass through unchanged, and A-labels are checked.
            host = idna.encode(host, uts46=True, std3_rules=True).decode("ascii").lower()
    except (UnicodeError, ValueError, IndexError):
        raise ValueError("has no valid host name") from None
    if _ends_in_number(host):
        return host  # judged by the caller, who refuses all but one notation
    host = host.removesuffix(".")
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("has no valid host name")
    return host


def _ends_in_number(host: str) -> bool:
    return _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]) is not None
