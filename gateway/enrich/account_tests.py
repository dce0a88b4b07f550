"""Testing the account for lookups of numbers because a person asked for it: one question now, which costs
nothing and is charged to no budget.

It asks whether a number exists that belongs to nobody, and of it nothing that is sold. It goes also while the
provider is spared because it did not answer, and what comes of it counts for that: in the installation's
account only when the operator asks, for it is everybody's.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, Literal

from gateway.domain.pace import Pace
from gateway.domain.room import Room
from gateway.enrich.lookups import Lookups
from gateway.errors import RateLimited
from gateway.lookup.provider import Failed
from gateway.store.directory import OrgView

log = logging.getLogger("gateway.callers")

NUMBER: Final = "+12025550100"
"""Kept free for stories and tests: nobody's."""

MOST_PER_SECOND: Final = 5
MOST_IN_SHARED_PER_SECOND: Final = 2  # of all organizations, in the installation's account
MOST_AT_ONCE: Final = 32

_QUIET: Final = Failed("rate_limited", "it was not asked: it has answered 429 and wants to be left alone")
_NO_ACCOUNT: Final = Failed(
    "no_credentials",
    "there is no account: give the organization one (lookup_credentials), or ask the operator",
)

Account = Literal["own", "installation"]


@dataclass(frozen=True, slots=True)
class Tested:
    """What came of it. `account`: whose was asked for; None: there is none. `failed` None: it is good."""

    account: Account | None
    duration_ms: int
    failed: Failed | None = None

    @property
    def status_code(self) -> int | None:
        """What the provider answered; None when it did not."""
        return 200 if self.failed is None else self.failed.status


class AccountTests:
    """On this node one at a time of an organization, a few a second; fewer in an account that is shared."""

    def __init__(self, lookups: Lookups) -> None:
        self._lookups = lookups
        self._under_way: set[str] = set()
        self._room = Room(MOST_AT_ONCE)
        self._pace = Pace(MOST_PER_SECOND, lookups.clock.monotonic)
        self._shared = Pace(MOST_IN_SHARED_PER_SECOND, lookups.clock.monotonic)

    async def run(self, org: OrgView, *, platform: bool) -> Tested:
        """Asks in the account that the organization's lookups are charged to. `platform`: the operator asks.
        Returns when the provider has answered, or its time is over. Raises RateLimited."""
        with self._place(org.id):
            tested = await self._ask(org, platform)
        extra = {
            "org": org.id, "outcome": tested.failed.error if tested.failed else "ok",
            "duration_ms": tested.duration_ms,
        }  # fmt: skip
        log.info("an account for lookups was tested", extra=extra)
        return tested

    async def _ask(self, org: OrgView, platform: bool) -> Tested:
        lookups, clock = self._lookups, self._lookups.clock
        credentials = lookups.credentials(org)
        if credentials is None:
            return Tested(None, 0, _NO_ACCOUNT)
        whose: Account = "installation" if org.organization.lookup_credentials is None else "own"
        if whose == "installation" and not self._shared.allows(whose):
            raise RateLimited("too many tests of the installation's account", retry_after=1)
        account, begun, answer = lookups.accounts.of(credentials), clock.monotonic(), None
        admitted = account.insist(begun)
        if isinstance(admitted, str):
            return Tested(whose, 0, _QUIET)
        try:
            answer = await lookups.provider.ask(credentials, org.id, NUMBER, ())
        finally:
            account.learn(admitted, answer, clock.monotonic(), counts=platform or whose == "own")
        took = round((clock.monotonic() - begun) * 1000)
        return Tested(whose, took, answer if isinstance(answer, Failed) else None)

    @contextmanager
    def _place(self, org_id: str) -> Iterator[None]:
        if org_id in self._under_way:
            raise RateLimited("a test of this account is under way", retry_after=1)
        with self._room.place(org_id) as there_is:
            if not there_is or not self._pace.allows(org_id):
                raise RateLimited("too many tests at once", retry_after=1)
            self._under_way.add(org_id)
            try:
                yield
            finally:
                self._under_way.discard(org_id)
