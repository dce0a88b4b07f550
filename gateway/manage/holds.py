"""Ending the hold that a receiver has asked for with Retry-After: by a person, or when it has no object left.

A hold is a word between a receiver and this gateway. At another origin there is another receiver, which has
asked for nothing; and who enables a target says "now".
"""

from __future__ import annotations

from gateway.domain import url as urls
from gateway.domain.addressee import Addressee
from gateway.store import deliveries, health, lanes
from gateway.store.transaction import Transaction


async def end(tx: Transaction, target: Addressee, now: int) -> int | None:
    """Ends the target's hold: what was told to wait for its end is due now. Until when it would have lasted
    (ms); None when there was none."""
    until = await lanes.release(tx.conn, target.id, now)
    if until is not None:
        await deliveries.wake_held(tx.conn, target.id, until, now)
        tx.touch(target.org_id)  # so that every node looks
    return until


async def after_change(tx: Transaction, before: Addressee, after: Addressee, now: int) -> None:
    """What a person's change of the target means for what it is owed: enabled anew it gets that at once, with
    its past forgotten; no hold outlasts this, nor a change of origin."""
    enabled = after.enabled and not before.enabled
    if enabled:
        await health.recovered(tx.conn, after.id)
        await deliveries.wake_target(tx.conn, after.id, now)
    if enabled or urls.origin(after.url) != urls.origin(before.url):
        await end(tx, after, now)
