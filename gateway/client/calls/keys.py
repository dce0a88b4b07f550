"""API keys, of organizations and of the platform, and links into the console."""

from __future__ import annotations

from typing import Unpack

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import ApiKey, ConsoleLink, ConsoleLinkSettings, KeySettings, NewApiKey


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

    @call
    def create_console_link(self, **link: Unpack[ConsoleLinkSettings]) -> Request[ConsoleLink]:
        """A link that lets somebody without a key into the organization's console, once.

        client.create_console_link(role="operator", actor="Ada at the front desk")["url"]
        """
        return Request("POST", "/api/console-links", json=link)
