"""The four endpoints of the contract over a `Connector`, as an ASGI application.

    read, admit, decode     kit.requests     413, 408, 401, 400, 415, 422
    POST /contacts/lookup   kit.candidates   the CRM's candidates, each compared
    POST /contacts          kit.creations    one number, one contact
    POST /calls             kit.calls        one call, one activity
    POST /ping              the connector alone
    GET  /healthz           open; this process is there

A request has as long as somebody waits for it (`X-HUM-Deadline-Ms`), else 30 s; then what the CRM is doing is
broken off. The log has one line per request: its id, event, status and time, and nothing of its body.
"""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.kit import calls, creations
from connectors.kit.answers import Problem, answer, problem_of
from connectors.kit.candidates import choose
from connectors.kit.connector import Connector
from connectors.kit.contract import Alive, CreateRequest, LookupRequest, NotFound, PingRequest, SyncRequest
from connectors.kit.ledger import Ledger
from connectors.kit.phones import caller
from connectors.kit.requests import Envelope, admit, decode, envelope, read

LONGEST: Final = 30.0  # seconds; HUM waits no longer for anything

log = logging.getLogger("hum.connector")

Body = TypeVar("Body")
Work = Callable[[Body, Envelope], Awaitable[Response]]


def application(
    connector: Connector,
    secrets: Sequence[str],
    ledger_path: str | Path | None = None,
    *,
    clock: Callable[[], float] = time.time,
) -> Starlette:
    """The application. Any of the secrets is accepted: during a rotation HUM swaps from one to the other.

    The ledger is a file that must survive restarts; without a path it is kept in memory, which is for tests
    only. `clock` gives seconds since 1970. Raises ValueError when there is no secret, or an empty one.
    """
    if isinstance(secrets, str) or not secrets or not all(secrets):
        raise ValueError("secrets: a list of at least one, none of them empty")
    return _Endpoints(connector, list(secrets), Ledger(ledger_path, clock), clock).application()


class _Endpoints:
    def __init__(
        self, connector: Connector, secrets: list[str], ledger: Ledger, clock: Callable[[], float]
    ) -> None:
        self._connector = connector
        self._secrets = secrets
        self._ledger = ledger
        self._clock = clock
        self._opening = asyncio.Lock()
        self._is_open = False

    def application(self) -> Starlette:
        routes = [
            self._route("/contacts/lookup", "contact.lookup", LookupRequest, self._lookup),
            self._route("/contacts", "contact.create", CreateRequest, self._create),
            self._route("/calls", "call.sync", SyncRequest, self._sync),
            self._route("/ping", "ping", PingRequest, self._ping),
            Route("/healthz", _healthy, methods=["GET"]),
        ]
        made = Starlette(
            routes=routes, lifespan=self._lifespan, exception_handlers={HTTPException: _not_here}
        )
        made.router.redirect_slashes = False
        return made

    async def _lookup(self, wanted: LookupRequest, _: Envelope) -> Response:
        phone = caller(wanted.phone, self._connector.country)
        if phone is None:  # withheld, short, or no number: nobody has it, and nobody is asked
            return answer(NotFound())
        return answer(choose(phone, await self._connector.lookup(phone), self._connector.country))

    async def _create(self, wanted: CreateRequest, given: Envelope) -> Response:
        return await creations.create(self._connector, self._ledger, wanted, given.delivery)

    async def _sync(self, wanted: SyncRequest, given: Envelope) -> Response:
        return answer(await calls.log(self._connector, self._ledger, wanted, again=given.again))

    async def _ping(self, _: PingRequest, __: Envelope) -> Response:
        await self._connector.ping()
        return answer(Alive(True, self._connector.name or None, self._connector.version or None))

    def _route(self, path: str, event: str, model: type[Body], work: Work[Body]) -> Route:
        async def endpoint(request: Request) -> Response:
            started = time.perf_counter()
            given = envelope(request)
            problem: Problem | None = None
            try:
                body = await read(request)
                admit(request, body, self._secrets, event, self._clock())
                response = await self._within(given, started, work, decode(body, model))
            except Exception as error:  # noqa: BLE001 - whatever an author's code raises has an answer
                problem = problem_of(error)
                response = problem.response()
                if problem.ours:
                    _tell(error)
            _log(event, given, problem, response.status_code, started)
            return response

        return Route(path, endpoint, methods=["POST"])

    async def _within(self, given: Envelope, started: float, work: Work[Body], wanted: Body) -> Response:
        """The work, as long as somebody waits for it."""
        left = min(LONGEST if given.patience is None else given.patience, LONGEST)
        left -= time.perf_counter() - started
        if left <= 0:
            raise Problem(504, "deadline_passed", "nobody waits for the answer any more")
        async with asyncio.timeout(left):
            await self._open()
            return await work(wanted, given)

    async def _open(self) -> None:
        """Opens ledger and connector once; what failed is tried again with the next request."""
        if self._is_open:
            return
        async with self._opening:
            if not self._is_open:
                await self._ledger.open()
                await self._connector.open()
                self._is_open = True

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            await self._open()
        except Exception as error:
            problem = problem_of(error)
            if problem.ours or problem.status not in (429, 503, 504):
                await self._ledger.close()
                raise
            log.warning("not open yet: %s; the next request tries again", problem.message)
        yield
        self._is_open = False
        await self._connector.close()
        await self._ledger.close()


async def _healthy(_: Request) -> Response:
    return answer({"ok": True})


def _not_here(_: Request, error: Exception) -> Response:
    """Another path, another method. Never an answer that could be taken for "not found"."""
    assert isinstance(error, HTTPException)
    code, message = {
        404: ("endpoint_missing", "the paths are /contacts/lookup, /contacts, /calls and /ping"),
        405: ("method_not_allowed", "the method is POST"),
    }.get(error.status_code, ("invalid_request", error.detail))
    return answer({"error": code, "message": message}, error.status_code, dict(error.headers or {}))


def _log(event: str, given: Envelope, problem: Problem | None, status: int, started: float) -> None:
    # Before it is verified, a header is a stranger's text.
    delivery = "-" if status == 401 or given.delivery is None else given.delivery
    log.info(
        "delivery=%s event=%s status=%d ms=%.1f%s",
        delivery,
        event,
        status,
        1000 * (time.perf_counter() - started),
        f" error={problem.code}" if problem is not None else "",
    )


def _tell(error: Exception) -> None:
    """Where a fault of ours, or of the author's, happened: types and lines. Texts may quote a body."""
    cause = error.__cause__ if isinstance(error, Problem) and error.__cause__ is not None else error
    steps = traceback.extract_tb(cause.__traceback__)
    lines = [f"  {step.filename}:{step.lineno} in {step.name}" for step in steps]
    log.error("%s\n%s", type(cause).__name__, "\n".join(lines))
