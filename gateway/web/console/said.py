"""What a page says after something was done; an address carries only the name of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAID: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "connector_created": "The connector is registered.",
    "connector_changed": "The connector is changed.",
    "connector_rotated": "The connector has the secret that you brought along.",
    "connector_enabled": "The connector is enabled.",
    "connector_disabled": "The connector is disabled.",
    "connector_rotation_finished": "The rotation is over: the new secret alone counts.",
    "connector_deleted": "The connector is deleted.",
    "connector_ordered": "It is ordered, and goes on by itself.",
    "contact_saved": "It is kept.",
    "contact_taken_back": "It is taken back: what others say of it counts again.",
    "contact_refreshed": "Every source has answered.",
    "contact_unknown": "Nobody knows the number.",
    "contact_merged": "The two are one contact.",
    "contact_deleted": "The contact is deleted.",
    "person_erased": "The person is erased: nothing here names their numbers any more.",
    "backfill_ordered": "It is ordered, and goes on by itself.",
    "settings_kept": "The settings are kept.",
    "organization_erased": "The organization is erased.",
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
