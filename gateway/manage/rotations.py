"""Rotating a webhook's signing secret, and ending that early; and for all rotations, what is due while they
last: the warning, the end, and forgetting secrets that have ended.

How a rotation begins and ends is in `manage.secrets`. Which secret leads and what the receiver takes is the
dispatcher's business (`dispatch.rotating`).
"""

from __future__ import annotations

import logging
from typing import Final

from gateway.checkpoints import reached
from gateway.clock import Clock
from gateway.domain.addressee import kind_of
from gateway.domain.rotation import Rotation
from gateway.domain.secret import Secret, check_imported
from gateway.domain.webhook import SecretRotate, Webhook
from gateway.errors import NotFound, Overloaded
from gateway.manage.secrets import begin, end_rotation, refuse_while_rotating, replacement, told, write
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
    if not request.force:
        refuse_while_rotating(before, now)
    fresh = replacement(request.secret, check_imported, before, now)
    begun = begin(before, fresh, request.grace_period_seconds, now)
    cipher = org.organization.cipher
    await webhooks.change(tx, cipher, begun.after, new_revision=True, new_secrets=[fresh])
    await write(tx, begun)
    await announce(tx, org.id, "secret.rotated", told(webhook_id, begun.rotation))
    reached("rotation.before_commit")
    tx.on_commit(lambda: reached("rotation.after_commit"))
    return begun.after, fresh


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
    for org_id, target_id in due:
        async with store.transaction() as tx:
            await organizations.lock(tx.conn, org_id)
            rotation = await rotations.find(tx.conn, target_id)
            if rotation is not None:  # nobody else was quicker
                await _look_at(tx, org_id, target_id, rotation, announce, now)


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
    tx: Transaction, org_id: str, target_id: str, rotation: Rotation, announce: Announce, now: int
) -> None:
    if rotation.to_be_warned_of(now):
        await _warn(tx, org_id, target_id, rotation, announce)
        await rotations.warned(tx.conn, target_id, now)
    if rotation.over(now):
        await rotations.end(tx, target_id)
        tx.touch(org_id)


async def _warn(tx: Transaction, org_id: str, target_id: str, rotation: Rotation, announce: Announce) -> None:
    """Of a webhook as an event, where that is named; of any in the log."""
    if kind_of(target_id) == "webhook":
        data = told(target_id, rotation) | {"takes": rotation.takes}
        await announce(tx, org_id, "webhook.rotation_unconfirmed", data)
    log.warning("the new secret was not accepted yet", extra={"org": org_id, "target": target_id})


async def _found(tx: Transaction, org: OrgView, webhook_id: str) -> Webhook:
    # The organization first, as in every change of a webhook: else two changes wait for each other.
    await organizations.lock(tx.conn, org.id)
    webhook = await webhooks.find(tx.conn, org.organization.cipher, org.id, webhook_id, lock=True)
    if webhook is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return webhook
