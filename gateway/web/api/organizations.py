"""`/api/organizations`: how long things are kept, and erasing all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Slices
from gateway.domain import lookup_account
from gateway.domain.bounds import MOST_DETAILS
from gateway.domain.job import LookupsTest
from gateway.domain.organization_settings import OrganizationUpdate, number_mistakes
from gateway.errors import Detail, InvalidRequest, NotFound
from gateway.manage import organizations as manage
from gateway.store import number_lookups
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
        found = await _shown(call, conn, page.rows)
    return list_answer(found, page.next_cursor)


async def get_organization(call: Call) -> Answer:
    view = _named(call)
    async with call.reading() as conn:
        [found] = await _shown(call, conn, [await rows.row(conn, view.id)])
    return Answer(found)


async def update_organization(call: Call) -> Answer:
    view = _named(call)
    await _check_numbers(call, view)
    async with call.services.transaction() as tx:
        row = await manage.update(tx, view.organization, call.model, platform=call.principal.platform)
        [found] = await _shown(call, tx.conn, [row])
    call.audit.details = {"retention_days": row.retention_days}
    return Answer(found)


async def test_lookups(call: Call) -> Answer:
    tested = await call.services.account_tests.run(_named(call), platform=call.principal.platform)
    failed = tested.failed
    content: answers.LookupTest = {
        "ok": failed is None,
        "account": tested.account,
        "status_code": tested.status_code,
        "duration_ms": tested.duration_ms,
        "error": failed.error if failed else None,
        "error_detail": failed.detail if failed else "",
        "provider_code": failed.code if failed else None,
    }
    return Answer(content)


async def _check_numbers(call: Call, view: OrgView) -> None:
    wrong: list[Detail] = []
    slices = Slices(call.services.clock)
    for mistake in number_mistakes(call.model.own_numbers or (), view.organization.settings):
        await slices.rest()
        if mistake is not None:
            wrong.append(mistake)
        if len(wrong) == MOST_DETAILS:
            break
    if wrong:
        raise InvalidRequest(f"{wrong[0].field}: {wrong[0].message}", details=wrong)


async def erase_organization(call: Call) -> Answer:
    view = _named(call)
    async with call.services.transaction() as tx:
        await manage.erase(tx, view.id, call.services.clock.now())
    # Its own log goes with it; that it was erased is remembered by the platform's.
    call.audit.org_id = rows.PLATFORM
    return Answer(status=204)


async def _shown(call: Call, conn: AsyncConnection, found: Sequence[Row[Any]]) -> list[answers.Organization]:
    """The organizations as they are shown, each with what it has used of the day's lookups."""
    services = call.services
    used = await number_lookups.used_by(conn, [row.id for row in found], services.clock.now())
    account, usual = services.lookup_account, services.lookup_lifetimes
    return [
        shapes.organization(row, used.get(row.id, 0), platform_account=account, usual=usual) for row in found
    ]


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
        "POST", "/api/organizations/{id}/test-lookups", "testLookups", test_lookups, "operator", "manage",
        "write", "See whether the provider of telephone data answers and takes the account.",
        model=LookupsTest, org="one", waits=True, answers={200: answers.LookupTest},
        note="One question that costs nothing and is charged to no budget, in the account that the "
        "organization's lookups are charged to. It goes also while the provider is spared because it did not "
        "answer, and when it is answered, that is over on this node: in the installation's account for a "
        "platform key only. One at a time and 5 a second for an organization, 2 a second for all together in "
        "the installation's account, then 429.",
    ),
    Operation(
        "DELETE", "/api/organizations/{id}", "eraseOrganization", erase_organization, "admin", "manage",
        "write", "Erase an organization, for good.", org="one", answers={204: None},
        note="At once its keys are revoked, nothing of it is sent any more, and what is stored of it cannot "
        "be read, because the key that it is encrypted with is gone. Its rows are removed in the background. "
        "Its id is never used again: requests for it are answered 410. Nothing brings it back.",
    ),
)  # fmt: skip
