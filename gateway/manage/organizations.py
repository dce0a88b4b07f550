"""What can be done to an organization: change how long its things are kept, and erase it."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import InvalidRequest
from gateway.store import api_keys, organizations
from gateway.store.transaction import Transaction

SHORTEST_DAYS: Final = 7
LONGEST_DAYS: Final = 365
DEFAULT_DAYS: Final = 30


class OrganizationUpdate(BaseModel):
    """`PATCH /api/organizations/{id}`: a merge patch; null gives a field its default back."""

    model_config = ConfigDict(extra="forbid", strict=True)

    retention_days: Annotated[int, Field(ge=SHORTEST_DAYS, le=LONGEST_DAYS)] | None = None


async def update(tx: Transaction, org_id: str, request: OrganizationUpdate) -> None:
    """What is older than a shorter retention goes with the next housekeeping."""
    if not request.model_fields_set:
        raise InvalidRequest.field("", "name what is to change: retention_days")
    days = request.retention_days
    await organizations.keep_for(tx, org_id, DEFAULT_DAYS if days is None else days)


async def erase(tx: Transaction, org_id: str, now: int) -> None:
    """From the commit on nobody can read or send anything of the organization; `manage.removal` takes its
    rows away afterwards."""
    await organizations.lock_living(tx.conn, org_id)
    await api_keys.revoke_all(tx, org_id, now)
    await organizations.mark_erased(tx, org_id, now)
