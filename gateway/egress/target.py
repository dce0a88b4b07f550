"""A URL taken apart for the wire: where to dial, what to name, what to ask for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Target:
    """`host` without brackets; `literal` says that it is, or looks like, an IP address; `opening` is the
    request line behind the method, and the Host header, ready to be sent."""

    host: str
    port: int
    plain: bool
    literal: bool
    opening: str

    @property
    def origin(self) -> tuple[bool, str, int]:
        return self.plain, self.host, self.port


@lru_cache(maxsize=20_000)
def parse_target(text: str) -> Target:
    """Raises ValueError for what `gateway.domain.url.check_url` would never have let in."""
    parts = urlsplit(text)
    host, default = parts.hostname, _DEFAULT_PORTS.get(parts.scheme)
    if default is None or not host or "@" in parts.netloc or not text.isascii() or not text.isprintable():
        raise ValueError("not a URL to send to")
    if " " in text or "%" in host:
        raise ValueError("not a URL to send to")
    port = parts.port or default
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    name = f"[{host}]" if ":" in host else host
    named = name if port == default else f"{name}:{port}"
    return Target(
        host, port, parts.scheme == "http", is_literal(host), f" {path} HTTP/1.1\r\nHost: {named}\r\n"
    )


def is_literal(host: str) -> bool:
    """Whether it is, or pretends to be, an IP address: no name ends in a label of digits (RFC 3696)."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def request_head(target: Target, headers: Iterable[tuple[str, str]], body: bytes | None) -> bytes:
    """Everything before the body: of a POST, or with None of a GET. Raises ValueError for a header that would
    end early or split the request, however it came past the checks at its saving."""
    lines = [f"{name}: {value}" for name, value in headers]
    given = "\r\n".join(lines)
    if given.count("\n") + given.count("\r") != 2 * max(len(lines) - 1, 0) or "\0" in given:
        raise ValueError("a header with a line end inside")
    length = "" if body is None else f"Content-Length: {len(body)}\r\n"
    closing = f"\r\nAccept-Encoding: identity\r\n{length}\r\n"
    method = "GET" if body is None else "POST"
    return (method + target.opening + given + (closing if lines else closing[2:])).encode("latin-1")
