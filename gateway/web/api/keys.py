"""`/api/keys`."""

from __future__ import annotations

from gateway.domain.event import is_org_id
from gateway.errors import Forbidden, InvalidRequest
from gateway.manage import keys as manage
from gateway.manage.keys import KeyCreate
from gateway.store import api_keys, organizations
from gateway.web import answers, shapes
from gateway.web.auth import ALL_ORGS
from gateway.web.call import Answer, Call
from gateway.web.lists import PAGE_PARAMETERS, list_answer, page_query
from gateway.web.operation import Operation


async def create_key(call: Call) -> Answer:
    request: KeyCreate = call.model
    org_id = _organization(call, request.org_id)
    if request.platform:
        _may_make_platform_key(call, request)
    manage.check(request, org_id)
    if not request.platform:
        may_give_role(call, request.role)
    services = call.services
    now = services.clock.now()
    async with services.transaction() as tx:
        if org_id is not None and not services.create_orgs:
            await services.directory.living_inside(tx.conn, org_id)
        if org_id is not None and not request.platform:
            await organizations.create(tx, services.store.keys, org_id, now)
        key, token = await manage.create(tx, request, org_id, now)
    return Answer(shapes.api_key(key) | {"key": token}, 201)


async def list_keys(call: Call) -> Answer:
    everywhere = call.principal.platform and call.headers.get("x-hum-org") in (None, ALL_ORGS)
    async with call.reading() as conn:
        org_id = _organization(call, None)
        found, cursor = await api_keys.page(conn, org_id, await page_query(call, conn), everywhere=everywhere)
    return list_answer([shapes.api_key(key) for key in found], cursor)


async def revoke_key(call: Call) -> Answer:
    async with call.services.transaction() as tx:
        call.audit.org_id = await api_keys.organization_of(tx.conn, call.path["id"])
        await manage.revoke(
            tx,
            call.path["id"],
            call.principal.org_id,
            call.services.clock.now(),
            everywhere=call.principal.platform,
        )
    return Answer(status=204)


def _organization(call: Call, named: str | None) -> str | None:
    """The organization that a key is for: the caller's own, or the one a platform key names."""
    own = call.principal.org_id
    header = call.headers.get("x-hum-org")
    wanted = named or (header if header != ALL_ORGS else None)
    if own is not None:
        if wanted is not None and wanted != own:
            raise Forbidden("this key belongs to another organization", code="wrong_organization")
        return own
    if wanted is not None and not is_org_id(wanted):
        raise InvalidRequest.field("org_id", "must be 1 to 64 characters of A-Z a-z 0-9 _ . -")
    return wanted


def _may_make_platform_key(call: Call, request: KeyCreate) -> None:
    """Nobody gives away more than they have."""
    if not call.principal.platform:
        raise Forbidden("only a platform key may make a platform key")
    wanted = set(request.scopes or manage.DEFAULT_SCOPES)
    wanted = set(manage.SCOPES) if "all" in wanted else wanted
    missing = wanted - call.principal.scopes
    if missing:
        raise Forbidden("a key cannot give scopes that it has not: " + ", ".join(sorted(missing)))


_ROLE_BRINGS = {
    "viewer": {"payload:read"},
    "operator": {"payload:read", "events:write"},
    "admin": {"payload:read", "events:write"},
}


def may_give_role(call: Call, role: str | None) -> None:
    """Raises Forbidden when a platform key would give more than it has."""
    if not call.principal.platform:
        return
    missing = _ROLE_BRINGS[role or "admin"] - call.principal.scopes
    if missing:
        raise Forbidden(f"the role {role} brings what this key has not: " + ", ".join(sorted(missing)))


OPERATIONS = (
    Operation(
        "POST", "/api/keys", "createKey", create_key, "admin", "manage", "write",
        "Make an API key; its text is shown this once.", model=KeyCreate, org="none", for_guests=False,
        answers={201: answers.NewApiKey}, headers=("X-HUM-Org",), errors=("organization_unknown",),
        note="Either a key of an organization, with a role, or a platform key, with scopes. Nobody gives "
        "more than they have: every role reads payloads, so a platform key needs `payload:read` to make one, "
        "and `events:write` too for operator and admin.",
    ),
    Operation(
        "GET", "/api/keys", "listKeys", list_keys, "admin", "manage", "read", "All keys, without their text.",
        org="none", query=PAGE_PARAMETERS, answers={200: answers.KeyList}, headers=("X-HUM-Org",),
    ),
    Operation(
        "DELETE", "/api/keys/{id}", "revokeKey", revoke_key, "admin", "manage", "write",
        "Revoke a key; it is refused everywhere within a second or so.", org="none", answers={204: None},
    ),
)  # fmt: skip
