"""To whom deliveries are owed: an address outside, its secrets, and how it stands.

A webhook and a connector are addressees. Whatever moves a delivery (dispatcher, recorder, rotation) asks for
no more than what stands here; what a webhook wants to hear and what a connector is asked is theirs alone.
`dispatch.target` is what one node has learned of an addressee while sending to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal, Self

from gateway.domain.outcome import Policy
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret

Kind = Literal["webhook", "connector"]
Status = Literal["enabled", "disabled"]
DisabledReason = Literal["by_user", "gone", "failing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """An addressee as it is now, decrypted. `revision_id` names the immutable row that attempts refer to."""

    kind: ClassVar[Kind]

    id: str
    org_id: str
    position: int
    revision_id: str
    url: str
    secrets: tuple[Secret, ...]
    timeout_ms: int
    headers: Mapping[str, str] = field(default_factory=dict)
    status: Status = "enabled"
    disabled_reason: DisabledReason | None = None
    retry_schedule: tuple[int, ...] | None = None
    max_hold_seconds: int = 3600
    rate_limit_per_second: int | None = None
    ordered: bool = False
    profile: str = "hum"
    api_version: str = "2026-11-20"
    first_success_at: int | None = None
    failing_since: int | None = None
    rotation: Rotation | None = None
    created_at: int = 0
    updated_at: int = 0

    @property
    def enabled(self) -> bool:
        return self.status == "enabled"

    @property
    def collects(self) -> bool:
        """Whether it is owed deliveries: one that a person disabled is not, one that failed still is."""
        return self.enabled or self.disabled_reason != "by_user"

    @property
    def one_voice(self) -> bool:
        """Whether only one node at a time may serve it: what it asks for concerns all of its requests."""
        return self.ordered or self.rate_limit_per_second is not None

    def policy(self, default_schedule: tuple[int, ...]) -> Policy:
        return Policy(self.retry_schedule or default_schedule, self.max_hold_seconds)

    def live_secrets(self, now: int) -> list[Secret]:
        """Those that sign at `now`; the others are kept only to be masked."""
        return [secret for secret in self.secrets if secret.ends_at is None or now < secret.ends_at]

    def rotating(self, now: int) -> Rotation | None:
        """The rotation of its secret, while the grace period lasts."""
        return None if self.rotation is None or self.rotation.over(now) else self.rotation

    def changed(self, **values: Any) -> Self:
        return replace(self, **values)

    def switched(self, on: bool) -> Self:
        """Enabled, or disabled by a person; as it is when it stands so already."""
        if on == self.enabled:
            return self
        return self.changed(
            status="enabled" if on else "disabled",
            disabled_reason=None if on else "by_user",
            failing_since=None,
        )

    def with_secrets_ended(self, ends: Mapping[str, int]) -> Self:
        """With the ends (ms) that these secrets are given, by id."""
        return self.changed(
            secrets=tuple(
                replace(secret, ends_at=ends[secret.id]) if secret.id in ends else secret
                for secret in self.secrets
            )
        )


def kind_of(target_id: str) -> Kind:
    """What stands under this id, if anything does."""
    return "connector" if target_id.startswith("cnr_") else "webhook"


def named(target_id: str) -> dict[str, Any]:
    """How the gateway's own events name whom they tell of."""
    return {f"{kind_of(target_id)}_id": target_id}
