"""A webhook: a customer's registered URL, what it wants to hear, and how it wants to be treated.

`Webhook` is what the running gateway knows of one; the request models say what a client may set and refuse
everything else by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from gateway.domain.outcome import Policy
from gateway.domain.pattern import PatternSet, check_pattern
from gateway.domain.retry import check_schedule
from gateway.domain.rotation import DEFAULT_GRACE_SECONDS, MAX_GRACE_SECONDS, Rotation
from gateway.errors import Detail, InvalidRequest

MAX_PATTERNS: Final = 100


@dataclass(frozen=True, slots=True)
class Secret:
    """One signing secret in the clear, as the dispatcher holds it. `ends_at` ends a grace period (ms)."""

    id: str
    value: str
    created_at: int
    imported: bool = False
    ends_at: int | None = None


@dataclass(frozen=True, slots=True)
class Webhook:
    """A webhook as it is now, decrypted. `revision_id` names the immutable row that attempts refer to."""

    id: str
    org_id: str
    position: int
    revision_id: str
    url: str
    headers: Mapping[str, str]
    events: tuple[str, ...]
    secrets: tuple[Secret, ...]
    description: str = ""
    filter: str | None = None
    status: Literal["enabled", "disabled"] = "enabled"
    disabled_reason: Literal["by_user", "gone", "failing"] | None = None
    timeout_ms: int = 15_000
    rate_limit_per_second: int | None = None
    retry_schedule: tuple[int, ...] | None = None
    max_hold_seconds: int = 3600
    ordered: bool = False
    profile: str = "hum"
    api_version: str = "2026-11-20"
    first_success_at: int | None = None
    failing_since: int | None = None
    created_at: int = 0
    updated_at: int = 0
    rotation: Rotation | None = None
    patterns: PatternSet = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "patterns", PatternSet(self.events))

    @property
    def enabled(self) -> bool:
        return self.status == "enabled"

    @property
    def collects(self) -> bool:
        """Whether it is owed deliveries: one that a person disabled is not, one that failed still is."""
        return self.enabled or self.disabled_reason != "by_user"

    def wants(self, event_type: str) -> bool:
        return self.collects and self.patterns.matches(event_type)

    def policy(self, default_schedule: tuple[int, ...]) -> Policy:
        return Policy(self.retry_schedule or default_schedule, self.max_hold_seconds)

    def live_secrets(self, now: int) -> list[Secret]:
        """Those that sign at `now`; the others are kept only to be masked."""
        return [secret for secret in self.secrets if secret.ends_at is None or now < secret.ends_at]

    def rotating(self, now: int) -> Rotation | None:
        """The rotation of its secret, while the grace period lasts."""
        return None if self.rotation is None or self.rotation.over(now) else self.rotation

    def changed(self, **values: Any) -> Webhook:
        return replace(self, **values)

    def with_secrets_ended(self, ends: Mapping[str, int]) -> Webhook:
        """With the ends (ms) that these secrets are given, by id."""
        return self.changed(
            secrets=tuple(
                replace(secret, ends_at=ends[secret.id]) if secret.id in ends else secret
                for secret in self.secrets
            )
        )


def _pattern(text: str) -> str:
    check_pattern(text)
    return text


def _schedule(waits: list[int]) -> list[int]:
    wrong = check_schedule(waits)
    if wrong:
        raise ValueError(wrong)
    return waits


def _printable(text: str) -> str:
    if not all(character.isprintable() for character in text):
        raise ValueError("must have printable characters only")
    return text


Pattern = Annotated[str, AfterValidator(_pattern)]
Patterns = Annotated[list[Pattern], Field(min_length=1, max_length=MAX_PATTERNS)]
Schedule = Annotated[list[int], AfterValidator(_schedule)]
Description = Annotated[str, StringConstraints(max_length=500), AfterValidator(_printable)]
TimeoutMs = Annotated[int, Field(ge=1_000, le=30_000)]
HoldSeconds = Annotated[int, Field(ge=1, le=86_400)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class WebhookCreate(_Request):
    """`POST /api/webhooks`."""

    url: str
    events: Patterns
    filter: str | None = None
    description: Description = ""
    headers: dict[str, str] = Field(default_factory=dict)
    enabled: bool = True
    secret: str | None = None
    timeout_ms: TimeoutMs = 15_000
    rate_limit_per_second: int | None = None
    retry_schedule: Schedule | None = None
    max_hold_seconds: HoldSeconds = 3600
    ordered: bool = False
    profile: str = "hum"


class WebhookUpdate(_Request):
    """`PATCH /api/webhooks/{id}`: a merge patch. Null gives a field its default back, where it has one;
    in `headers`, null removes one header."""

    url: str | None = None
    events: Patterns | None = None
    filter: str | None = None
    description: Description | None = None
    headers: dict[str, str | None] | None = None
    enabled: bool | None = None
    timeout_ms: TimeoutMs | None = None
    rate_limit_per_second: int | None = None
    retry_schedule: Schedule | None = None
    max_hold_seconds: HoldSeconds | None = None
    ordered: bool | None = None
    profile: str | None = None
    api_version: Literal["2026-11-20"] | None = None


class WebhookEnable(_Request):
    """`POST /api/webhooks/{id}/enable`: what becomes of the deliveries that have gathered meanwhile."""

    pending: Literal["deliver", "discard"] = "deliver"


class WebhookDisable(_Request):
    """`POST /api/webhooks/{id}/disable`: nothing to say."""


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
            ("filter", None), ("rate_limit_per_second", None), ("ordered", False), ("profile", "hum"),
        )
        if name in given and getattr(request, name) not in (default, None)
    ]  # fmt: skip
    if wrong:
        raise InvalidRequest("; ".join(f"{w.field} {w.message}" for w in wrong), details=wrong)
