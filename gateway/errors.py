"""The problems the gateway can report, drawn as a tree, each with its HTTP status and its code.

    Problem
    ├── InvalidRequest            422  invalid_request (with the field of every mistake)
    │   └── BadRequest            400  invalid_json, invalid_cursor, organization_required, …
    ├── Unauthorized              401  api_key_required, api_key_invalid
    ├── Forbidden                 403  insufficient_scope, wrong_organization
    ├── NotFound                  404  not_found
    ├── RequestTimeout            408  request_timeout
    ├── Conflict                  409  conflict and its kin
    ├── Gone                      410  organization_erased
    ├── PayloadTooLarge           413  payload_too_large
    ├── UnsupportedMediaType      415  unsupported_media_type
    ├── RateLimited               429  rate_limited (with a delay)
    └── Overloaded                503  overloaded, storage_full, database_unavailable (with a delay)

    StartupError                  the process cannot start; the message is for the operator

What a remote system does wrong is never an exception: it is a value (`gateway.domain.outcome`).
Web turns a Problem into a response (`gateway.web.problems`); the CLI prints its message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Detail:
    """One mistake in a request: where it stands (`events[17].data`) and what is wrong, for a person."""

    field: str
    message: str


class Problem(Exception):
    """A request that cannot be served, as the caller will read it."""

    status: ClassVar[int] = 500
    default_code: ClassVar[str] = "internal_error"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: list[Detail] | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.default_code
        self.details = details or []
        self.retry_after = retry_after
        self.headers: dict[str, str] = {}  # what the answer says besides


class InvalidRequest(Problem):
    status = 422
    default_code = "invalid_request"

    @classmethod
    def field(cls, field: str, message: str, *, code: str | None = None) -> InvalidRequest:
        """The common case: one mistake in one field."""
        return cls(f"{field}: {message}" if field else message, code=code, details=[Detail(field, message)])


class BadRequest(InvalidRequest):
    status = 400
    default_code = "invalid_json"


class Unauthorized(Problem):
    status = 401
    default_code = "api_key_invalid"


class Forbidden(Problem):
    status = 403
    default_code = "insufficient_scope"


class NotFound(Problem):
    status = 404
    default_code = "not_found"


class RequestTimeout(Problem):
    status = 408
    default_code = "request_timeout"


class Conflict(Problem):
    status = 409
    default_code = "conflict"


class Gone(Problem):
    status = 410
    default_code = "organization_erased"


class PayloadTooLarge(Problem):
    status = 413
    default_code = "payload_too_large"


class UnsupportedMediaType(Problem):
    status = 415
    default_code = "unsupported_media_type"


class RateLimited(Problem):
    status = 429
    default_code = "rate_limited"


class Overloaded(Problem):
    status = 503
    default_code = "overloaded"


class StartupError(Exception):
    """The gateway cannot start. One clear line, no secret in it."""


PROBLEMS_BY_STATUS: dict[int, type[Problem]] = {
    kind.status: kind
    for kind in (
        BadRequest, Unauthorized, Forbidden, NotFound, Conflict, Gone, PayloadTooLarge, UnsupportedMediaType,
        InvalidRequest, RateLimited, Overloaded,
    )
}  # fmt: skip
