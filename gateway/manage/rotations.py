"""Rotating a webhook's signing secret, ending that early, and what is due while it lasts: the warning, the
end, and forgetting secrets that have ended.

Which secret leads and what the receiver takes is the dispatcher's business (`dispatch.rotating`).
"""

from __future__ import annotations

import logging
import secrets as randomness
from typing import Final

from gateway.checkpoints import reached
from gateway.clock import Clock, format_time
from gateway.domain.ids import new_id
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret, check_imported, new_secret
from gateway.domain.webhook import SecretRotate, Webhook
from gateway.errors import Conflict, InvalidRequest, NotFound, Overloaded
from gateway.manage.webhooks import end_rotation
from gateway.store import organizations, rotations, webhooks
from gateway.store.directory import OrgView
from gateway.store.store import Store
from gateway.store.transaction import Announce, Transaction

log = logging.getLogger("gateway.rotations")

LOOK_EVERY_SECONDS: Final = 5.0
FORGET_EVERY_SECONDS: Final = 3600.0


async def rotate(
    tx: Transaction, org: OrgView, webhook_id: str, request: SecretRotate, announce: Announce, now: int
) -> tuple[Webhook, Secret]:
    """The webhook and its new secret, in the clear. Raises Conflict while a rotation is under way, unless
    that is forced."""
    before = await _found(tx, org, webhook_id)
    running = before.rotating(now)
    if running is not None and not request.force:
        raise Conflict(
            f"a rotation is under way until {format_time(running.ends_at)}: finish it first, or force this",
            code="rotation_in_progress",
        )
    fresh = _new_secret(request.secret, before, now)
    rotation = _rotation(before, fresh, request.grace_period_seconds, now)
    ends = {secret.id: now for secret in before.live_secrets(now)} | {
        rotation.old_secret_id: rotation.ends_at
    }
    ended = before.with_secrets_ended(ends)
    after = ended.changed(
        secrets=(*ended.secrets, fresh),
        rotation=None if rotation.over(now) else rotation,
        revision_id=new_id("rev", now),
        updated_at=now,
    )
    cipher = org.organization.cipher
    await webhooks.change(tx, cipher, after, new_revision=True, new_secrets=[fresh])
    await rotations.end_secrets(tx, ends)
    await rotations.end(tx, webhook_id)
    if after.rotation is not None:
        await rotations.start(tx, org.id, webhook_id, rotation)
    await announce(tx, org.id, "secret.rotated", _told(webhook_id, rotation))
    reached("rotation.before_commit")
    tx.on_commit(lambda: reached("rotation.after_commit"))
    return after, fresh


async def finish(tx: Transaction, org: OrgView, webhook_id: str, now: int) -> Webhook:
    """Ends the grace period: from now on the new secret alone signs. Without one, nothing changes."""
    before = await _found(tx, org, webhook_id)
    if before.rotating(now) is None:
        return before
    after = (await end_rotation(tx, before, now)).changed(updated_at=now)
    await webhooks.change(tx, org.organization.cipher, after, new_revision=False)
    return after


async def watch(store: Store, announce: Announce, clock: Clock) -> None:
    """Until cancelled. What was missed while nobody looked is done at the first look."""
    next_forgetting = 0.0
    while True:
        try:
            await look(store, announce, clock.now())
            if clock.monotonic() >= next_forgetting:
                await forget_secrets(store, clock.now())
                next_forgetting = clock.monotonic() + FORGET_EVERY_SECONDS
        except Overloaded as problem:
            log.warning("put off: %s", problem.message)
        except Exception:
            log.exception("looking after rotations failed")
        await clock.sleep(LOOK_EVERY_SECONDS)


async def look(store: Store, announce: Announce, now: int) -> None:
    """Warns where the new secret was never accepted, and clears away what is over."""
    async with store.looking_up() as conn:
        due = await rotations.to_look_at(conn, now)
    for org_id, webhook_id in due:
        async with store.transaction() as tx:
            await organizations.lock(tx.conn, org_id)
            rotation = await rotations.find(tx.conn, webhook_id)
            if rotation is not None:  # nobody else was quicker
                await _look_at(tx, org_id, webhook_id, rotation, announce, now)


async def forget_secrets(store: Store, now: int) -> int:
    """Deletes secrets a day after their end: until then they are masked in answers. Returns how many."""
    async with store.looking_up() as conn:
        org_ids = await rotations.organizations_with_ended_secrets(conn, now)
    forgotten = 0
    for org_id in org_ids:
        async with store.transaction() as tx:
            await organizations.lock(tx.conn, org_id)
            forgotten += await rotations.forget_secrets(tx, org_id, now)
    return forgotten


async def _look_at(
    tx: Transaction, org_id: str, webhook_id: str, rotation: Rotation, announce: Announce, now: int
) -> None:
    if rotation.to_be_warned_of(now):
        data = _told(webhook_id, rotation) | {"takes": rotation.takes}
        await announce(tx, org_id, "webhook.rotation_unconfirmed", data)
        await rotations.warned(tx.conn, webhook_id, now)
    if rotation.over(now):
        await rotations.end(tx, webhook_id)
        tx.touch(org_id)


async def _found(tx: Transaction, org: OrgView, webhook_id: str) -> Webhook:
    # The organization first, as in every change of a webhook: else two changes wait for each other.
    await organizations.lock(tx.conn, org.id)
    webhook = await webhooks.find(tx.conn, org.organization.cipher, org.id, webhook_id, lock=True)
    if webhook is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return webhook


def _new_secret(given: str | None, webhook: Webhook, now: int) -> Secret:
    if given is None:
        return Secret(new_id("sec", now), new_secret(randomness.token_bytes), now)
    check_imported(given)
    if any(secret.value == given for secret in webhook.live_secrets(now)):
        raise InvalidRequest.field("secret", "is one of the webhook's secrets already")
    return Secret(new_id("sec", now), given, now, imported=True)


def _rotation(before: Webhook, fresh: Secret, grace_seconds: int, now: int) -> Rotation:
    """The old secret is the one that signs; where one rotation follows another, the one that the receiver
    took last, which is the older one as long as it took none."""
    running = before.rotating(now)
    if running is not None:
        old = running.secret_id(running.takes or "old")
    else:
        old = before.live_secrets(now)[-1].id
    return Rotation(old, fresh.id, now, now + grace_seconds * 1000)


def _told(webhook_id: str, rotation: Rotation) -> dict[str, str | None]:
    return {
        "webhook_id": webhook_id,
        "started_at": format_time(rotation.started_at),
        "ends_at": format_time(rotation.ends_at),
    }
