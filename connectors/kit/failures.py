"""What a CRM can do instead of answering, and what HUM hears of it.

    Failure
    ├── Unavailable     the CRM cannot be reached, or is in trouble          → 503, with Retry-After if known
    ├── RateLimited     the CRM asks for fewer requests                     → 429, with Retry-After if known
    ├── Refused         the CRM refuses the connector's credentials or data → 502
    └── NotSupported    this CRM has no such thing (only from `log_call`)   → 200, skipped

None of them ever becomes "not found": HUM would believe it, and a person would be a stranger. The texts go
into HUM's log of requests: no secret and nothing personal belongs into them.
"""

from __future__ import annotations


class Failure(Exception):
    """`message` is for the person who looks into HUM's log; `retry_after` in seconds."""

    status = 502
    code = "crm_failed"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after


class Unavailable(Failure):
    status = 503
    code = "crm_unavailable"


class RateLimited(Failure):
    status = 429
    code = "crm_rate_limited"


class Refused(Failure):
    status = 502
    code = "crm_refused"


class NotSupported(Failure):
    status = 200
    code = "not_supported"
