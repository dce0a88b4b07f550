"""The flow of an accepted event: admission, organization, one shared transaction, hand-over, answer.

Requests that arrive together share the transaction (`store.group_commit`). Deliveries are leased to this node
in the same insert and handed to its dispatcher once the commit is done, without being read back.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from gateway.checkpoints import reached
from gateway.clock import Clock
from gateway.domain.event import NewEvent
from gateway.domain.ids import new_id
from gateway.errors import Conflict, Detail, Overloaded, Problem
from gateway.ingest import repeat
from gateway.ingest.plan import Answer, Handover, Planned, Rows
from gateway.ingest.receivers import AskAgain, Filtered, Filters, are_answered
from gateway.store import idempotency
from gateway.store.directory import Directory, OrgView
from gateway.store.group_commit import GroupCommit, RefusedItems
from gateway.store.idempotency import Claim
from gateway.store.transaction import Transaction

KIND: Final = "accept"
MAX_WAIT_SECONDS: Final = 0.25
MOST_ASKINGS: Final = 3


@dataclass(slots=True)
class Acceptance:
    """One request's events (each with its organization), to be committed together. In mode `each` the
    problem of one leaves the others alone. Moment and ids are settled before the first commit is tried: when
    the word that it succeeded is lost, the second try writes the same rows again, which changes nothing."""

    events: list[tuple[OrgView, NewEvent]]
    claim: Claim | None = None
    mode: Literal["atomic", "each"] = "atomic"
    at: int = 0
    ids: list[str] = field(default_factory=list)
    filtered: dict[str, Filtered] = field(default_factory=dict)

    def settle(self, now: int) -> None:
        self.at = now
        self.ids = [new_id("evt", now) for _ in self.events]


@dataclass(slots=True)
class Accepted:
    """The answers in the order of the events; `replayed` when the request had been made before."""

    answers: list[Answer | Problem]
    replayed: bool = False


class Accept:
    """The service behind `POST /api/events` and `/batch`."""

    def __init__(
        self, directory: Directory, handover: Handover, clock: Clock, *, several_nodes: bool
    ) -> None:
        self._directory = directory
        self._handover = handover
        self._clock = clock
        self._several_nodes = several_nodes
        self._filters = Filters(clock)
        self.commits: GroupCommit | None = None  # joined by app, since the committer needs `apply`
        self.storage_full = False

    async def accept(self, acceptance: Acceptance) -> Accepted:
        """Returns once everything is durable. Raises Conflict for an atomic request that collides with an
        earlier one, Overloaded when the commit is too far off or the database is away."""
        assert self.commits is not None
        if self.storage_full:
            raise Overloaded("the disk is nearly full", code="storage_full", retry_after=5)
        if self.commits.expected_wait() > MAX_WAIT_SECONDS:
            raise Overloaded("more events arrive than can be made durable in time", retry_after=1)
        acceptance.settle(self._clock.now())
        for left in reversed(range(MOST_ASKINGS)):
            await self._ask_filters(acceptance)
            try:
                accepted: Accepted = await self.commits.submit(KIND, acceptance, _rows(acceptance))
                return accepted
            except AskAgain:
                if not left:
                    raise
                await self._look_again(acceptance)
        raise AssertionError("unreachable")

    async def apply(self, tx: Transaction, acceptances: list[Any]) -> list[Accepted]:
        """The writer of the group commit: all requests in one transaction."""
        await self._see_other_nodes_changes(tx)
        orgs = await self._organizations(tx, acceptances)
        _refuse_unasked(acceptances, orgs)
        planned = [_plan(acceptance, orgs) for acceptance in acceptances]
        standing = await self._claim(tx, acceptances, planned)
        earlier = _earlier_requests(acceptances, standing)
        rows = Rows(self._handover)
        tx.on_commit(self._handover.see_events)
        tx.on_commit(rows.hand_over)
        tx.on_rollback(rows.release)
        new_plans = [p for i, plans in enumerate(planned) if i not in earlier for p in plans]
        await rows.write(tx, [plan for plan in new_plans if repeat.is_first(plan, standing)])
        await repeat.answer_earlier_events(tx, new_plans, standing)
        _refuse_collisions(acceptances, planned, standing)
        results = {
            index: Accepted([plan.result for plan in plans if plan.result is not None])
            for index, plans in enumerate(planned)
            if index not in earlier
        }
        await self._keep_answers(tx, acceptances, results)
        for index, row in earlier.items():
            results[index] = _replay(index, row, acceptances, results)
        reached("accept.before_commit")
        return [results[index] for index in range(len(acceptances))]

    async def _ask_filters(self, acceptance: Acceptance) -> None:
        acceptance.filtered = await self._filters.ask(
            acceptance.ids, acceptance.at, acceptance.events, acceptance.filtered
        )

    async def _look_again(self, acceptance: Acceptance) -> None:
        """The events with their organizations as these are now."""
        ids = dict.fromkeys(view.id for view, _ in acceptance.events)
        views = {org_id: await self._directory.living(org_id) for org_id in ids}
        acceptance.events = [(views[view.id], new) for view, new in acceptance.events]

    async def _see_other_nodes_changes(self, tx: Transaction) -> None:
        if self._several_nodes:
            await self._directory.catch_up(tx.conn, await tx.positions.begin(tx))

    async def _organizations(self, tx: Transaction, acceptances: list[Acceptance]) -> dict[str, OrgView]:
        """All that the events are about, as they are now."""
        ids = dict.fromkeys(view.id for acceptance in acceptances for view, _ in acceptance.events)
        return {org_id: await self._directory.living_inside(tx.conn, org_id) for org_id in ids}

    async def _claim(
        self, tx: Transaction, acceptances: list[Any], planned: list[list[Planned]]
    ) -> repeat.Standing:
        claims = [acceptance.claim for acceptance in acceptances if acceptance.claim is not None]
        claims += [plan.claim for plans in planned for plan in plans if plan.claim is not None]
        return await idempotency.claim(tx.conn, claims, self._clock.now()) if claims else {}

    async def _keep_answers(
        self, tx: Transaction, acceptances: list[Acceptance], results: dict[int, Accepted]
    ) -> None:
        kept = []
        for index, accepted in results.items():
            acceptance = acceptances[index]
            if acceptance.claim is not None:
                sealed = repeat.seal_answers(_cipher(acceptance), acceptance.claim, accepted.answers)
                kept.append((acceptance.claim, sealed))
        await idempotency.keep_answers(tx.conn, kept)


def _refuse_unasked(acceptances: list[Acceptance], orgs: dict[str, OrgView]) -> None:
    """Raises RefusedItems for requests whose organizations have changed so that further filters are to be
    asked. That takes time, and is not done inside a transaction."""
    refused: dict[int, Problem] = {}
    for index, acceptance in enumerate(acceptances):
        if all(orgs[view.id] is view for view, _ in acceptance.events):
            continue
        events = [(orgs[view.id], new) for view, new in acceptance.events]
        if not are_answered(events, acceptance.ids, acceptance.filtered):
            refused[index] = AskAgain("filters change faster than they can be asked", retry_after=1)
    if refused:
        raise RefusedItems(refused)


def _plan(acceptance: Acceptance, orgs: dict[str, OrgView]) -> list[Planned]:
    plans = []
    for event_id, (view, new) in zip(acceptance.ids, acceptance.events, strict=True):
        org = orgs[view.id]
        claim = repeat.external_claim(event_id, org, new, acceptance.at)
        filtered = acceptance.filtered.get(event_id)
        plans.append(Planned(event_id, acceptance.at, org, new, claim, filtered=filtered))
    return plans


def _rows(acceptance: Acceptance) -> int:
    """How many rows it will write: its events and what they are owed to."""
    kinds = Counter((view.id, new.type) for view, new in acceptance.events)
    views = {view.id: view for view, _ in acceptance.events}
    return sum(
        count * (1 + len(views[org].owed(type_)) + len(views[org].connectors))
        for (org, type_), count in kinds.items()
    )


def _earlier_requests(acceptances: list[Acceptance], standing: repeat.Standing) -> dict[int, Any]:
    earlier: dict[int, Any] = {}
    refused: dict[int, Problem] = {}
    for index, acceptance in enumerate(acceptances):
        try:
            row = repeat.earlier_request(acceptance.claim, standing)
        except Conflict as problem:
            refused[index] = problem
        else:
            if row is not None:
                earlier[index] = row
    if refused:
        raise RefusedItems(refused)
    return earlier


def _replay(index: int, row: Any, acceptances: list[Acceptance], results: dict[int, Accepted]) -> Accepted:
    """The first answer again: of a request in this very transaction, or as it was kept."""
    acceptance = acceptances[index]
    for other, accepted in results.items():
        claim = acceptances[other].claim
        if claim is not None and claim.token == row.event_id:
            return Accepted(accepted.answers, replayed=True)
    assert acceptance.claim is not None
    answers = repeat.open_answers(_cipher(acceptance), acceptance.claim, row.answer)
    return Accepted(answers, replayed=True)


def _refuse_collisions(
    acceptances: list[Acceptance], planned: list[list[Planned]], standing: repeat.Standing
) -> None:
    """An atomic request is refused as a whole when one of its events collides.

    A collision with an event of a request that is refused here as well does not count yet: the transaction is
    done again without that request.
    """
    refused: dict[int, Problem] = {}
    owner = {plan.id: index for index, plans in enumerate(planned) for plan in plans}
    winners: dict[int, set[int | None]] = {}
    for index, (acceptance, plans) in enumerate(zip(acceptances, planned, strict=True)):
        collisions = [(i, plan.result) for i, plan in enumerate(plans) if isinstance(plan.result, Problem)]
        if acceptance.mode == "atomic" and collisions:
            details = [
                Detail(d.field if len(plans) == 1 else f"events[{i}].{d.field}", d.message)
                for i, problem in collisions
                for d in problem.details
            ]
            first = collisions[0][1]
            refused[index] = Conflict(first.message, code=first.code, details=details)
            winners[index] = {
                owner.get(standing[claim.name].event_id)
                for i, _ in collisions
                if (claim := plans[i].claim) is not None
            }
    certain = {i: p for i, p in refused.items() if winners[i] - (refused.keys() - {i})}
    if refused:
        raise RefusedItems(certain or dict([next(iter(refused.items()))]))


def _cipher(acceptance: Acceptance) -> Any:
    return acceptance.events[0][0].organization.cipher
