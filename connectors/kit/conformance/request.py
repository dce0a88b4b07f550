"""One request of HUM to a connector, and how a check spoils it.

request.without("Authorization")              nothing of that name
request.having("X-HUM-Signature", "sha256=")   that value instead
request.also("Authorization", "Bearer x")      a second header of the name
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

Header = tuple[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One of the four things that HUM asks of a connector."""

    path: str
    event: str


LOOKUP: Final = Endpoint("/contacts/lookup", "contact.lookup")
CREATE: Final = Endpoint("/contacts", "contact.create")
CALLS: Final = Endpoint("/calls", "call.sync")
PING: Final = Endpoint("/ping", "ping")


@dataclass(frozen=True, slots=True)
class Request:
    """`path` goes behind the base URL, `query` behind that; `chunked` sends the body without its length."""

    path: str
    headers: tuple[Header, ...]
    body: bytes
    method: str = "POST"
    query: str = ""
    chunked: bool = False

    def without(self, *names: str) -> Request:
        gone = {name.lower() for name in names}
        return replace(self, headers=tuple(h for h in self.headers if h[0].lower() not in gone))

    def having(self, name: str, value: str | bytes) -> Request:
        return replace(self, headers=(*self.without(name).headers, (name, value)))

    def also(self, name: str, value: str | bytes) -> Request:
        return replace(self, headers=((name, value), *self.headers))

    def header(self, name: str) -> str:
        """The first value; "" when there is none."""
        for own, value in self.headers:
            if own.lower() == name.lower():
                return value if isinstance(value, str) else value.decode("latin-1")
        return ""

    def url(self, base: str) -> str:
        """Where it goes: a query of the base URL stays behind the path."""
        start, _, own_query = base.partition("?")
        query = "&".join(part for part in (own_query, self.query) if part)
        return start.rstrip("/") + self.path + ("?" + query if query else "")
