"""What a page says after something was done; an address carries only the name of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAID: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "over": "You were signed out: the session is over, or its key does not count any more.",
    "redelivered": "It is sent once more: this is the new delivery.",
    "delivery_cancelled": "The delivery is cancelled.",
    "event_accepted": "The event is accepted, and durable with every delivery that it makes.",
    "key_revoked": "The key is revoked: it is refused everywhere within a second or so.",
    "webhook_made": "The webhook is made. It signs with the secret that you brought along.",
    "webhook_changed": "The change is made.",
    "nothing_changed": "Nothing was changed.",
    "webhook_enabled": "The webhook is enabled.",
    "webhook_disabled": "The webhook is disabled: it makes no deliveries until it is enabled.",
    "webhook_released": "The hold is ended: what was held is sent, one request first.",
    "not_held": "The webhook was not held.",
    "webhook_deleted": "The webhook is deleted. Its deliveries stay in the history.",
    "secret_rotated": "The secret is the one that you brought along.",
    "rotation_finished": "The rotation is finished: the old secret signs nothing more.",
    "job_ordered": "Ordered: this job does it.",
    "job_cancelled": "The job ends in a moment.",
}
