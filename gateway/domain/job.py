"""Long work that a person orders: which range of the history of a webhook or connector it is about, and how
it may stand.

What a kind of job does is in `manage.ranges` and `manage.retries`; who works on it, and when, in
`manage.jobs`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.clock import parse_time
from gateway.domain.pattern import PatternSet
from gateway.domain.webhook import MAX_PATTERNS, Pattern
from gateway.errors import InvalidRequest

DEFAULT_SPAN_MS: Final = 7 * 86_400_000
EVENT_ID: Final = "^evt_[a-z0-9_]{1,60}$"


class JobStatus(StrEnum):
    RUNNING = "running"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"


class JobKind(StrEnum):
    REDELIVER = "redeliver"  # events whose latest delivery to the target failed, or is over
    REPLAY = "replay"  # events that never had a delivery to it
    RETRY = "retry"  # deliveries to it that wait for their next attempt


RANGES: Final = (JobKind.REDELIVER, JobKind.REPLAY)  # those that make deliveries, for a range of events
UNDONE: Final = frozenset(RANGES)  # of which cancelling takes something back even when they are done


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


Which = Literal["failed", "all"]
MAX_EVENT_IDS: Final = 1_000


class RedeliverRequest(RangeRequest):
    """`POST /api/webhooks/{id}/redeliver`: a range, and which of its events."""

    which: Which = "failed"
    status_code: Annotated[int, Field(ge=100, le=999)] | None = None
    event_ids: (
        Annotated[
            list[Annotated[str, StringConstraints(pattern=EVENT_ID)]],
            Field(min_length=1, max_length=MAX_EVENT_IDS),
        ]
        | None
    ) = None


class RetryRequest(BaseModel):
    """`POST /api/webhooks/{id}/retry` and `POST /api/connectors/{id}/retry`."""

    model_config = ConfigDict(extra="forbid", strict=True)

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


class LookupsTest(NoFields):
    """`POST /api/organizations/{id}/test-lookups`."""


@dataclass(frozen=True, slots=True)
class Span:
    """Events that were accepted from `since` on and before `until` (ms; None: no end), of these types.

    Of a redelivery besides: `which` of them by their latest delivery (`all`: whether it was delivered or has
    failed), only those it last answered with `status_code`, and only these `event_ids`."""

    since: int
    until: int | None = None
    types: tuple[str, ...] | None = None
    which: Which = "failed"
    status_code: int | None = None
    event_ids: tuple[str, ...] | None = None

    def wants(self, event_type: str) -> bool:
        return self.types is None or PatternSet(self.types).matches(event_type)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Span:
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in stored.items()
        }
        return cls(**values)

    @classmethod
    def of(cls, request: RangeRequest, now: int) -> Span:
        """The range of a request. Raises InvalidRequest when it ends before it begins. Whoever names events
        means them however old they are."""
        chosen = request if isinstance(request, RedeliverRequest) else RedeliverRequest()
        begin = 0 if chosen.event_ids else now - DEFAULT_SPAN_MS
        since = begin if request.since is None else parse_time(request.since)
        until = None if request.until is None else parse_time(request.until)
        if until is not None and until <= since:
            begins = "since" if request.since else "since, which is seven days ago without it"
            raise InvalidRequest.field("until", f"must be later than {begins}")
        return cls(
            max(since, 0),
            until if until is None else max(until, 0),
            _once(request.types),
            chosen.which,
            chosen.status_code,
            _once(chosen.event_ids),
        )


def _once(values: list[str] | None) -> tuple[str, ...] | None:
    return None if values is None else tuple(dict.fromkeys(values))
