"""A webhook: a customer's registered URL, what it wants to hear, and how it wants to be treated.

`Webhook` is what the running gateway knows of one; the request models say what a client may set and refuse
everything else by name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.domain.addressee import Addressee
from gateway.domain.filter import Filter, check_filter, compile_filter
from gateway.domain.pattern import PatternSet, check_pattern
from gateway.domain.printable import PRINTABLE
from gateway.domain.rate import HIGHEST, LOWEST
from gateway.domain.retry import check_schedule
from gateway.domain.rotation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS
from gateway.errors import Detail, InvalidRequest

MAX_PATTERNS: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook(Addressee):
    """A webhook as it is now, decrypted."""

    kind: ClassVar = "webhook"

    events: tuple[str, ...]
    timeout_ms: int = 15_000
    description: str = ""
    filter: str | None = None
    organizations: tuple[str, ...] | None = None  # of a platform's webhook: only these; None for all
    patterns: PatternSet = field(init=False, compare=False, repr=False)
    condition: Filter | None = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", PatternSet(self.events))
        condition = None if self.filter is None else compile_filter(self.filter)
        object.__setattr__(self, "condition", condition)

    def wants(self, event_type: str) -> bool:
        return self.collects and self.patterns.matches(event_type)

    def covers(self, org_id: str) -> bool:
        """Whether a platform's webhook hears of this organization."""
        return self.organizations is None or org_id in self.organizations


def _pattern(text: str) -> str:
    check_pattern(text)
    return text


def _schedule(waits: list[int]) -> list[int]:
    wrong = check_schedule(waits)
    if wrong:
        raise ValueError(wrong)
    return waits


def _condition(text: str) -> str:
    check_filter(text)
    if "\0" in text:
        raise ValueError("must be printable")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Condition = Annotated[str, AfterValidator(_condition)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=MAX_PATTERNS)]
Schedule = Annotated[list[int], AfterValidator(_schedule)]
Description = Annotated[str, StringConstraints(max_length=500), PRINTABLE]
TimeoutMs = Annotated[int, Field(ge=1_000, le=30_000)]
HoldSeconds = Annotated[int, Field(ge=1, le=86_400)]
RatePerSecond = Annotated[int, Field(ge=LOWEST, le=HIGHEST)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WebhookCreate(_Request):
    """`POST /api/webhooks`."""

    url: str
    events: Patterns
    filter: Condition | None = None
    description: Description = ""
    headers: dict[str, str] = Field(default_factory=dict)
    enabled: bool = True
    secret: str | None = None
    timeout_ms: TimeoutMs = 15_000
    rate_limit_per_second: RatePerSecond | None = None
    retry_schedule: Schedule | None = None
    max_hold_seconds: HoldSeconds = 3600
    ordered: bool = False
    profile: str = "hum"


class WebhookUpdate(_Request):
    """`PATCH /api/webhooks/{id}`: a merge patch. Null gives a field its default back, where it has one;
    in `headers`, null removes one header."""

    url: str | None = None
    events: Patterns | None = None
    filter: Condition | None = None
    description: Description | None = None
    headers: dict[str, str | None] | None = None
    enabled: bool | None = None
    timeout_ms: TimeoutMs | None = None
    rate_limit_per_second: RatePerSecond | None = None
    retry_schedule: Schedule | None = None
    max_hold_seconds: HoldSeconds | None = None
    ordered: bool | None = None
    profile: str | None = None
    api_version: Literal["2026-11-20"] | None = None


class WebhookEnable(_Request):
    """`POST /api/webhooks/{id}/enable`: what becomes of the deliveries that have gathered meanwhile."""

    pending: Literal["deliver", "discard"] = "deliver"


class WebhookExplain(_Request):
    """`POST /api/webhooks/{id}/explain`: which event it is about."""

    event_id: str


class WebhookDisable(_Request):
    """`POST /api/webhooks/{id}/disable`: nothing to say."""


class WebhookRelease(_Request):
    """`POST /api/webhooks/{id}/release`: nothing to say."""


class SecretRotate(_Request):
    """`POST /api/webhooks/{id}/rotate-secret`."""

    grace_period_seconds: Annotated[int, Field(ge=0, le=MAX_GRACE_SECONDS)] = DEFAULT_GRACE_SECONDS
    secret: str | None = None
    force: bool = False


class RotationFinish(_Request):
    """`POST /api/webhooks/{id}/rotate-secret/finish`: nothing to say."""


def refuse_unavailable(request: WebhookCreate | WebhookUpdate) -> None:
    """Options of the contract that this version does not serve yet are refused, never silently ignored."""
    given = request.model_fields_set
    wrong = [
        Detail(name, "is not available in this version")
        for name, default in (
            ("profile", "hum"),
        )
        if name in given and getattr(request, name) not in (default, None)
    ]  # fmt: skip
    if wrong:
        raise InvalidRequest("; ".join(f"{w.field} {w.message}" for w in wrong), details=wrong)
