"""WebDAV over HTTP: PROPFIND, REPORT, GET, PUT, and what a server's answers mean.

Credentials go to the origin of the address that was configured, and to those that are named beside it; a
redirect or an address elsewhere is refused. What is asked and why is `discovery`'s and `replica`'s.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import quote, unquote

import httpx

from connectors.carddav import multistatus
from connectors.carddav.multistatus import Multistatus, NotMultistatus
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable

TIMEOUT: Final = 30.0  # seconds for one exchange, however slowly it trickles
MOST_BYTES: Final = 64 * 1024 * 1024
REDIRECTS: Final = 5
CONNECTIONS: Final = 4  # small servers take few: Radicale closes what is beyond eight
MOMENTARY: Final = (423, 500)  # what Xandikos says of a PUT while it writes for somebody else
PAUSES: Final = (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)  # seconds between the tries

_PATH = "/~!$&'()*+,;=:@"  # left as they are in a path, RFC 3986
_XML = {"Content-Type": "application/xml; charset=utf-8"}
_VCARD = {"Content-Type": "text/vcard; charset=utf-8"}


class Denied(Refused):
    """The server refuses this request; `status` of its answer, and the `conditions` that it names."""

    def __init__(self, method: str, status: int, conditions: frozenset[str] = frozenset()) -> None:
        named = ", ".join(sorted(condition.partition("}")[2] for condition in conditions))
        super().__init__(
            f"the CardDAV server answered {method} with {status}" + (f" ({named})" if named else "")
        )
        self.http_status = status
        self.conditions = conditions


class Changed(Exception):
    """The resource is not what the condition of a PUT said: somebody else was faster."""


@dataclass(frozen=True, slots=True)
class Resource:
    text: str
    etag: str | None


class Dav:
    """One server and the credentials for it. Resources go by name: their path, or their whole address when
    they are on another origin than `url`."""

    def __init__(
        self,
        url: str,
        *,
        auth: tuple[str, str] | None = None,
        origins: Iterable[str] = (),
        timeout: float = TIMEOUT,
    ) -> None:
        self.url = httpx.URL(url)
        self._origins = {origin_of(self.url), *(origin_of(httpx.URL(origin)) for origin in origins)}
        self._timeout = timeout
        # An ETag must come as it is kept: proxies that compress on the way change or weaken it.
        self._http = httpx.AsyncClient(
            auth=auth,
            timeout=timeout,
            limits=httpx.Limits(max_connections=CONNECTIONS),
            headers={"Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._http.aclose()

    def name(self, href: str, base: str = "") -> str:
        """The one name of a resource, however a server writes its address in this place or that."""
        url = self.url.join(base or "/").join(href)
        path = quote(unquote(url.path), safe=_PATH)
        return path if origin_of(url) == origin_of(self.url) else f"{origin_of(url)}{path}"

    def path(self, name: str) -> str:
        """How the resource's own server calls it."""
        return self.url.join(name).raw_path.decode("ascii")

    async def propfind(self, name: str, properties: Iterable[str], *, depth: int = 0) -> Multistatus:
        body = multistatus.propfind(properties)
        answer, name = await self._follow("PROPFIND", name, body, {**_XML, "Depth": str(depth)})
        return self._read(answer, name)

    async def report(self, name: str, body: bytes, *, depth: int) -> Multistatus:
        return self._read(await self._send("REPORT", name, body, {**_XML, "Depth": str(depth)}), name)

    async def get(self, name: str) -> Resource | None:
        """None when there is no such resource."""
        answer = await self._send("GET", name, expected=(404, 410))
        if answer.status_code in (404, 410):
            return None
        return Resource(answer.content.decode("utf-8", "surrogateescape"), answer.headers.get("etag"))

    async def create(self, name: str, text: str) -> str | None:
        """The new resource's ETag, if the server tells. Raises Changed when there is one of that name."""
        return await self._put(name, text, {"If-None-Match": "*"})

    async def update(self, name: str, text: str, etag: str) -> str | None:
        """Raises Changed when the resource has another ETag by now."""
        return await self._put(name, text, {"If-Match": etag.removeprefix("W/")})

    async def _put(self, name: str, text: str, condition: dict[str, str]) -> str | None:
        answer = await self._put_patiently(name, text, {**_VCARD, **condition})
        if not answer.is_success:
            named = multistatus.conditions(answer.content)
            if _somebody_was_faster(answer.status_code, named):
                raise Changed
            raise Denied("PUT", answer.status_code, named)
        etag: str | None = answer.headers.get("etag")
        return etag

    async def _put_patiently(self, name: str, text: str, headers: dict[str, str]) -> httpx.Response:
        """A success or a refusal. The condition among the headers makes it harmless to try again."""
        body = text.encode("utf-8", "surrogateescape")
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            answer = await self._send("PUT", name, body, headers, expected=(403, 409, 412, *MOMENTARY))
            if answer.status_code not in MOMENTARY:
                return answer
        raise Unavailable("the CardDAV server is busy writing", retry_after=1)

    async def _follow(
        self, method: str, name: str, body: bytes, headers: dict[str, str]
    ) -> tuple[httpx.Response, str]:
        """As `_send`, over redirects within the same origin; and where they led."""
        moved = (301, 302, 307, 308)
        for _ in range(REDIRECTS):
            answer = await self._send(method, name, body, headers, expected=moved)
            if answer.status_code not in moved:
                return answer, name
            name = self.name(answer.headers.get("location", ""), name)
        raise Refused("the CardDAV server redirects in a circle")

    async def _send(
        self,
        method: str,
        name: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        expected: tuple[int, ...] = (),
    ) -> httpx.Response:
        url = self.url.join(name)
        if origin_of(url) not in self._origins:
            raise Refused(
                f"the CardDAV server points to {origin_of(url)}: if that is right, name it in CARDDAV_ORIGINS"
            )
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._twice(method, url, body, headers or {})
        except (TimeoutError, httpx.TransportError) as error:
            raise Unavailable(f"the CardDAV server cannot be reached ({type(error).__name__})") from None
        if answer.is_success or answer.status_code in expected:
            return answer
        raise failure(method, answer)

    async def _twice(
        self, method: str, url: httpx.URL, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        """Once more where the server had closed the connection, and asking twice changes nothing."""
        try:
            return await self._exchange(method, url, body, headers)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if method == "PUT":
                raise
        return await self._exchange(method, url, body, headers)

    async def _exchange(
        self, method: str, url: httpx.URL, body: bytes, headers: dict[str, str]
    ) -> httpx.Response:
        async with self._http.stream(method, url, content=body or None, headers=headers) as answer:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise Refused(f"the CardDAV server's answer is longer than {MOST_BYTES} bytes")
            return httpx.Response(answer.status_code, headers=_plain(answer.headers), content=bytes(content))

    def _read(self, answer: httpx.Response, name: str) -> Multistatus:
        """The answer about `name`; what it tells of goes by name, too."""
        try:
            read = multistatus.read(answer.content)
        except NotMultistatus as error:
            raise Refused(f"{self.url.host} does not speak WebDAV: {error}") from None
        entries = tuple(replace(entry, href=self.name(entry.href, name)) for entry in read.entries)
        return replace(read, entries=entries)


def origin_of(url: httpx.URL) -> str:
    """`https://dav.example.com`, with the port where it is not the scheme's own."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def failure(method: str, answer: httpx.Response) -> Failure:
    """What an answer means that is neither a success nor expected."""
    status = answer.status_code
    if status == 401:
        return Refused("the CardDAV server does not take the user name and password")
    if status == 429:
        return RateLimited("the CardDAV server asks for fewer requests", retry_after=_seconds(answer))
    if status >= 500 and status not in (501, 507):
        return Unavailable(f"the CardDAV server answered {status}", retry_after=_seconds(answer))
    return Denied(method, status, multistatus.conditions(answer.content))


def _seconds(answer: httpx.Response) -> int | None:
    asked = answer.headers.get("retry-after", "")
    return int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else None


def _somebody_was_faster(status: int, conditions: frozenset[str]) -> bool:
    """Rather than that the server does not like the card, which Xandikos also says with 412."""
    if f"{multistatus.CARD}no-uid-conflict" in conditions:
        return True
    return status == 412 and not any(condition.startswith(multistatus.CARD) for condition in conditions)


def _plain(headers: httpx.Headers) -> httpx.Headers:
    """Without what described the body on the wire: it is decoded by then."""
    return httpx.Headers([(name, value) for name, value in headers.multi_items() if name not in _ON_THE_WIRE])


_ON_THE_WIRE = {"content-encoding", "content-length", "transfer-encoding"}
