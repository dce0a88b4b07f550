"""What a handler gets and what it returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.datastructures import Headers, QueryParams

from gateway.clock import Clock
from gateway.dispatch.trial import Trials
from gateway.domain.event import EventParser
from gateway.domain.number_lookup import Lifetimes
from gateway.enrich.account_tests import AccountTests
from gateway.enrich.caller import Callers
from gateway.enrich.endpoints import Endpoints
from gateway.enrich.keeping import Keeping
from gateway.enrich.previewing import Previews
from gateway.ingest.accept import Accept
from gateway.manage import connectors
from gateway.manage.audit import PayloadReads
from gateway.manage.backfills import Backfills
from gateway.manage.changes import Changes
from gateway.manage.console import Door
from gateway.manage.pings import Pings
from gateway.manage.redeliveries import Redeliveries
from gateway.manage.removal import Removal
from gateway.manage.webhooks import Rules
from gateway.metrics import Metrics
from gateway.store.directory import Directory, OrgView
from gateway.store.store import Store
from gateway.store.transaction import Announce, Transaction
from gateway.web.auth import Principal
from gateway.web.body import BodyBudget

if TYPE_CHECKING:
    from gateway.web.repeats import Repeats


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that handlers work with; `app` joins it together. `tx` is an open transaction that the
    handler's writing belongs into. `waits_here`: whether this delivery of a target (ids: target, delivery)
    waits in this node's memory. `public_url`: how the world reaches the gateway, without a slash at its
    end."""

    store: Store
    directory: Directory
    clock: Clock
    metrics: Metrics
    accept: Accept
    announce: Announce
    trials: Trials
    callers: Callers
    previews: Previews
    keeping: Keeping
    endpoints: Endpoints
    account_tests: AccountTests
    parser: EventParser
    rules: Rules
    connector_rules: connectors.Rules
    pings: Pings
    changes: Changes
    redeliveries: Redeliveries
    waits_here: Callable[[str, str], bool]
    bodies: BodyBudget
    repeats: Repeats
    payload_reads: PayloadReads
    removal: Removal
    backfills: Backfills
    door: Door
    lookup_account: bool
    lookup_lifetimes: Lifetimes
    create_orgs: bool
    max_event_bytes: int
    cdn_loop: str
    public_url: Callable[[], str]
    status: Callable[[], Awaitable[dict[str, Any]]]
    tx: Transaction | None = None

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self.tx is not None:
            yield self.tx
        else:
            async with self.store.transaction() as tx:
                yield tx

    def inside(self, tx: Transaction) -> Services:
        return replace(self, tx=tx)


@dataclass(slots=True)
class Noted:
    """What a handler knows of its entry in the audit log beyond what the request says: whose chain, which
    object, further details (names and ids only), and whether it showed a payload."""

    org_id: str | None = None
    object_id: str | None = None
    details: dict[str, Any] = field(default_factory=dict)
    payload: bool = False


@dataclass(slots=True)
class Call:
    """One authenticated request. `org` is None where the caller reads over all organizations, or where the
    operation is not about one; `model` is the parsed body; `arrived` is when it came (monotonic seconds)."""

    services: Services
    principal: Principal
    org: OrgView | None
    org_id: str | None
    headers: Headers
    query: QueryParams
    path: dict[str, str]
    body: bytes
    request_id: str
    model: Any = None
    address: str | None = None
    arrived: float = 0.0
    audit: Noted = field(default_factory=Noted)

    @property
    def the_org(self) -> OrgView:
        assert self.org is not None
        return self.org

    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A connection for what the caller asks to see."""
        return self.services.store.reading(self.principal.org_id or self.org_filter)

    def searching(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One for reading that takes long."""
        return self.services.store.searching(self.principal.org_id or self.org_filter)

    @asynccontextmanager
    async def changing(self) -> AsyncIterator[Transaction]:
        """The transaction of the request: the one that is open, or one of its own when it is its turn."""
        services = self.services
        if services.tx is not None:
            yield services.tx
            return
        async with (
            services.store.changing(self.principal.org_id or self.org_id),
            services.transaction() as tx,
        ):
            yield tx

    @property
    def org_filter(self) -> str | None:
        """The organization to read from; None for all of them."""
        return self.org.id if self.org else None


@dataclass(slots=True)
class Answer:
    """A JSON-able content, or `raw` JSON bytes, or a `stream` of another media type."""

    content: Any = None
    status: int = 200
    raw: bytes | None = None
    stream: AsyncIterator[bytes] | None = None
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
