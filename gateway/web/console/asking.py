"""Operations of the API, asked by pages: with the rights of whoever is inside, on the same way as every
request, but for the socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
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


class Asking:
    """Every operation by its id."""

    def __init__(self, operations: Iterable[Operation], services: Services) -> None:
        self._clock = services.clock
        self._operations = {operation.id: operation for operation in operations}
        self._endpoints = {id_: Endpoint(one, services) for id_, one in self._operations.items()}

    def may(self, principal: Principal, operation_id: str) -> bool:
        operation = self._operations[operation_id]
        try:
            principal.require(operation.role, operation.scope)
        except Forbidden:
            return False
        return True

    async def ask(
        self,
        visit: Visit,
        operation_id: str,
        path: Mapping[str, str],
        query: Mapping[str, str | None],
        body: Mapping[str, Any] | None,
        org_id: str | None,
        raw: Sequence[str],
    ) -> Any:
        """The operation's answer, JSON decoded (None without content); its fields named by `raw` as the JSON
        that they are, byte for byte. Raises its Problem."""
        scope = _scope(visit, self._operations[operation_id], path, query, org_id or visit.org_id)
        answer = await self._answer(operation_id, scope, b"" if body is None else msgspec.json.encode(body))
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
        scope = _scope(visit, self._operations[operation_id], path, query, visit.org_id)
        scope["headers"].append((b"accept", kind.encode()))
        answer = await self._answer(operation_id, scope, b"")
        assert answer.stream is not None, f"{operation_id} has no export as {kind}"
        return answer.stream

    async def _answer(self, operation_id: str, scope: Scope, body: bytes) -> Answer:
        request_id = new_id("req", self._clock.now())
        try:
            return await self._endpoints[operation_id].answer(scope, _receiver(body), request_id)
        except Problem as problem:
            if problem.status == 403:
                audit.refused(self._operations[operation_id], scope, problem, request_id)
            raise


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
) -> Scope:
    """The request as a server would hand it over."""
    headers = [(b"content-type", b"application/json")]
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
