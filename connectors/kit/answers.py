"""What HUM is answered when something goes wrong: `{"error": "snake_case_code", "message": "for a person"}`.

    Problem              the request cannot be taken, or the connector cannot answer
    problem_of(error)    the same for everything that a connector can raise

Whatever the CRM did, HUM never hears 404, 410 or 401 of it: it would take them for "not found", for a
connector that is gone for good, or for a wrong secret. Texts hold no URL and nothing that came from the CRM:
a phone number or a token could stand in them.
"""

from __future__ import annotations

import re
import sqlite3
import time
from email.utils import parsedate_to_datetime
from typing import Final

import httpx
import msgspec
from starlette.responses import Response

from connectors.kit.failures import Failure, NotSupported

LONGEST_ANSWER: Final = 1024 * 1024  # bytes; HUM reads no more
LONGEST_WAIT: Final = 3_600  # seconds of Retry-After
_OF_A_CRM: Final = frozenset((429, 500, 501, 502, 503, 504))
_SECONDS = re.compile(r"[0-9]{1,9}\Z", re.ASCII)


class Problem(Exception):
    """An answer that is no success. `retry_after` in seconds. `ours`: a fault on this side, for the log."""

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None, ours: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.ours = ours

    def response(self) -> Response:
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after is not None else {}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return answer({"error": self.code, "message": self.message}, self.status, headers)


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Any value or model as JSON. Raises Problem when it is none, or more than HUM reads."""
    try:
        content = msgspec.json.encode(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise Problem(500, "answer_invalid", f"the answer is not JSON: {type(error).__name__}") from error
    if len(content) > LONGEST_ANSWER:
        raise Problem(500, "answer_too_large", "the answer is larger than 1 MiB")
    return Response(content, status, headers, media_type="application/json")


def problem_of(error: Exception) -> Problem:
    """The answer to whatever a connector raised."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, NotSupported | NotImplementedError):
        return Problem(501, "not_supported", "this connector cannot do that")
    if isinstance(error, Failure):
        status = error.status if error.status in _OF_A_CRM else 502
        return Problem(status, error.code, error.message, retry_after=_bounded(error.retry_after))
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return Problem(504, "crm_timeout", "the CRM did not answer in time")
    if isinstance(error, httpx.HTTPStatusError):
        return _of_status(error.response)
    if isinstance(error, httpx.TransportError | ConnectionError):
        return Problem(503, "crm_unavailable", f"the CRM cannot be reached: {type(error).__name__}")
    if isinstance(error, httpx.HTTPError | httpx.InvalidURL | httpx.StreamError):
        return Problem(502, "crm_failed", f"the CRM cannot be talked to: {type(error).__name__}")
    if isinstance(error, sqlite3.OperationalError):
        return Problem(503, "ledger_unavailable", "the ledger cannot be used", retry_after=5, ours=True)
    return Problem(500, "connector_failed", f"the connector failed: {type(error).__name__}", ours=True)


def _of_status(response: httpx.Response) -> Problem:
    status = response.status_code
    text = f"the CRM answered {status}"
    wait = _wait(response.headers.get("retry-after"))
    if status == 429:
        return Problem(429, "crm_rate_limited", text, retry_after=wait)
    if status in (401, 403):
        return Problem(502, "crm_refused", text)
    if status == 408 or status >= 500:
        return Problem(503, "crm_unavailable", text, retry_after=wait)
    return Problem(502, "crm_failed", text)


def _wait(text: str | None) -> int | None:
    """Seconds of a Retry-After header, which says them or a date; None for anything else."""
    if text is None:
        return None
    if _SECONDS.match(text.strip()):
        return _bounded(int(text))
    try:
        return _bounded(round(parsedate_to_datetime(text).timestamp() - time.time()))
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: int | None) -> int | None:
    return None if seconds is None else max(0, min(seconds, LONGEST_WAIT))
