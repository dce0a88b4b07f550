"""Operations of the API, asked by pages: with the rights of whoever is inside, on the same way as every
request, but for the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.types import Message, Scope

from gateway.domain.ids import new_id
from gateway.errors import Forbidden, Problem
from gateway.web import audit
from gateway.web.auth import Principal
from gateway.web.call import Answer, Services
from gateway.web.operation import Endpoint, Operation

if TYPE_CHECKING:
    from gateway.web.console.page import Visit


_JSON: Final = b"application/json"


@dataclass(frozen=True, slots=True)
class File:
    """A body that is no JSON but a file of this media type."""

    content: bytes
    kind: str


class Asking:
    """Every operation by its id."""

    def __init__(self, operations: Iterable[Operation], services: Services) -> None:
        self._clock = services.clock
        self._operations = {operation.id: operation for operation in operations}
        self._endpoints = {id_: Endpoint(one, services) for id_, one in self._operations.items()}

    def may(self, principal: Principal, operation_id: str) -> bool:
        operation = self._operations[operation_id]
        try:
            operation.require(principal)
        except Forbidden:
            return False
        return True

    async def ask(
        self,
        visit: Visit,
        operation_id: str,
        path: Mapping[str, str],
        query: Mapping[str, str | None],
        body: Mapping[str, Any] | File | None,
        org_id: str | None,
        raw: Sequence[str],
    ) -> Any:
        """The operation's answer, JSON decoded (None without content); its fields named by `raw` as the JSON
        that they are, byte for byte. Raises its Problem."""
        content, kind = _written(body)
        scope = _scope(visit, self._operations[operation_id], path, query, org_id or visit.org_id, kind)
        answer = await self._answer(operation_id, scope, content)
        if answer.status == 204:
            return None
        return _decoded(answer.raw if answer.raw is not None else msgspec.json.encode(answer.content), raw)

    async def stream(
        self,
        visit: Visit,
        operation_id: str,
        kind: str,
        query: Mapping[str, str | None],
        path: Mapping[str, str],
    ) -> AsyncIterator[bytes]:
        """The pieces of the operation's export, as this media type. Raises its Problem."""
        operation = self._operations[operation_id]
        scope = _scope(visit, operation, path, query, visit.org_id, _JSON, accept=kind)
        answer = await self._answer(operation_id, scope, b"")
        assert answer.stream is not None, f"{operation_id} exports nothing"
        return answer.stream

    async def _answer(self, operation_id: str, scope: Scope, content: bytes) -> Answer:
        request_id = new_id("req", self._clock.now())
        try:
            return await self._endpoints[operation_id].answer(scope, _receiver(content), request_id)
        except Problem as problem:
            if problem.status == 403:
                audit.refused(self._operations[operation_id], scope, problem, request_id)
            raise


def _written(body: Mapping[str, Any] | File | None) -> tuple[bytes, bytes]:
    """The body's bytes and media type."""
    if isinstance(body, File):
        return body.content, body.kind.encode()
    return b"" if body is None else msgspec.json.encode(body), _JSON


def _decoded(content: bytes, raw: Sequence[str]) -> Any:
    if not raw:
        return msgspec.json.decode(content)
    fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    return {
        name: bytes(value) if name in raw else msgspec.json.decode(value) for name, value in fields.items()
    }


def _scope(
    visit: Visit,
    operation: Operation,
    path: Mapping[str, str],
    query: Mapping[str, str | None],
    org_id: str | None,
    content_type: bytes,
    accept: str = "application/json",
) -> Scope:
    """The request as a server would hand it over."""
    headers = [(b"content-type", content_type), (b"accept", accept.encode())]
    if visit.principal.platform and org_id is not None:
        headers.append((b"x-hum-org", org_id.encode()))
    once = visit.form.get("once")
    if once and operation.may_take_key:  # sent twice, a form does once what it says
        headers.append((b"idempotency-key", f"console-{once}".encode()))
    named = [(name, value) for name, value in query.items() if value]
    return {
        "type": "http",
        "method": operation.method,
        "path": operation.path,
        "path_params": dict(path),
        "query_string": urlencode(named).encode(),
        "headers": headers,
        "client": visit.client,
        "state": {"principal": visit.principal},
    }


def _receiver(body: bytes) -> Any:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
