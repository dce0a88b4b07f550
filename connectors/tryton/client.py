"""Tryton's REST interface for user applications, and what its answers mean.

    GET    /DATABASE/rest/model/NAME?d=domain&f=field&o=order&s=size
    POST   /DATABASE/rest/model/NAME
    DELETE /DATABASE/rest/model/NAME/ID

Texts of Tryton's errors quote what was sent: names and numbers. They go no further than here.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from connectors.kit.failures import Failure, RateLimited, Refused, Unavailable

TIMEOUT: Final = 20.0  # seconds for one exchange, however slowly it trickles
MOST_BYTES: Final = 16 * 1024 * 1024

Record = dict[str, Any]
T = TypeVar("T")


class Invalid(Refused):
    """Tryton does not take what was sent: a number that it thinks is none, a party that is not there."""


class Tryton:
    def __init__(self, url: str, database: str, key: str, *, timeout: float = TIMEOUT) -> None:
        self._base = f"{url.rstrip('/')}/{quote(database, safe='')}/rest/model/"
        self._timeout = timeout
        self._http = httpx.AsyncClient(timeout=timeout, headers={"Authorization": f"Bearer {key}"})

    async def close(self) -> None:
        await self._http.aclose()

    async def search(
        self, model: str, domain: Sequence[Any], fields: Iterable[str], *, most: int = 200
    ) -> list[Record]:
        """The oldest first."""
        parameters = [("d", _encoded(domain)), ("o", _encoded([["id", "ASC"]])), ("s", str(most))]
        answer = await self._send("GET", model, params=[*parameters, *_wanted(fields)])
        return _decoded(answer, list[Record])

    async def read(self, model: str, record_id: int, fields: Iterable[str]) -> Record | None:
        """None when there is no such record, or the key's user may not see it."""
        answer = await self._send("GET", f"{model}/{record_id}", params=_wanted(fields), missing=True)
        return None if answer is None else _decoded(answer, Record)

    async def create(self, model: str, values: Mapping[str, Any], fields: Iterable[str]) -> Record:
        """The new record. Raises Invalid when Tryton does not take the values."""
        return _decoded(await self._send("POST", model, params=_wanted(fields), body=values), Record)

    async def delete(self, model: str, record_id: int) -> None:
        """Nothing happens when it is gone already."""
        await self._send("DELETE", f"{model}/{record_id}", missing=True)

    async def _send(
        self,
        method: str,
        path: str,
        *,
        params: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
        missing: bool = False,
    ) -> bytes | None:
        """The body of the answer; None for a 404 where `missing` says that this is one."""
        request = self._http.build_request(method, self._base + path, params=list(params), json=body)
        try:
            async with asyncio.timeout(self._timeout):
                status, headers, content = await self._exchange(request)
        except (TimeoutError, httpx.TransportError) as error:
            raise Unavailable(f"Tryton cannot be reached ({type(error).__name__})") from None
        if 200 <= status < 300:
            return content
        if status == 404 and missing:
            return None
        raise failure(status, headers)

    async def _exchange(self, request: httpx.Request) -> tuple[int, httpx.Headers, bytes]:
        answer = await self._http.send(request, stream=True)
        try:
            content = bytearray()
            async for chunk in answer.aiter_bytes():
                content += chunk
                if len(content) > MOST_BYTES:
                    raise Refused(f"Tryton's answer is longer than {MOST_BYTES} bytes")
            return answer.status_code, answer.headers, bytes(content)
        finally:
            await answer.aclose()


def failure(status: int, headers: httpx.Headers) -> Failure:
    """What an answer means that is no success."""
    asked = headers.get("retry-after", "")
    wait = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else None
    if status == 401:
        return Refused("Tryton does not take the key: is the application validated, and for rest?")
    if status == 403:
        return Refused("the key's user may not do this in Tryton: it needs access to parties and notes")
    if status == 404:
        return Refused("Tryton has no such database or model: is the module party activated?")
    if status == 429:
        return RateLimited("Tryton asks for fewer requests", retry_after=wait)
    if status == 400:
        return Invalid("Tryton does not take what was sent")
    if status >= 500 or status == 409:
        return Unavailable(f"Tryton answered {status}", retry_after=wait)
    return Refused(f"Tryton answered {status}")


def _wanted(fields: Iterable[str]) -> list[tuple[str, str]]:
    return [("f", field) for field in fields]


def _encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value).encode()).decode()


def _decoded(answer: bytes | None, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(answer or b"", type=kind)
    except msgspec.MsgspecError:
        raise Refused("this is not Tryton's REST interface: the answer is not its JSON") from None
