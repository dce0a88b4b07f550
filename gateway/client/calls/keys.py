"""API keys, of organizations and of the platform."""

from __future__ import annotations

from typing import Unpack

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import ApiKey, KeySettings, NewApiKey


class KeyCalls:
    @call
    def create_key(self, **key: Unpack[KeySettings]) -> Request[NewApiKey]:
        """The key with its text, `key`, which no other call shows: of an organization with a role, or with
        `platform` and scopes for HUM's core.

            client.create_key(role="viewer", name="dashboard", expires_in=90 * 86400)["key"]
        """
        return Request("POST", "/api/keys", json=key)

    @listing
    def list_keys(self, *, limit: int | None = None) -> Listing[ApiKey]:
        """Without their text.

        [key["hint"] for key in client.list_keys() if key["revoked_at"] is None]
        """
        return Listing("/api/keys", limit=limit)

    @call
    def revoke_key(self, key_id: str) -> Request[None]:
        """Refused everywhere within a second or so.

        client.revoke_key("key_01k9…")
        """
        return Request("DELETE", f"/api/keys/{segment(key_id)}")
