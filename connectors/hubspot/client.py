"""HubSpot's CRM API as far as a connector needs it: search, read, create, update, associate.

Keeps to HubSpot's limits itself (pace.py), gives every exchange one deadline, and asks once more at once
when a connection breaks and the request does no harm twice. What an answer means stands in answers.py, what
goes into a request in mapping.py.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.hubspot.answers import Missing, Unanswered, judge
from connectors.hubspot.mapping import Record
from connectors.hubspot.pace import Window
from connectors.kit.failures import RateLimited, Refused, Unavailable

T = TypeVar("T")
Kind = Literal["contacts", "calls"]

TIMEOUT: Final = 10.0
PATIENCE: Final = 3.0  # somebody is on the phone; the kit breaks off what takes longer than is left
PATIENCE_BEHIND: Final = 5.0


class _Found(msgspec.Struct, frozen=True):
    results: list[Record]


class Limits(NamedTuple):
    """What HubSpot allows an account: requests in ten seconds, and searches in one."""

    requests: int = 190
    searches: int = 4


LIMITS: Final = Limits()


class Client:
    """`url` is HubSpot's; `transport` and `timeout` (seconds, for a whole exchange) are for tests and for
    those who need a proxy of their own."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        timeout: float = TIMEOUT,
        transport: httpx.AsyncBaseTransport | None = None,
        limits: Limits = LIMITS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._timeout = timeout
        self._requests = Window(limits.requests, 10.0, monotonic, sleep)
        self._searches = Window(limits.searches, 1.0, monotonic, sleep)
        # Half of them are left to lookups whatever else is searched for.
        self._searches_behind = Window(limits.searches // 2, 1.0, monotonic, sleep)
        self._http = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {token}", "Accept": "application/json"},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 3.0)),
            transport=transport,
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def search(self, kind: Kind, request: Mapping[str, Any], *, behind: bool = False) -> list[Record]:
        """`behind` when nobody waits for it on the phone."""
        if behind:
            await self._searches_behind.turn(PATIENCE_BEHIND)
        await self._searches.turn(PATIENCE_BEHIND if behind else PATIENCE)
        path = f"/crm/v3/objects/{kind}/search"
        response = await self._ask("POST", path, json=request, patience=PATIENCE, twice=True, search=True)
        return _read(response, _Found).results

    async def read(
        self, kind: Kind, object_id: str, properties: Iterable[str], associations: Sequence[str] = ()
    ) -> Record:
        """Raises Missing when there is no such object."""
        wanted = {"properties": ",".join(properties)}
        if associations:
            wanted["associations"] = ",".join(associations)
        response = await self._ask("GET", _path(kind, object_id), params=wanted)
        return _read(response, Record)

    async def create(
        self, kind: Kind, properties: Mapping[str, str], associations: list[dict[str, Any]]
    ) -> Record:
        """Raises Exists for a contact whose e-mail address another one has, and Unanswered when nobody can
        tell whether it was made."""
        body = {"properties": properties, "associations": associations}
        response = await self._ask("POST", f"/crm/v3/objects/{kind}", json=body, twice=False)
        return _read(response, Record)

    async def update(self, kind: Kind, object_id: str, properties: Mapping[str, str]) -> None:
        """Raises Missing when there is no such object."""
        await self._ask("PATCH", _path(kind, object_id), json={"properties": properties})

    async def associate(self, call_id: str, contact_id: str) -> None:
        """Puts a call that is there on a contact's timeline."""
        await self._ask("PUT", f"{_path('calls', call_id)}/associations/contacts/{_segment(contact_id)}/194")

    async def ping(self) -> None:
        await self._ask("GET", "/crm/v3/objects/contacts", params={"limit": 1, "properties": "createdate"})

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        patience: float = PATIENCE_BEHIND,
        twice: bool = True,
        search: bool = False,
        **content: Any,
    ) -> httpx.Response:
        """One exchange. `twice`: again at once, should the connection break."""
        await self._requests.turn(patience)
        request = self._http.build_request(method, path, **content)
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._send(request, twice)
        except (TimeoutError, httpx.TimeoutException) as error:
            connecting = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            kind = Unavailable if connecting else Unanswered
            raise kind("HubSpot does not answer in time") from None
        except httpx.ConnectError:
            raise Unavailable("HubSpot cannot be reached") from None
        except httpx.HTTPError:
            raise Unanswered("the connection to HubSpot broke") from None
        try:
            judge(response)
        except RateLimited as asked:
            (self._searches if search else self._requests).close(asked.retry_after or 1)
            raise
        return response

    async def _send(self, request: httpx.Request, twice: bool) -> httpx.Response:
        try:
            return await self._http.send(request)
        except (httpx.NetworkError, httpx.RemoteProtocolError):
            if not twice:
                raise
            return await self._http.send(request)


def _read(response: httpx.Response, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(response.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Refused(f"HubSpot's answer to {response.request.method} is not what it documents") from None


def _path(kind: Kind, object_id: str) -> str:
    return f"/crm/v3/objects/{kind}/{_segment(object_id)}"


def _segment(text: str) -> str:
    """An id inside a path. Raises Missing for one that no object of HubSpot has."""
    if not text or text.strip(".") == "":
        raise Missing
    return quote(text, safe="")
