"""Long work that a person orders: which range of the history of a webhook or connector it is about, and how
it may stand.

What a kind of job does is in `manage.ranges`; who works on it, and when, in `manage.jobs`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.clock import parse_time
from gateway.domain.pattern import PatternSet
from gateway.domain.webhook import MAX_PATTERNS, Pattern
from gateway.errors import InvalidRequest

DEFAULT_SPAN_MS: Final = 7 * 86_400_000


class JobStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class JobKind(StrEnum):
    REDELIVER = "redeliver"  # events whose latest delivery to the target failed
    REPLAY = "replay"  # events that never had a delivery to it


def _time(text: str) -> str:
    try:
        parse_time(text)
    except ValueError as error:
        message = str(error)
        if not message.startswith("must"):
            message = "must be an ISO 8601 time such as 2026-11-20T21:05:09.123Z"
        raise ValueError(message) from None
    return text


class RangeRequest(BaseModel):
    """`POST /api/webhooks/{id}/redeliver` and `…/replay`, `POST /api/connectors/{id}/redeliver`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    types: Annotated[list[Pattern], Field(min_length=1, max_length=MAX_PATTERNS)] | None = None
    since: Annotated[str, AfterValidator(_time)] | None = None
    until: Annotated[str, AfterValidator(_time)] | None = None
    dry_run: bool = False


class NoFields(BaseModel):
    """A request with nothing to say."""

    model_config = ConfigDict(extra="forbid", strict=True)


class DeliveryRedeliver(NoFields):
    """`POST /api/deliveries/{id}/redeliver`."""


class DeliveryCancel(NoFields):
    """`POST /api/deliveries/{id}/cancel`."""


class JobCancel(NoFields):
    """`POST /api/jobs/{id}/cancel`."""


@dataclass(frozen=True, slots=True)
class Span:
    """Events that were accepted from `since` on and before `until` (ms; None: no end), of these types."""

    since: int
    until: int | None = None
    types: tuple[str, ...] | None = None

    def wants(self, event_type: str) -> bool:
        return self.types is None or PatternSet(self.types).matches(event_type)

    def as_json(self) -> dict[str, Any]:
        return {"since": self.since, "until": self.until, "types": self.types}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Span:
        types = stored["types"]
        return cls(stored["since"], stored["until"], None if types is None else tuple(types))

    @classmethod
    def of(cls, request: RangeRequest, now: int) -> Span:
        """The range of a request. Raises InvalidRequest when it ends before it begins."""
        since = now - DEFAULT_SPAN_MS if request.since is None else parse_time(request.since)
        until = None if request.until is None else parse_time(request.until)
        if until is not None and until <= since:
            begins = "since" if request.since else "since, which is seven days ago without it"
            raise InvalidRequest.field("until", f"must be later than {begins}")
        types = None if request.types is None else tuple(dict.fromkeys(request.types))
        return cls(max(since, 0), until if until is None else max(until, 0), types)
