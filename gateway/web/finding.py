"""The organization that a request is about: found, or made by its first write; and for a request that must be
answered in time, not waited for any longer than that."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from gateway.errors import Overloaded, Problem
from gateway.store.directory import OrgView
from gateway.store.organizations import PLATFORM
from gateway.web import auth
from gateway.web.call import Call, Services

if TYPE_CHECKING:
    from gateway.web.operation import Operation

log = logging.getLogger("gateway.http")

Found = tuple[OrgView, bool]
"""The organization, and whether it was made."""


class Finding:
    """Finds them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._behind: dict[str, asyncio.Task[Found]] = {}

    async def find(self, operation: Operation, call: Call) -> bool:
        """Puts the organization into the call; True when it was made for it. Raises Problem."""
        if operation.org == "none":
            return False
        if operation.org == "platform" or (
            operation.of_platform and auth.names_all(call.principal, call.headers)
        ):
            call.org_id, call.org = PLATFORM, await self._services.directory.living(PLATFORM)
            return False
        if operation.org == "optional" and call.principal.platform and "x-hum-org" not in call.headers:
            return False
        over_all = operation.kind == "read" and operation.org == "required"
        call.org_id = auth.organization_of(call.principal, call.headers, reading=over_all)
        if call.org_id == auth.ALL_ORGS:
            return False
        call.org = self._services.directory.known(call.org_id)
        if call.org is not None and call.org.organization.erased_at is None:
            return False
        if operation.in_time is None:
            call.org, created = await self._look(operation, call.org_id)
            return created
        return await self._in_time(operation, call, call.org_id, operation.in_time(call))

    async def _look(self, operation: Operation, org_id: str) -> Found:
        directory = self._services.directory
        if operation.makes and self._services.create_orgs:
            return await directory.ensure(org_id)
        return await directory.living(org_id), False

    async def _in_time(self, operation: Operation, call: Call, org_id: str, ends: float) -> bool:
        """One search for all who ask meanwhile. It goes on behind the answer, for the next ones."""
        task, first = self._behind.get(org_id), False
        if task is None:
            first = True
            task = self._behind[org_id] = asyncio.create_task(self._look(operation, org_id), name="find")
            task.add_done_callback(lambda done: self._over(org_id, done))
        await asyncio.wait((task,), timeout=max(ends - self._services.clock.monotonic(), 0))
        call.org = None
        if not task.done() or isinstance(task.exception(), Overloaded):
            return False
        call.org, created = task.result()
        return created and first

    def _over(self, org_id: str, done: asyncio.Task[Found]) -> None:
        self._behind.pop(org_id, None)
        if not done.cancelled() and isinstance(problem := done.exception(), Problem):
            log.debug("an organization is not found in time: %s", problem.code)
