"""What can be done to an organization: change how long its things are kept and what it has set, and erase
it."""

from __future__ import annotations

from typing import Any

from sqlalchemy.engine import Row

from gateway.domain.lookup_account import refuse_budget
from gateway.domain.number_lookup import Credentials
from gateway.domain.organization_settings import (
    DEFAULT_DAYS,
    OrganizationUpdate,
    RetentionUpdate,
    loaded,
    patched,
)
from gateway.errors import InvalidRequest
from gateway.store import api_keys, console, organizations
from gateway.store.organizations import Organization
from gateway.store.transaction import Transaction


async def update(tx: Transaction, org: Organization, request: RetentionUpdate, *, platform: bool) -> Row[Any]:
    """Changes what the request names; the organization's row as it is then. What is older than a shorter
    retention goes with the next housekeeping. `platform`: the operator asks. Raises Forbidden for a budget
    that is the operator's to give."""
    org_id, named = org.id, request.model_fields_set
    if not named:
        known = ", ".join(OrganizationUpdate.model_fields)
        raise InvalidRequest.field("", f"name what is to change: {known}")
    if named & {"lookup_budget", "lookup_credentials"}:
        _refuse_budget(await organizations.row(tx.conn, org_id), request, platform=platform)
    if "retention_days" in named:
        days = request.retention_days
        await organizations.keep_for(tx, org_id, DEFAULT_DAYS if days is None else days)
    if "lookup_credentials" in named:
        given = request.lookup_credentials
        account = None if given is None else Credentials(given.account_sid, given.auth_token)
        await organizations.set_lookup_credentials(tx, org.cipher, org_id, account)
    if named - {"retention_days", "lookup_credentials"}:
        standing = await organizations.row(tx.conn, org_id)
        await organizations.set_settings(tx, org_id, patched(standing.settings, request))
    return await organizations.row(tx.conn, org_id)


def _refuse_budget(standing: Row[Any], request: RetentionUpdate, *, platform: bool) -> None:
    """A budget that stands already is not raised by naming it; but whoever takes its own account away must
    not leave one to the installation's that only an own account may have."""
    had, own = standing.lookup_credentials is not None, standing.lookup_credentials is not None
    before = budget = loaded(standing.settings).lookup_budget
    if "lookup_credentials" in request.model_fields_set:
        own = request.lookup_credentials is not None
    if "lookup_budget" in request.model_fields_set:
        budget = getattr(request, "lookup_budget")  # noqa: B009
    if had or (budget or 0) > (before or 0):
        refuse_budget(budget, own_account=own, platform=platform)


async def erase(tx: Transaction, org_id: str, now: int) -> None:
    """From the commit on nobody can read or send anything of the organization; `manage.removal` takes its
    rows away afterwards."""
    await organizations.lock_living(tx.conn, org_id)
    await api_keys.revoke_all(tx, org_id, now)
    await console.end_all(tx.conn, org_id)
    await organizations.mark_erased(tx, org_id, now)
