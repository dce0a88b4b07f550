"""Organizations: how long their things are kept; erasing all of it, or one person."""

from __future__ import annotations

from typing import Unpack

from gateway.client.call import call, listing
from gateway.client.request import Listing, Request, segment
from gateway.client.types import Erasure, ErasureSettings, LookupTest, Organization, OrganizationSettings


class OrganizationCalls:
    @listing
    def list_organizations(self, *, limit: int | None = None) -> Listing[Organization]:
        """All of them for a platform key, the own one for another.

        [found["id"] for found in client.list_organizations() if found["erased_at"] is None]
        """
        return Listing("/api/organizations", limit=limit)

    @call
    def get_organization(self, org_id: str) -> Request[Organization]:
        """One organization.

        client.get_organization("acme")["retention_days"]
        """
        return Request("GET", f"/api/organizations/{segment(org_id)}")

    @call
    def update_organization(
        self, org_id: str, **changes: Unpack[OrganizationSettings]
    ) -> Request[Organization]:
        """Merge patch: None gives the default back.

        client.update_organization("acme", retention_days=90)
        """
        return Request("PATCH", f"/api/organizations/{segment(org_id)}", json=changes)

    @call
    def test_lookups(self, org_id: str) -> Request[LookupTest]:
        """Whether the provider of telephone data answers and takes the account; it costs nothing.

        client.test_lookups("acme")["ok"]
        """
        return Request("POST", f"/api/organizations/{segment(org_id)}/test-lookups")

    @call
    def erase_organization(self, org_id: str) -> Request[None]:
        """For good: nothing brings it back, and its id is never used again.

        client.erase_organization("acme")
        """
        return Request("DELETE", f"/api/organizations/{segment(org_id)}")

    @call
    def erase_person(self, **person: Unpack[ErasureSettings]) -> Request[Erasure]:
        """Erases what names a number; answers when it is gone. With `dry_run` it only counts.

        client.erase_person(phone="+13175550142", dry_run=True)["matched"]
        """
        return Request("POST", "/api/erasures", json=person)
