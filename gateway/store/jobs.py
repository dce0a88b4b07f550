"""Jobs: long work as a row, worked on by one node at a time.

A job carries the lease of the node that works on it. When that lease has ended, any node may take the job
over; what it does is fenced like the outcome of an attempt: nothing is moved on but from where it stands, by
the node whose lease it carries, while nobody has asked to end it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sqlalchemy import ColumnElement, and_, insert, or_, select, text, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import leases
from gateway.store.page import Page, PageQuery, paged
from gateway.store.tables import jobs
from gateway.store.transaction import Transaction

_RUNNING = text("status = 'running'")  # as a literal, so that the partial index serves


async def add(tx: Transaction, **values: Any) -> Row[Any]:
    """A new running job."""
    standing = {"status": "running", "done": 0, "failed": 0, "cancel_requested": False}
    values |= standing | {"position": await tx.position(), "updated_at": values["created_at"]}
    made: Row[Any] = (await tx.conn.execute(insert(jobs).values(**values).returning(jobs))).one()
    return made


async def find(conn: AsyncConnection, org_id: str | None, job_id: str) -> Row[Any] | None:
    query = select(jobs).where(jobs.c.id == job_id)
    if org_id is not None:
        query = query.where(jobs.c.org_id == org_id)
    return (await conn.execute(query)).one_or_none()


async def page(conn: AsyncConnection, org_id: str | None, query: PageQuery) -> Page:
    """Jobs in commit order."""
    statement = select(jobs)
    if org_id is not None:
        statement = statement.where(jobs.c.org_id == org_id)
    return await paged(conn, statement, jobs.c.position, query)


async def running_on(conn: AsyncConnection, object_id: str, kinds: Collection[str]) -> str | None:
    """The id of the job of one of these kinds that is working on this object."""
    query = select(jobs.c.id).where(_RUNNING, jobs.c.object_id == object_id, jobs.c.kind.in_(kinds))
    return (await conn.execute(query.limit(1))).scalar_one_or_none()


async def is_to_end(conn: AsyncConnection, job_id: str) -> bool:
    """Whether somebody has asked for the end of the job."""
    query = select(jobs.c.cancel_requested).where(jobs.c.id == job_id)
    return bool((await conn.execute(query)).scalar_one_or_none())


async def any_running(
    conn: AsyncConnection,
    *,
    only: Collection[str] = (),
    but: Collection[str] = (),
    beside: Collection[str] = (),
    ending: bool = False,
) -> bool:
    """Whether there is a job to work on: of the kinds `only` (none named: of all), not of those in `but`, and
    none of the jobs `beside`; with `ending` only one that is to end."""
    query = select(jobs.c.id).where(_RUNNING, *_of(only, but, beside, ending))
    return (await conn.execute(query.limit(1))).first() is not None


def _of(
    only: Collection[str], but: Collection[str], beside: Collection[str], ending: bool
) -> Iterator[ColumnElement[bool]]:
    if only:
        yield jobs.c.kind.in_(only)
    elif but:
        yield jobs.c.kind.not_in(but)
    if beside:
        yield jobs.c.id.not_in(beside)
    if ending:
        yield jobs.c.cancel_requested


async def take(
    conn: AsyncConnection,
    lease: str,
    clock_now: int,
    *,
    only: Collection[str] = (),
    but: Collection[str] = (),
    beside: Collection[str] = (),
    ending: bool = False,
) -> Row[Any] | None:
    """The job that has waited longest of those that no other living node works on; it is this node's then.
    `only`, `but`, `beside` and `ending` as for `any_running`."""
    others = (await leases.live(conn, clock_now)) - {lease}
    free = or_(jobs.c.lease.is_(None), jobs.c.lease.not_in(others))
    pick = (
        select(jobs.c.id)
        .where(_RUNNING, free, *_of(only, but, beside, ending))
        .order_by(jobs.c.updated_at, jobs.c.id)
        .limit(1)
    )
    found = (await conn.execute(pick.with_for_update(skip_locked=True))).scalar_one_or_none()
    if found is None:
        return None
    change = update(jobs).where(jobs.c.id == found).values(lease=lease, updated_at=clock_now)
    taken: Row[Any] = (await conn.execute(change.returning(jobs))).one()
    return taken


async def advance(
    conn: AsyncConnection, job: Row[Any], cursor: str | None, *, to: str, done: int, failed: int, now: int
) -> bool:
    """Moves the job on from `cursor`; False when it is not this node's any more, or is to end."""
    change = (
        update(jobs)
        .where(
            jobs.c.id == job.id,
            jobs.c.lease == job.lease,
            jobs.c.status == "running",
            jobs.c.cancel_requested.is_(False),
            jobs.c.cursor.is_not_distinct_from(cursor),
        )
        .values(cursor=to, done=jobs.c.done + done, failed=jobs.c.failed + failed, updated_at=now)
    )
    return (await conn.execute(change)).rowcount == 1


async def set_matched(conn: AsyncConnection, job: Row[Any], matched: int, now: int) -> bool:
    """Writes down how much there is to do; False as for `advance`."""
    change = update(jobs).where(jobs.c.id == job.id, jobs.c.lease == job.lease, jobs.c.status == "running")
    return (await conn.execute(change.values(matched=matched, updated_at=now))).rowcount == 1


async def finish(
    conn: AsyncConnection, job: Row[Any], status: str, now: int, error: str | None = None
) -> None:
    """Ends the job. One that somebody has asked to end since it was taken stays running: its cancelling comes
    first."""
    change = update(jobs).where(jobs.c.id == job.id, jobs.c.lease == job.lease, jobs.c.status == "running")
    if not job.cancel_requested:
        change = change.where(jobs.c.cancel_requested.is_(False))
    await conn.execute(change.values(status=status, error=error, lease=None, updated_at=now, finished_at=now))


async def request_cancel(
    conn: AsyncConnection, org_id: str, job_id: str, now: int, *, undone: Collection[str]
) -> Row[Any] | None:
    """Asks for the end of a job that runs, or is done and of one of the kinds `undone`; None when there is no
    such."""
    done = and_(jobs.c.status == "done", jobs.c.kind.in_(undone))
    change = (
        update(jobs)
        .where(jobs.c.id == job_id, jobs.c.org_id == org_id, or_(jobs.c.status == "running", done))
        .values(status="running", cancel_requested=True, finished_at=None, updated_at=now)
    )
    asked: Row[Any] | None = (await conn.execute(change.returning(jobs))).one_or_none()
    return asked
