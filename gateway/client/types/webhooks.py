"""Webhooks, their tests, and rotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, Required, TypedDict

from gateway.client.types.events import Mistake


class LastDelivery(TypedDict):
    """The attempt that ended last."""

    id: str | None
    at: str | None
    status_code: int | None
    error: str | None


class Rotation(TypedDict):
    """A secret that is being changed: until `ends_at` both sign."""

    state: Literal["started", "confirmed", "unconfirmed"]
    started_at: str
    ends_at: str
    leading: Literal["old", "new"]
    confirmed: bool


class Webhook(TypedDict):
    """A registered URL and what it wants to hear. Header values are never shown again."""

    id: str
    org_id: str
    url: str
    events: list[str]
    filter: str | None
    description: str
    headers: dict[str, str]
    enabled: bool
    status: Literal["enabled", "disabled"]
    disabled_reason: Literal["by_user", "gone", "failing"] | None
    has_secret: bool
    failing_since: str | None
    held_until: str | None
    rotation: Rotation | None
    last_delivery: LastDelivery | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: list[int] | None
    max_hold_seconds: int
    ordered: bool
    profile: str
    api_version: str
    created_at: str
    updated_at: str


class NewWebhook(Webhook):
    """The webhook and its secret, which is shown this once; None for one that you brought along."""

    secret: str | None


class CreatedWebhook(NewWebhook):
    """The new webhook, its secret, and what looks like a mistake, such as a misspelt event type."""

    warnings: list[Mistake]


class ChangedWebhook(Webhook):
    """The webhook as it is now, and what looks like a mistake in the change."""

    warnings: list[Mistake]


class ReleasedWebhook(Webhook):
    """The webhook, and until when the hold that was ended would have lasted; None: it was not held."""

    was_held_until: str | None


class WebhookSettings(TypedDict, total=False):
    """What a webhook is created with."""

    url: Required[str]
    events: Required[Sequence[str]]
    filter: str | None
    description: str
    headers: Mapping[str, str]
    enabled: bool
    secret: str | None
    timeout_ms: int
    rate_limit_per_second: int | None
    retry_schedule: Sequence[int] | None
    max_hold_seconds: int
    ordered: bool
    profile: str


class WebhookChanges(TypedDict, total=False):
    """A merge patch: None gives a field its default back, and removes a header."""

    url: str
    events: Sequence[str]
    filter: str | None
    description: str | None
    headers: Mapping[str, str | None] | None
    enabled: bool | None
    timeout_ms: int | None
    rate_limit_per_second: int | None
    retry_schedule: Sequence[int] | None
    max_hold_seconds: int | None
    ordered: bool | None
    profile: str | None
    api_version: str | None


class TestResult(TypedDict):
    """What came of a test delivery."""

    ok: bool
    status_code: int | None
    duration_ms: int
    error: str | None
    error_detail: str
    response_body: str | None
    delivery_id: str
