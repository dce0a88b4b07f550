"""What becomes an entry of the audit log: read from an operation's declaration, so that none is forgotten.

Every write leaves one entry, in the transaction of the write: the action is the operation's id, the object
comes from the path or the answer, the details are the names of the fields that were given. A handler that
shows a payload says so with `call.audit.payload`, and who read it is noted. Accepting events is not noted one
by one (an event is its own record), and refused requests go into the log of the process: the chain is not a
place that anybody without rights can fill.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from starlette.types import Scope

from gateway.domain.audit import Deed, Who
from gateway.errors import Problem
from gateway.store import audit, organizations
from gateway.store.transaction import Transaction
from gateway.web.call import Answer, Call

if TYPE_CHECKING:
    from gateway.web.operation import Operation

log = logging.getLogger("gateway.audit")

_SINGULAR: Final = {
    "deliveries": "delivery",
    "audit": "audit_log",
    "connector-requests": "connector_request",
    "console-links": "console_link",
}


async def perform(operation: Operation, call: Call) -> Answer:
    """Does the operation's work; what it changes is committed together with its entry."""
    if operation.kind == "read":
        return await _read(operation, call)
    if not operation.audited:
        return await operation.handler(call)
    if operation.waits:
        answer = await operation.handler(call)
        async with call.changing() as tx:
            await _write(tx, operation, call, answer)
        return answer
    async with call.changing() as tx:
        call.services = call.services.inside(tx)
        if call.org is not None:
            # First, as everybody who changes an organization does: nobody then waits for the other.
            await organizations.lock_living(tx.conn, call.org.id)
        answer = await operation.handler(call)
        await _write(tx, operation, call, answer)
    return answer


async def _read(operation: Operation, call: Call) -> Answer:
    call.services.payload_reads.make_room()
    answer = await operation.handler(call)
    if call.audit.payload:
        call.services.payload_reads.note(_organization(call, answer), _deed(operation, call, answer))
    return answer


async def _write(tx: Transaction, operation: Operation, call: Call, answer: Answer) -> None:
    await audit.append(tx, _organization(call, answer), [_deed(operation, call, answer)])


def _deed(operation: Operation, call: Call, answer: Answer) -> Deed:
    details = dict(call.audit.details)
    given = sorted(call.model.model_fields_set) if call.model is not None else []
    if given:
        details = {"fields": given} | details
    return Deed(
        who(call),
        operation.id,
        _object_type(operation),
        call.audit.object_id or call.path.get("id") or _said(answer, "id"),
        call.services.clock.now(),
        details,
    )


def who(call: Call) -> Who:
    principal = call.principal
    return Who(principal.actor or principal.key_id, principal.key_id, call.address)


def _organization(call: Call, answer: Answer) -> str:
    """Whose chain it belongs to: what is about no organization is the platform's."""
    if call.audit.org_id is not None:
        return call.audit.org_id
    return call.org_filter or call.principal.org_id or _said(answer, "org_id") or organizations.PLATFORM


def _said(answer: Answer, name: str) -> str | None:
    content: Any = answer.content
    value = content.get(name) if isinstance(content, dict) else None
    return value if isinstance(value, str) else None


def _object_type(operation: Operation) -> str:
    nouns = [part for part in operation.path.split("/") if part not in ("", "api", "platform", "{id}")]
    return _SINGULAR.get(nouns[0], nouns[0].removesuffix("s"))


def refused(operation: Operation, scope: Scope, problem: Problem, request_id: str) -> None:
    """A request of somebody who may not make it, for the log of the process."""
    log.info(
        "refused",
        extra={
            "operation": operation.id,
            "error": problem.code,
            "key": scope.get("state", {}).get("key_id"),
            "address": address(scope),
            "request": request_id,
        },
    )


def address(scope: Scope) -> str | None:
    """The client's, as uvicorn knows it: behind a trusted proxy, what that says. None on a Unix socket."""
    client = scope.get("client")
    return client[0] if client and client[0] else None
