"""`/api/organizations`: how long things are kept, and erasing all of it."""

from __future__ import annotations

from gateway.domain import lookup_account
from gateway.domain.organization_settings import OrganizationUpdate
from gateway.errors import NotFound
from gateway.manage import organizations as manage
from gateway.store import organizations as rows
from gateway.store.directory import OrgView
from gateway.web import answers, shapes
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_query
from gateway.web.operation import Operation


async def list_organizations(call: Call) -> Answer:
    """An organization's key sees its own."""
    async with call.reading() as conn:
        page = await rows.page(conn, call.principal.org_id, await page_query(call, conn))
    return list_answer([shapes.organization(row) for row in page.rows], page.next_cursor)


async def get_organization(call: Call) -> Answer:
    view = _named(call)
    async with call.reading() as conn:
        row = await rows.row(conn, view.id)
    return Answer(shapes.organization(row))


async def update_organization(call: Call) -> Answer:
    view = _named(call)
    async with call.services.transaction() as tx:
        row = await manage.update(tx, view.organization, call.model, platform=call.principal.platform)
    call.audit.details = {"retention_days": row.retention_days}
    return Answer(shapes.organization(row))


async def erase_organization(call: Call) -> Answer:
    view = _named(call)
    async with call.services.transaction() as tx:
        await manage.erase(tx, view.id, call.services.clock.now())
    # Its own log goes with it; that it was erased is remembered by the platform's.
    call.audit.org_id = rows.PLATFORM
    return Answer(status=204)


def _named(call: Call) -> OrgView:
    """The organization in the path, which must be the one that the caller acts for."""
    if call.path["id"] != call.the_org.id:
        raise NotFound("there is no such organization, or it is not the one this key acts for")
    return call.the_org


OPERATIONS = (
    Operation(
        "GET", "/api/organizations", "listOrganizations", list_organizations, "viewer", "manage", "read",
        "All organizations; a key of one sees that one.", org="none", query=PAGE_PARAMETERS,
        answers={200: answers.OrganizationList}, note="Those that were erased are listed, too.",
    ),
    Operation(
        "GET", "/api/organizations/{id}", "getOrganization", get_organization, "viewer", "manage", "read",
        "One organization.", org="one", answers={200: answers.Organization},
    ),
    Operation(
        "PATCH", "/api/organizations/{id}", "updateOrganization", update_organization, "admin", "manage",
        "write", "Change how long an organization's things are kept, and its settings.",
        model=OrganizationUpdate, org="one", answers={200: answers.Organization},
        errors=(lookup_account.CODE,),
        note="What is not named stays; null gives a field its default back. What is older than the new "
        "retention goes within the hour. What is gone does not come back. "
        "Without an own account only a platform key may raise `lookup_budget` above 1,000.",
    ),
    Operation(
        "DELETE", "/api/organizations/{id}", "eraseOrganization", erase_organization, "admin", "manage",
        "write", "Erase an organization, for good.", org="one", answers={204: None},
        note="At once its keys are revoked, nothing of it is sent any more, and what is stored of it cannot "
        "be read, because the key that it is encrypted with is gone. Its rows are removed in the background. "
        "Its id is never used again: requests for it are answered 410. Nothing brings it back.",
    ),
)  # fmt: skip
