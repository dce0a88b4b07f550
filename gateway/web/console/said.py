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
}
