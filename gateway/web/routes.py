"""The ASGI application: the API's routes, and what is open without a key."""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Final

from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.domain.ids import new_id
from gateway.errors import NotFound, Problem
from gateway.manage.audit import verify_all
from gateway.metrics import CONTENT_TYPE
from gateway.web import control
from gateway.web.api import OPERATIONS, SIGNED
from gateway.web.auth import OPERATOR
from gateway.web.call import Services
from gateway.web.console import serving as console
from gateway.web.docs_page import serving as published
from gateway.web.operation import Endpoint, Operation
from gateway.web.problems import problem_response

_OPEN_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class MethodNotAllowed(Problem):
    status = 405
    default_code = "method_not_allowed"


class _Path:
    """All operations of one path; which one it is, the method says."""

    def __init__(self, operations: Iterable[Operation], services: Services) -> None:
        self._services = services
        self._endpoints: dict[str, Endpoint] = {}
        for operation in operations:
            endpoint = Endpoint(operation, services)
            self._endpoints[operation.method] = endpoint
            if operation.method == "GET":
                self._endpoints["HEAD"] = endpoint

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        endpoint = self._endpoints.get(scope["method"])
        if endpoint is not None:
            await endpoint(scope, receive, send)
            return
        allowed = ", ".join(self._endpoints)
        problem = MethodNotAllowed(f"{scope['method']} is not possible here, only {allowed}")
        response = problem_response(problem, new_id("req", self._services.clock.now()))
        response.headers["Allow"] = allowed
        await response(scope, receive, send)


def build_app(
    services: Services, ready: Callable[[], str | None], metrics_token: SecretStr | None
) -> ASGIApp:
    """`ready()` returns None, or why the node is not ready to take requests."""
    by_path: dict[str, list[Operation]] = {}
    for operation in (*OPERATIONS, *SIGNED):
        by_path.setdefault(operation.path, []).append(operation)
    paths = {path: _Path(group, services) for path, group in by_path.items()}
    routes: list[Route | Mount] = [Route(path, endpoint=app) for path, app in paths.items()]

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_OPEN_HEADERS)

    async def readyz(request: Request) -> Response:
        reason = ready()
        if reason is not None:
            headers = {**_OPEN_HEADERS, "Retry-After": "1"}
            return JSONResponse({"status": "not_ready", "reason": reason}, 503, headers)
        return JSONResponse({"status": "ready"}, headers=_OPEN_HEADERS)

    async def metrics(request: Request) -> Response:
        if not _may_read_metrics(request, metrics_token):
            return await not_found(request, HTTPException(404))
        headers = {**_OPEN_HEADERS, "Content-Type": CONTENT_TYPE}
        return Response(services.metrics.render(), headers=headers)

    async def status(request: Request) -> Response:
        if not request.scope.get("state", {}).get("operator"):
            return await not_found(request, HTTPException(404))
        return JSONResponse(await services.status(), headers=_OPEN_HEADERS)

    async def verify_audit(request: Request) -> Response:
        if not request.scope.get("state", {}).get("operator"):
            return await not_found(request, HTTPException(404))
        found = [{**asdict(one), "head": one.head.hex()} for one in await verify_all(services.store)]
        return JSONResponse({"data": found}, headers=_OPEN_HEADERS)

    async def backup(request: Request) -> Response:
        if not request.scope.get("state", {}).get("operator"):
            return await not_found(request, HTTPException(404))
        return await control.back_up(request, services.store)

    async def not_found(request: Request, error: Exception) -> Response:
        request_id = new_id("req", services.clock.now())
        return problem_response(NotFound(f"there is nothing at {request.url.path}"), request_id)

    async def wrong_method(request: Request, error: Exception) -> Response:
        problem = MethodNotAllowed(f"{request.method} is not possible here, only GET")
        response = problem_response(problem, new_id("req", services.clock.now()))
        response.headers["Allow"] = "GET, HEAD"
        return response

    routes += [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
        Route("/control/status", status),
        Route("/control/audit", verify_audit),
        Route("/control/backup", backup, methods=["POST"]),
        *published.routes(),
        *console.routes(services),
    ]
    starlette = Starlette(routes=routes, exception_handlers={404: not_found, 405: wrong_method})
    starlette.router.redirect_slashes = False  # another address is another thing: 404
    fixed = {path: app for path, app in paths.items() if "{" not in path}

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        # An operation answers for every error itself; for those with a fixed path, a dictionary does what
        # router and middlewares would (the way in for events is one of them).
        await fixed.get(scope.get("path", ""), starlette)(scope, receive, send)

    return application


def for_operator(app: ASGIApp) -> ASGIApp:
    """The same application on the Unix socket: whoever can open that owns the database."""

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope.setdefault("state", {}).update(operator=True, principal=OPERATOR)
        await app(scope, receive, send)

    return wrapped


def _may_read_metrics(request: Request, token: SecretStr | None) -> bool:
    """From loopback, or with the token; a forwarded request is not from loopback."""
    given = request.headers.get("authorization", "").removeprefix("Bearer ").encode()
    if token is not None and hmac.compare_digest(given, token.get_secret_value().encode()):
        return True
    host = request.client.host if request.client else ""
    return host in ("127.0.0.1", "::1", "") and "x-forwarded-for" not in request.headers
