"""An operation of the API as data, and the one way every request goes: know, allow, read, do, answer.

The list of operations (`web.api`) is the source of the routes and of the OpenAPI document.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec
from pydantic import BaseModel
from starlette.datastructures import Headers, QueryParams
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from gateway.domain.ids import new_id
from gateway.errors import Forbidden, InvalidRequest, NotFound, Problem
from gateway.web import audit, auth, signed
from gateway.web.auth import Principal
from gateway.web.body import SMALL, check_json_type, check_type, parse
from gateway.web.call import Answer, Call, Services
from gateway.web.finding import Finding
from gateway.web.problems import problem_response
from gateway.web.repeats import check_key

log = logging.getLogger("gateway.http")

KEY_PATIENCE_SECONDS: Final = 0.05
"""How long those who must answer in time wait for the database to say whether a key still counts."""

Kind = Literal["read", "write"]


Handler = Callable[[Call], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Operation:
    """One line of the API. `role` for organizations' keys, `scope` for platform keys.

    `org`: a platform key must name an organization (for reading, `*` will do), must name exactly one, may
    leave it out, it does not matter, or it is the platform itself. `waits`: its work waits for somebody
    outside, or reads as people do, and holds no transaction meanwhile; all other writing is done inside one,
    where no second connection is to be had (`store.engine`). The role `platform` is no role of
    organizations' keys: only platform keys may.

    `repeatable`: a POST that makes nothing takes no Idempotency-Key, since it may be repeated without one.
    `names_people`: its answer does, and is not repeated any more once a person of the organization is erased.
    `in_time`: until when (monotonic seconds) a request waits for its organization to be found or made; later
    the handler does without (`call.org` is None).

    `audited`: a write leaves an entry in the audit log. `signed`: the request carries no API key; who asks
    is proved by its signature (`web.signed`), and is the connector that the path names. `admit`: held around
    the whole work, before any transaction begins; it may refuse.

    `for_guests`: whoever is inside the console by a link may do it, too.

    `of_platform`: with `*` for the organization, a platform key means what belongs to the platform itself.

    `repeated` are parameters of the query that may stand there more than once.

    Six are for the OpenAPI document: what a success answers (None: no content), codes of errors
    beyond those that its kind brings along, the form of a body that the handler parses itself, headers that
    the handler reads, what there is to say beyond the summary, and media types it answers besides JSON.
    `takes` are the media types of a body that is a file and no JSON.
    """

    method: str
    path: str
    id: str
    handler: Handler
    role: str
    scope: str
    kind: Kind
    summary: str
    model: type[BaseModel] | None = None
    org: Literal["required", "one", "optional", "none", "platform"] = "required"
    of_platform: bool = False
    limit: Callable[[Services], int] = lambda services: SMALL
    query: tuple[str, ...] = ()
    repeated: tuple[str, ...] = ()
    waits: bool = False
    answers: Mapping[int, type | None] = field(default_factory=dict)
    errors: tuple[str, ...] = ()
    body: type | None = None
    headers: tuple[str, ...] = ()
    note: str = ""
    exports: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    repeatable: bool = False
    names_people: bool = False
    in_time: Callable[[Call], float] | None = None
    audited: bool = True
    signed: bool = False
    for_guests: bool = True
    admit: Callable[[Call], AbstractContextManager[None]] = lambda call: nullcontext()

    def require(self, principal: Principal) -> None:
        """Raises Forbidden for a caller without the rights."""
        principal.require(self.role, self.scope)
        if principal.guest and not self.for_guests:
            raise Forbidden("whoever is inside by a link may not do this: it would outlast the link's key")

    @property
    def takes_key(self) -> bool:
        """Whether a repeated request can be told by its Idempotency-Key."""
        return self.may_take_key and (self.model is not None or bool(self.takes))

    @property
    def may_take_key(self) -> bool:
        """Whether the header is one of its own, though without a body nothing comes of it."""
        return self.method == "POST" and not self.repeatable

    @property
    def names_organization(self) -> bool:
        """Whether a request can say which organization it is about."""
        return self.org not in ("none", "platform")

    @property
    def makes(self) -> bool:
        """Whether it can make something, and so the organization that it belongs to."""
        return self.kind == "write" and self.method in ("POST", "PUT")


class Endpoint:
    """The ASGI application of one operation."""

    def __init__(self, operation: Operation, services: Services) -> None:
        self._operation = operation
        self._services = services
        self._limit = operation.limit(services)
        self._finding = Finding(services)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        services = self._services
        started = time.monotonic()
        request_id = new_id("req", services.clock.now())
        try:
            answer = await self.answer(scope, receive, request_id)
            if answer.stream is not None and scope["method"] == "HEAD":  # which wants none of it
                answer.stream, answer.raw = None, b""
            response = _response(answer, request_id)
        except Problem as problem:
            response = problem_response(problem, request_id)
            if problem.status == 403:
                audit.refused(self._operation, scope, problem, request_id)
            if problem.status >= 500:
                log.warning("%s", problem.message, extra={"request": request_id, "error": problem.code})
        except ClientDisconnect:
            return
        except Exception:
            log.exception("request failed", extra={"request": request_id})
            response = problem_response(
                Problem("something went wrong here; the log has it under this id"), request_id
            )
        await response(scope, receive, send)
        if log.isEnabledFor(logging.DEBUG) or response.status_code >= 500:
            log.debug(
                "request",
                extra={
                    "method": self._operation.method,
                    "route": self._operation.path,
                    "status": response.status_code,
                    "request": request_id,
                    "ms": round((time.monotonic() - started) * 1000, 1),
                },
            )

    async def answer(self, scope: Scope, receive: Receive, request_id: str) -> Answer:
        """What there is to answer. Raises Problem."""
        operation, services = self._operation, self._services
        arrived = services.clock.monotonic()
        headers = Headers(scope=scope)
        principal = None if operation.signed else await self._allowed(scope, headers)
        body = b""
        if operation.kind == "write" and operation.method != "DELETE":
            body = await services.bodies.read(scope, receive, self._limit)
        try:
            path: dict[str, str] = scope.get("path_params", {})
            if principal is None:
                principal, _ = await signed.authenticate(services, path["id"], headers, body)
            if operation.takes:
                check_type(headers.get("content-type"), operation.takes)
            elif body:
                check_json_type(headers.get("content-type"))
            call = Call(
                services, principal, None, None, headers, QueryParams(scope["query_string"]), path, body,
                request_id, address=audit.address(scope), arrived=arrived,
            )  # fmt: skip
            self._check_query(call)
            if operation.model is not None:
                call.model = parse(operation.model, body)
            created = {"X-HUM-Org-Created": "true"} if await self._finding.find(operation, call) else {}
            try:
                with operation.admit(call):
                    answer = await self._handle(call)
            except Problem as problem:
                problem.headers |= created
                raise
            answer.headers |= created
            return answer
        finally:
            services.bodies.done(body)

    async def _allowed(self, scope: Scope, headers: Headers) -> Principal:
        """The caller, who may do this. Raises Unauthorized and Forbidden."""
        principal = await self._principal(scope, headers)
        scope.setdefault("state", {})["key_id"] = principal.key_id
        self._operation.require(principal)
        auth.refuse_foreign(principal, headers)
        return principal

    async def _principal(self, scope: Scope, headers: Headers) -> Principal:
        known: Principal | None = scope.get("state", {}).get("principal")
        if known is not None:  # by the way in: the operator's socket, a session of the console
            return known
        patience = None if self._operation.in_time is None else KEY_PATIENCE_SECONDS
        return await auth.authenticate(headers, self._services.directory, self._services.clock, patience)

    async def _handle(self, call: Call) -> Answer:
        key = call.headers.get("idempotency-key")
        if key is not None and self._operation.takes_key:
            check_key(key)
        if getattr(call.model, "dry_run", False) and not self._operation.waits:
            return await self._operation.handler(call)  # changes nothing: needs neither key nor transaction
        if key is None or not self._operation.takes_key:
            return await audit.perform(self._operation, call)
        repeats = self._services.repeats
        return await (repeats.apart if self._operation.waits else repeats.once)(self._operation, call, key)

    def _check_query(self, call: Call) -> None:
        # PostgreSQL takes no NUL in a text, so nothing can be found under one.
        if any("\0" in value for value in call.path.values()):
            raise NotFound("there is nothing under this id")
        for name, value in call.query.multi_items():
            if name not in self._operation.query:
                raise InvalidRequest.field(name, "is not a parameter of this list or object")
            if "\0" in value:
                raise InvalidRequest.field(name, "must be printable")
            if name not in self._operation.repeated and len(call.query.getlist(name)) > 1:
                raise InvalidRequest.field(name, "stands more than once")


def _response(answer: Answer, request_id: str) -> Response:
    headers = answer.headers
    headers["X-Request-Id"] = request_id
    headers["Cache-Control"] = "no-store"
    headers["X-Content-Type-Options"] = "nosniff"
    if answer.status == 204:
        return Response(status_code=204, headers=headers)
    if answer.stream is not None:
        return StreamingResponse(answer.stream, answer.status, headers=headers, media_type=answer.media_type)
    content = answer.raw if answer.raw is not None else msgspec.json.encode(answer.content)
    return Response(content, answer.status, headers=headers, media_type=answer.media_type)


def platform_only(call: Call) -> None:
    """Raises Forbidden for an organization's key."""
    if not call.principal.platform:
        raise Forbidden("only a platform key may do this")
