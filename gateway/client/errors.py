"""What can go wrong, as exceptions: one class for each status, all of them GatewayError.

GatewayError
├── UnreachableError       nobody answered, or the answer was lost (`status` 0)
├── BadRequestError        400  invalid_json, invalid_cursor, organization_required
├── AuthenticationError    401  api_key_required, api_key_invalid
├── PermissionDeniedError  403  insufficient_scope, wrong_organization
├── NotFoundError          404  not_found
├── ConflictError          409  conflict, idempotency_conflict, external_id_conflict, …
├── GoneError              410  organization_erased
├── TooLargeError          413  payload_too_large
├── InvalidRequestError    422  invalid_request, with a detail for every field
├── RateLimitedError       429  rate_limited
└── ServerError            5xx  something went wrong there
    └── OverloadedError    503  overloaded, storage_full, database_unavailable
"""

from __future__ import annotations

import email.utils
import json as jsonlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

import httpx

_WITHOUT_CONNECTION = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


class GatewayError(Exception):
    """The gateway refused a request, or could not be reached.

    `code` is for programs (`not_found`), `message` for people; `details` is a list of `{"field", "message"}`,
    `retry_after` is in seconds, and support finds the request by `request_id`.
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

    @property
    def temporary(self) -> bool:
        """Whether the same request may work later."""
        return self.status in (0, 429, 502, 503, 504) or self.code == "idempotency_in_progress"


class UnreachableError(GatewayError):
    """Nobody answered. `sent`: the request may have arrived all the same; `slow`: it took all its time."""

    def __init__(self, url: str, reason: str, *, sent: bool, slow: bool) -> None:
        super().__init__(0, "unreachable", f"cannot reach {url}: {reason}")
        self.sent = sent
        self.slow = slow


class BadRequestError(GatewayError):
    """400: the request cannot be understood."""


class AuthenticationError(GatewayError):
    """401: there is no API key, or it is unknown, revoked or expired."""


class PermissionDeniedError(GatewayError):
    """403: the key may not do this."""


class NotFoundError(GatewayError):
    """404: there is no such thing, or it belongs to another organization."""


class ConflictError(GatewayError):
    """409: it contradicts what is there."""


class GoneError(GatewayError):
    """410: the organization was erased."""


class TooLargeError(GatewayError):
    """413: the body is larger than the gateway takes."""


class InvalidRequestError(GatewayError):
    """422: fields of the request are wrong; `details` names each."""


class RateLimitedError(GatewayError):
    """429: too much at once."""


class ServerError(GatewayError):
    """5xx: something went wrong on the gateway's side."""


class OverloadedError(ServerError):
    """503: the gateway cannot take it now."""


_BY_STATUS: Final[Mapping[int, type[GatewayError]]] = {
    400: BadRequestError, 401: AuthenticationError, 403: PermissionDeniedError, 404: NotFoundError,
    409: ConflictError, 410: GoneError, 413: TooLargeError, 422: InvalidRequestError,
    429: RateLimitedError, 503: OverloadedError,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer that was read to its end."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def unreachable(url: str, cause: httpx.TransportError) -> UnreachableError:
    """The exception for an exchange that had no answer."""
    slow = isinstance(cause, httpx.TimeoutException)
    reason = "no answer in time" if slow else str(cause) or type(cause).__name__
    return UnreachableError(url, reason, sent=not isinstance(cause, _WITHOUT_CONNECTION), slow=slow)


def error_of(answer: Answer) -> GatewayError:
    """The exception for an answer that is not 2xx, also one that no gateway wrote."""
    status = answer.status
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else GatewayError)
    wait = _retry_after(answer.headers.get("Retry-After"))
    body = _document(answer.body)
    if body is None:
        return kind(status, f"http_{status}", _stranger(status), retry_after=wait)
    found = body.get("details")
    return kind(
        status,
        str(body.get("error", f"http_{status}")),
        str(body.get("message", _phrase(status))),
        [item for item in found if isinstance(item, dict)] if isinstance(found, list) else [],
        request_id=body.get("request_id"),
        retry_after=wait,
    )


def _document(body: bytes) -> dict[str, str] | None:
    try:
        found = jsonlib.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _stranger(status: int) -> str:
    if 300 <= status < 400:
        return "the address answers with a redirect; give the gateway's own URL"
    return f"{status} {_phrase(status)}: this does not look like a gateway"


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


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
