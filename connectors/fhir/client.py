"""FHIR over HTTP: search, read, conditional create and update, and what the answers mean.

The texts of an OperationOutcome quote what was sent: names and numbers of patients. They go no further than
here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

import httpx
import msgspec

from connectors.fhir.bearer import Token
from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable

TIMEOUT: Final = 20.0  # seconds for one exchange, however slowly it trickles
MOST_BYTES: Final = 16 * 1024 * 1024

Resource = dict[str, Any]

_JSON = "application/fhir+json"


class Changed(Exception):
    """The resource has another version by now: somebody else was faster."""


class Ambiguous(Exception):
    """Several resources meet the condition of a conditional create."""


class Fhir:
    def __init__(self, url: str, token: Token, http: httpx.AsyncClient, *, timeout: float = TIMEOUT) -> None:
        self._base = url.rstrip("/") + "/"
        self._token = token
        self._http = http
        self._timeout = timeout

    async def search(self, kind: str, parameters: Mapping[str, str]) -> list[Resource]:
        """The resources of that kind on the first page; what a server adds beside them is left out."""
        answer = await self._send("GET", kind, params=parameters)
        bundle = _decoded(answer)
        if bundle.get("resourceType") != "Bundle":
            raise Refused("this is no FHIR server: a search is not answered with a Bundle")
        found = [entry.get("resource") for entry in bundle.get("entry") or []]
        return [one for one in found if isinstance(one, dict) and one.get("resourceType") == kind]

    async def read(self, kind: str, resource_id: str) -> Resource | None:
        """None when there is none, or it was deleted."""
        answer = await self._send("GET", f"{kind}/{resource_id}", expected=(404, 410))
        return None if answer.status_code in (404, 410) else _decoded(answer)

    async def create(
        self, resource: Resource, unless: Mapping[str, str] | None = None
    ) -> tuple[Resource, bool]:
        """The new resource, or the one that meets the condition `unless` (a search) already; and whether it
        is new. Raises Ambiguous when several do."""
        headers = {"Prefer": "return=representation"}
        if unless is not None:
            headers["If-None-Exist"] = str(httpx.QueryParams(dict(unless)))
        kind = str(resource["resourceType"])
        answer = await self._send("POST", kind, body=resource, headers=headers, expected=(412,))
        if answer.status_code == 412:
            raise Ambiguous
        made = _decoded(answer) if answer.content else await self._at(kind, answer)
        return made, answer.status_code == 201

    async def update(self, resource: Resource) -> None:
        """Raises Changed when the resource is not of that version any more."""
        version = (resource.get("meta") or {}).get("versionId")
        headers = {"If-Match": f'W/"{version}"'} if version else {}
        path = f"{resource['resourceType']}/{resource['id']}"
        answer = await self._send("PUT", path, body=resource, headers=headers, expected=(409, 412))
        if answer.status_code in (409, 412):
            raise Changed

    async def _at(self, kind: str, answer: httpx.Response) -> Resource:
        """The resource that a server only says the place of."""
        place = answer.headers.get("location", "").partition("/_history")[0].rstrip("/").rpartition("/")[2]
        found = await self.read(kind, place) if place else None
        if found is None:
            raise Refused("the FHIR server does not say what it has made")
        return found

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Resource | None = None,
        headers: Mapping[str, str] | None = None,
        expected: tuple[int, ...] = (),
    ) -> httpx.Response:
        content = None if body is None else msgspec.json.encode(body)
        given = {"Accept": _JSON, **({"Content-Type": _JSON} if body is not None else {}), **(headers or {})}
        request = self._http.build_request(
            method, self._base + path, params=params, content=content, headers=given
        )
        answer = await self._authorized(request)
        if answer.status_code == 401:  # a token may end before its time
            self._token.refused()
            answer = await self._authorized(request)
        if answer.is_success or answer.status_code in expected:
            return answer
        raise failure(answer)

    async def _authorized(self, request: httpx.Request) -> httpx.Response:
        if (token := await self._token.current()) is not None:
            request.headers["Authorization"] = f"Bearer {token}"
        try:
            async with asyncio.timeout(self._timeout):
                return await self._exchange(request)
        except (TimeoutError, httpx.TransportError) as error:
            raise Unavailable(f"the FHIR server cannot be reached ({type(error).__name__})") from None

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        answer = await self._http.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise Refused(f"the FHIR server's answer is longer than {MOST_BYTES} bytes")
        finally:
            await answer.aclose()
        kept = {name: value for name, value in answer.headers.items() if name in ("location", "retry-after")}
        return httpx.Response(answer.status_code, headers=kept, content=bytes(content))


def failure(answer: httpx.Response) -> Failure:
    """What an answer means that is neither a success nor expected."""
    status, asked = answer.status_code, answer.headers.get("retry-after", "")
    wait = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else None
    if status == 401:
        return Refused("the FHIR server does not take the token")
    if status == 403:
        return Refused("the token does not allow this: it needs Patient and Communication, read and write")
    if status == 404:
        return Refused("there is no FHIR server at this address, or it has no such resources")
    if status == 429:
        return RateLimited("the FHIR server asks for fewer requests", retry_after=wait)
    if status >= 500:
        return Unavailable(f"the FHIR server answered {status}", retry_after=wait)
    return Refused(f"the FHIR server answered {status}")


def _decoded(answer: httpx.Response) -> Resource:
    try:
        return msgspec.json.decode(answer.content, type=Resource)
    except msgspec.MsgspecError:
        raise Refused("this is no FHIR server: the answer is no resource in JSON") from None
