"""Idempotency keys: one winner for each name, in every race."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.store import idempotency
from gateway.store.idempotency import Claim
from gateway.store.store import Store
from gateway.store.tables import idempotency_keys
from tests.store.conftest import NOW

pytestmark = pytest.mark.anyio

LATER = NOW + idempotency.KEPT_MS


def one(key: str, token: str, *, org: str = "acme", scope: str = "POST /x", until: int = LATER) -> Claim:
    return Claim(org, scope, key, token.encode(), token, until)


async def claim(store: Store, *claims: Claim, now: int = NOW) -> dict[str, str]:
    """Who stands under each key, by token."""
    async with store.transaction() as tx:
        standing = await idempotency.claim(tx.conn, claims, now)
    return {name[2]: row.event_id for name, row in standing.items()}


async def test_the_first_claim_stands(store: Store) -> None:
    assert await claim(store, one("k", "first")) == {"k": "first"}
    assert await claim(store, one("k", "second"), one("l", "second")) == {"k": "first", "l": "second"}
    assert await claim(store, one("k", "first")) == {"k": "first"}  # again, after a lost answer
    async with store.reading() as conn:
        row = await idempotency.find(conn, ("acme", "POST /x", "k"))
        assert row is not None
        assert (row.body_hash, row.state, row.created_at, row.expires_at) == (b"first", "running", NOW, LATER)
        assert await idempotency.find(conn, ("acme", "POST /x", "unknown")) is None


async def test_the_first_of_one_transaction_stands(store: Store) -> None:
    assert await claim(store, one("k", "a"), one("j", "x"), one("k", "b")) == {"k": "a", "j": "x"}


async def test_organizations_and_scopes_have_their_own_keys(store: Store) -> None:
    claims = [one("k", f"t{n}", org=org, scope=scope) for n, (org, scope) in
              enumerate([("a", "s"), ("a", "t"), ("b", "s"), ("a", idempotency.EXTERNAL_ID)])]  # fmt: skip
    async with store.transaction() as tx:
        standing = await idempotency.claim(tx.conn, claims, NOW)
    assert [standing[c.name].event_id for c in claims] == ["t0", "t1", "t2", "t3"]


@pytest.mark.parametrize(("now", "winner"), [(LATER - 1, "old"), (LATER, "new"), (LATER + 1, "new")])
async def test_an_expired_key_can_be_used_again(store: Store, now: int, winner: str) -> None:
    await claim(store, one("k", "old"), one("longer", "old", until=LATER + 10))
    new = [one(key, "new", until=now + 100) for key in ("k", "longer")]
    assert await claim(store, *new, now=now) == {"k": winner, "longer": "old"}


async def test_a_claim_that_is_over_at_once_ends(store: Store) -> None:
    assert await asyncio.wait_for(claim(store, one("k", "late", until=NOW)), 5) == {"k": "late"}


async def test_answers_are_kept_for_the_claim_that_won(store: Store) -> None:
    won, lost = one("k", "won"), one("k", "lost")
    other = one("k", "other", org="zeta")  # the same text of another organization
    async with store.transaction() as tx:
        await idempotency.claim(tx.conn, [won, other], NOW)
        await idempotency.keep_answers(tx.conn, [(won, b"sealed"), (lost, b"wrong"), (other, b"theirs")])
    async with store.reading() as conn:
        for kept, answer in ((won, b"sealed"), (other, b"theirs")):
            row = await idempotency.find(conn, kept.name)
            assert row is not None
            assert (row.state, row.answer_status, row.answer) == ("done", 202, answer)


async def test_an_answer_with_a_secret_is_kept_shorter(store: Store) -> None:
    await claim(store, one("k", "t"))
    name = one("k", "t").name
    async with store.transaction() as tx:
        short = NOW + idempotency.KEPT_WITH_SECRET_MS
        await idempotency.answer(tx.conn, name, "t", status=201, sealed=b"s", expires_at=short)
        assert await idempotency.forget_expired(tx.conn, short - 1) == 0
        assert await idempotency.forget_expired(tx.conn, short) == 1


async def test_only_its_own_claim_is_given_up(store: Store) -> None:
    await claim(store, one("k", "mine"))
    name = one("k", "mine").name
    async with store.transaction() as tx:
        await idempotency.release(tx.conn, name, "other")
        assert await idempotency.find(tx.conn, name) is not None
        await idempotency.release(tx.conn, name, "mine")
        assert await idempotency.find(tx.conn, name) is None


@pytest.mark.proof
async def test_of_a_hundred_at_once_one_wins(store: Store) -> None:
    answers = await asyncio.gather(*(claim(store, one("k", f"t{n}")) for n in range(100)))
    assert len({answer["k"] for answer in answers}) == 1
    async with store.reading() as conn:
        assert (await conn.execute(select(func.count()).select_from(idempotency_keys))).scalar_one() == 1
    print(f"idempotency: 100 claims at once on {store.database.url.get_backend_name()}, 1 winner")


@pytest.mark.parametrize("expired", [False, True])
async def test_claims_in_opposite_orders_do_not_wait_for_each_other(store: Store, expired: bool) -> None:
    """A deadlock would end one of them with an error."""
    keys = [f"k{n:04}" for n in range(1000)]
    chance = random.Random(3)

    async def contender(round_: int, number: int, now: int) -> dict[str, str]:
        order = sorted(keys, reverse=number % 2 == 0) if number < 2 else chance.sample(keys, len(keys))
        return await claim(store, *(one(k, f"{round_}.{number}", until=now + 1000) for k in order), now=now)

    for round_ in range(4):
        now = NOW + (2000 * round_ if expired else 0)
        answers = await asyncio.gather(*(contender(round_, n, now) for n in range(4)))
        assert all(answer == answers[0] for answer in answers)
        assert len(set(answers[0].values())) == 1  # whoever was first has all of them
        assert not expired or answers[0]["k0000"].startswith(f"{round_}.")


class Between:
    """A connection on which something happens just before its next reading."""

    def __init__(self, conn: Any, happens: Callable[[], Awaitable[None]]) -> None:
        self.conn = conn
        self.dialect = conn.dialect
        self.exec_driver_sql = conn.exec_driver_sql
        self.happens: Callable[[], Awaitable[None]] | None = happens

    async def execute(self, *args: Any) -> Any:
        happens, self.happens = self.happens, None
        if happens is not None:
            await happens()
        return await self.conn.execute(*args)


@pytest.mark.parametrize("way", ["expired", "released"])
async def test_a_key_that_vanishes_amid_a_claim_is_claimed_again(pg_store: Store, way: str) -> None:
    """It stood in the way of the insert, and another transaction removed it before it could be read."""
    await claim(pg_store, one("k", "old", until=NOW + 1))

    async def vanish() -> None:
        async with pg_store.transaction() as other:
            if way == "expired":
                await idempotency.forget_expired(other.conn, NOW + 1)
            else:
                await idempotency.release(other.conn, one("k", "old").name, "old")

    async with pg_store.transaction() as tx:
        between = Between(tx.conn, lambda: asyncio.create_task(vanish()))
        standing = await idempotency.claim(between, [one("k", "new")], NOW)  # type: ignore[arg-type]
    assert standing[one("k", "new").name].event_id == "new"


async def test_thousands_of_claims_fit(store: Store) -> None:
    claims = [one(f"k{n}", f"t{n}") for n in range(6000)]
    assert len(await claim(store, *claims)) == 6000
    async with store.transaction() as tx:
        assert await idempotency.forget_expired(tx.conn, LATER) == 6000
