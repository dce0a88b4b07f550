"""`/api/console-links`: a way into the console for somebody who has no key."""

from __future__ import annotations

from typing import Final

from gateway.clock import format_time
from gateway.domain.console import LONGEST_LINK_SECONDS, Entry, LinkCreate
from gateway.errors import Forbidden
from gateway.manage import console
from gateway.web import answers
from gateway.web.api.keys import may_give_role
from gateway.web.call import Answer, Call
from gateway.web.operation import Operation


async def create_console_link(call: Call) -> Answer:
    request: LinkCreate = call.model
    _may_let_in(call, request.role)
    services, principal, org_id = call.services, call.principal, call.the_org.id
    entry = Entry(principal.key, principal.key_id, org_id, request.role, request.actor)
    async with services.transaction() as tx:
        link, token = await console.make_link(tx, request, entry, services.clock.now())
    call.audit.details = {"role": request.role, "for": request.actor}
    shown: answers.ConsoleLink = {
        "url": f"{services.public_url()}/console/enter/{token}",
        "org_id": org_id,
        "role": request.role,
        "actor": request.actor,
        "expires_at": format_time(link.expires_at),
    }
    return Answer(shown, 201)


def _may_let_in(call: Call, role: str) -> None:
    """Raises Forbidden when whoever enters could do what the platform key that makes the link cannot."""
    may_give_role(call, role)
    missing = _EVERY_ROLE_BRINGS - call.principal.scopes if call.principal.platform else ()
    if missing:
        raise Forbidden(f"the role {role} brings what this key has not: " + ", ".join(sorted(missing)))


_EVERY_ROLE_BRINGS: Final = {"manage", "callers:resolve"}

OPERATIONS = (
    Operation(
        "POST", "/api/console-links", "createConsoleLink", create_console_link, "admin", console.SCOPE,
        "write", "Make a link that lets somebody into the console, once.", model=LinkCreate, org="one",
        answers={201: answers.ConsoleLink},
        note="For your own users: make it when they ask for it, and send their browser there. Whoever opens "
        "it is in the organization's console, with the role, for up to twelve hours, one without use; the "
        "audit log calls them by `actor`. The link opens once, within `expires_in` seconds (at most "
        f"{LONGEST_LINK_SECONDS}), and whoever is inside by it is out when the key that made it is revoked. "
        "Nobody gives more than they have: a platform key needs `manage`, `callers:resolve` and "
        "`payload:read` besides `console`, and `events:write` for operator and admin. Whoever is inside by a "
        "link makes neither keys nor links: these would outlast the key behind theirs.",
        for_guests=False,
    ),
)  # fmt: skip
