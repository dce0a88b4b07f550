"""Requests to the gateway's API: credentials, idempotency, bounded retries, errors as one exception."""

from __future__ import annotations

import email.utils
import json as jsonlib
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

Json = dict[str, Any]
Params = Mapping[str, str | int | bool | None]

TRIES = 5
TRIES_TO_CONNECT = 2  # where nobody listens, waiting longer seldom helps
PATIENCE = 1.0  # seconds; a longer wait is announced
LONGEST_WAIT = 60.0  # seconds; a server that asks for more gets no further try
_LOOPBACK = re.compile(r"(localhost|127\.[0-9.]+|::1)\Z")


class GatewayError(Exception):
    """The gateway refused a request, or could not be reached (`status` 0, `code` "unreachable").

    `details` is a list of `{"field", "message"}`; `retry_after` is in seconds.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: list[dict[str, str]] | None = None,
        *,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = details or []
        self.request_id = request_id
        self.retry_after = retry_after


class HttpClient:
    """A connection to one gateway with one key, for one thread. Close it, or use it as a context manager.

    `timeout` is in seconds, for each phase of a request. `sleep` waits between tries; `notice` is told in one
    line why, when it takes longer than a second.
    """

    def __init__(
        self,
        url: str,
        key: str | None = None,
        org: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
        timeout: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        notice: Callable[[str], None] | None = None,
    ) -> None:
        headers = {"Accept": "application/json", "User-Agent": "hum-gateway-client/1"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        if org:
            headers["X-HUM-Org"] = org
        try:
            base = httpx.URL(url.rstrip("/"))
        except httpx.InvalidURL as error:
            raise ValueError(f"{url}: {error}") from None
        if base.scheme not in ("http", "https") or not base.host:
            raise ValueError(f"{url}: must be an http:// or https:// URL")
        self.url = url.rstrip("/")
        self._sleep = sleep
        self._notice = notice or (lambda text: None)
        self._http = httpx.Client(
            base_url=base,
            headers=headers,
            timeout=timeout,
            transport=transport,
            follow_redirects=False,
            # A proxy from the environment cannot reach this machine's own loopback.
            trust_env=not _LOOPBACK.match(base.host),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The decoded answer, None when it is empty. See `raw` for what is sent and raised."""
        answer = self.raw(method, path, params=params, json=json, idempotency_key=idempotency_key)
        return jsonlib.loads(answer) if answer.strip() else None

    def raw(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        idempotency_key: str | None = None,
    ) -> bytes:
        """The answer's own bytes. `json`: a value to encode, or bytes that are JSON already and stay so.

        A POST carries an Idempotency-Key (made here when not given), so that trying it again is safe. GET and
        POST are tried again after a connection error; every method after 429 and 503, and when there was no
        connection; five tries in all, two when there is none. Raises GatewayError.
        """
        headers = {}
        content = json if isinstance(json, bytes) else None if json is None else encode(json)
        if content is not None:
            headers["Content-Type"] = "application/json"
        if method == "POST":
            headers["Idempotency-Key"] = idempotency_key or uuid.uuid4().hex
        query = {name: _query(value) for name, value in (params or {}).items() if value is not None}
        for number in range(1, TRIES + 1):
            error: GatewayError
            slow, tries = False, TRIES
            again = method in ("GET", "POST")
            try:
                response = self._http.request(method, path, params=query, content=content, headers=headers)
            except httpx.TransportError as cause:
                error = GatewayError(0, "unreachable", f"cannot reach {self.url}: {_reason(cause)}")
                slow = isinstance(cause, httpx.TimeoutException)
                if isinstance(cause, httpx.ConnectError):
                    again, tries = True, TRIES_TO_CONNECT
            else:
                if response.is_success:
                    return response.content
                error = error_of(response)
                again = response.status_code in (429, 503)
            wait = error.retry_after if error.retry_after is not None else 0.25 * 2**number
            if not again or number >= tries or wait > LONGEST_WAIT:
                raise error
            if slow or wait > PATIENCE:
                self._notice(f"{_brief(error)}; trying again in {wait:.0f} s")
            self._sleep(wait)
        raise AssertionError("unreachable")

    def iterate(self, path: str, params: Params | None = None, *, limit: int | None = None) -> Iterator[Json]:
        """The rows of a list, page after page; at most `limit`, all when not given."""
        left = limit
        query = dict(params or {})
        while left is None or left > 0:
            page = self.request(
                "GET", path, params=query | {"limit": 200 if left is None else min(left, 200)}
            )
            yield from page["data"] if left is None else page["data"][:left]
            left = None if left is None else left - len(page["data"])
            cursor = page.get("next_cursor")
            if not cursor or cursor == query.get("cursor"):
                return
            query["cursor"] = cursor


def encode(value: object) -> bytes:
    """Compact JSON in UTF-8. Raises ValueError for NaN and infinities."""
    return jsonlib.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _query(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _brief(error: GatewayError) -> str:
    return error.message if error.status == 0 else f"the gateway answered {error.status} {error.code}"


def _reason(cause: httpx.TransportError) -> str:
    if isinstance(cause, httpx.TimeoutException):
        return "no answer in time"
    return str(cause) or type(cause).__name__


def error_of(response: httpx.Response) -> GatewayError:
    """The exception for an answer that is not 2xx, also one that no gateway wrote."""
    status = response.status_code
    code, message, details, request_id = f"http_{status}", response.reason_phrase, [], None
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        code, message = str(body.get("error", code)), str(body.get("message", message))
        details = [item for item in body.get("details") or [] if isinstance(item, dict)]
        request_id = body.get("request_id")
    elif 300 <= status < 400:
        message = "the address answers with a redirect; give the gateway's own URL"
    else:
        message = f"{status} {message}: this does not look like a gateway"
    wait = _retry_after(response.headers.get("Retry-After"))
    return GatewayError(status, code, message, details, request_id=request_id, retry_after=wait)


def _retry_after(value: str | None) -> float | None:
    """Seconds from a header of seconds or a date; None for anything else."""
    if value is None:
        return None
    if re.match(r"[0-9]{1,9}\Z", value):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if moment.tzinfo is None:
        return None
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
