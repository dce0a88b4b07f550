"""The secrets of webhooks and connectors: a new one, the beginning of a rotation, its end.

Which secret leads meanwhile, and what the receiver takes, is the business of those who send.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from gateway.clock import format_time
from gateway.domain.addressee import Addressee, kind_of
from gateway.domain.ids import new_id
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret, new_secret
from gateway.errors import Conflict, InvalidRequest
from gateway.store import rotations, secrets
from gateway.store.transaction import Transaction

A = TypeVar("A", bound=Addressee)

MOST_ENDED: Final = 10  # of one addressee, the latest: those that are masked wherever a receiver repeats them


@dataclass(frozen=True, slots=True)
class Begun(Generic[A]):
    """A rotation as it begins: the addressee with its new secret, when each of its secrets ends (ms), and
    which of those that ended long ago are forgotten: whoever rotates all the time must not make each attempt
    look for hundreds."""

    after: A
    fresh: Secret
    rotation: Rotation
    ends: dict[str, int]
    forgotten: tuple[str, ...]


def make_secret(given: str | None, check: Callable[[str], str], now: int) -> Secret:
    """A new secret, or the one that a customer brings, checked. Raises InvalidRequest."""
    if given is None:
        return Secret(new_id("sec", now), new_secret(randomness.token_bytes), now)
    return Secret(new_id("sec", now), check(given), now, imported=True)


def replacement(given: str | None, check: Callable[[str], str], before: Addressee, now: int) -> Secret:
    """As `make_secret`; raises InvalidRequest also for one that signs already."""
    fresh = make_secret(given, check, now)
    if any(secret.value == fresh.value for secret in before.live_secrets(now)):
        raise InvalidRequest.field("secret", f"is one of the {before.kind}'s secrets already")
    return fresh


def refuse_while_rotating(before: Addressee, now: int) -> None:
    """Raises Conflict during a grace period."""
    running = before.rotating(now)
    if running is not None:
        raise Conflict(
            f"a rotation is under way until {format_time(running.ends_at)}: finish it first, or force this",
            code="rotation_in_progress",
        )


def begin(before: A, fresh: Secret, grace_seconds: int, now: int) -> Begun[A]:
    """The old secret is the one that signs; where one rotation follows another, the one that the receiver
    took last, which is the older one as long as it took none."""
    running = before.rotating(now)
    old = running.secret_id(running.takes or "old") if running else before.live_secrets(now)[-1].id
    rotation = Rotation(old, fresh.id, now, now + grace_seconds * 1000)
    ends = {secret.id: now for secret in before.live_secrets(now)} | {old: rotation.ends_at}
    ended = before.with_secrets_ended(ends)
    live = {secret.id for secret in ended.live_secrets(now)}
    forgotten = [secret.id for secret in ended.secrets if secret.id not in live][:-MOST_ENDED]
    after = ended.changed(
        secrets=(*(secret for secret in ended.secrets if secret.id not in forgotten), fresh),
        rotation=None if rotation.over(now) else rotation,
        revision_id=new_id("rev", now),
        updated_at=now,
    )
    return Begun(after, fresh, rotation, ends, tuple(forgotten))


async def write(tx: Transaction, begun: Begun[A]) -> None:
    """What the rotation changes beyond the addressee's own row, its revision and its new secret."""
    await rotations.end_secrets(tx, begun.ends)
    await secrets.forget(tx, begun.forgotten)
    await rotations.end(tx, begun.after.id)
    if begun.after.rotation is not None:
        await rotations.start(tx, begun.after.org_id, begun.after.id, begun.rotation)


async def end_rotation(tx: Transaction, before: A, now: int) -> A:
    """Ends the grace period, if there is one: from now on the new secret alone signs."""
    rotation = before.rotation
    if rotation is None:
        return before
    await rotations.end(tx, before.id)
    ends = {} if rotation.over(now) else {rotation.old_secret_id: now}
    await rotations.end_secrets(tx, ends)
    tx.touch(before.org_id)
    return before.with_secrets_ended(ends).changed(rotation=None)


def told(target_id: str, rotation: Rotation) -> dict[str, str | None]:
    """What is told of a rotation."""
    return {
        f"{kind_of(target_id)}_id": target_id,
        "started_at": format_time(rotation.started_at),
        "ends_at": format_time(rotation.ends_at),
    }
