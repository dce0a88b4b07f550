"""The file: what it keeps, for how long, who may read it, and who waits for whom."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.kit.claims import Claims
from connectors.kit.ledger import CALLS_KEPT, CREATIONS_KEPT, Creation, Done, Ledger

pytestmark = pytest.mark.anyio

DONE = Done("act_1", 2, "2026-11-20T21:05:09Z", b"hash")


class Clock:
    now = 1_795_209_909.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def ledger(tmp_path: Path, clock: Clock) -> AsyncIterator[Ledger]:
    made = Ledger(tmp_path / "ledger.db", clock)
    await made.open()
    yield made
    await made.close()


async def test_what_was_recorded_is_there(ledger: Ledger) -> None:
    assert await ledger.call("call_1") is None
    await ledger.record_call("call_1", DONE)
    await ledger.record_call("call_1\x00", Done("act_2", 0, None, b""))
    assert await ledger.call("call_1") == DONE
    newer = Done("act_1", 3, None, b"other")
    await ledger.record_call("call_1", newer)
    assert await ledger.call("call_1") == newer


async def test_rows_go_when_their_time_is_over(ledger: Ledger, clock: Clock, tmp_path: Path) -> None:
    await ledger.record_call("call_1", DONE)
    await ledger.record_creation("dlv_1", "+13175550199", Creation(201, b"Zoe Example"))
    clock.now += CREATIONS_KEPT
    assert await ledger.creation("dlv_1") is None
    await ledger.record_call("call_2", DONE)
    assert b"Zoe Example" not in (tmp_path / "ledger.db").read_bytes()
    clock.now += CALLS_KEPT - CREATIONS_KEPT - 1
    await ledger.record_call("call_3", DONE)
    assert await ledger.call("call_1") == DONE
    clock.now += 3600
    await ledger.record_call("call_4", DONE)
    assert await ledger.call("call_1") is None
    assert await ledger.call("call_2") == DONE


async def test_the_youngest_creation_of_a_number(ledger: Ledger, clock: Clock) -> None:
    await ledger.record_creation("dlv_1", "+1", Creation(201, b"first"))
    clock.now += 1
    await ledger.record_creation("dlv_2", "+1", Creation(201, b"second"))
    clock.now += 1
    await ledger.record_creation("dlv_3", "+1", Creation(409, b"existed"))
    assert await ledger.created_lately("+1", 60) == Creation(201, b"second")
    assert await ledger.created_lately("+2", 60) is None
    clock.now += 60
    assert await ledger.created_lately("+1", 60) is None


async def test_the_files_are_their_owners(ledger: Ledger, tmp_path: Path) -> None:
    await ledger.record_call("call_1", DONE)
    files = list(tmp_path.iterdir())
    assert {file.name for file in files} >= {"ledger.db", "ledger.db.claims"}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


async def test_a_file_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(sqlite3.DatabaseError, match="newer version"):
        await Ledger(tmp_path / "ledger.db").open()


async def test_no_write_ahead_log_and_full_synchronization(ledger: Ledger) -> None:
    connection = ledger._connection
    assert connection is not None
    modes = [
        await ledger._run(lambda name=name: connection.execute(f"PRAGMA {name}").fetchone()[0])
        for name in ("journal_mode", "synchronous", "secure_delete")
    ]
    assert modes == ["truncate", 2, 1]


async def test_a_request_that_is_broken_off_finishes_its_row(ledger: Ledger) -> None:
    async with ledger.claim("call call_1"):
        task = asyncio.create_task(ledger.record_call("call_1", DONE))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await ledger.call("call_1") == DONE


class TestClaims:
    @pytest.fixture
    def pair(self, tmp_path: Path) -> list[Claims]:
        """Two files' worth of claims: as two processes have them."""
        made = [Claims(tmp_path / "claims") for _ in range(2)]
        for claims in made:
            claims.open()
        return made

    @pytest.mark.parametrize("second", [0, 1], ids=["same process", "another"])
    async def test_one_at_a_time(self, pair: list[Claims], second: int) -> None:
        order = []

        async def work(claims: Claims, name: str) -> None:
            async with claims.hold("call call_1"):
                order.append(f"{name} begins")
                for _ in range(20):
                    await asyncio.sleep(0)
                order.append(f"{name} ends")

        await asyncio.gather(work(pair[0], "a"), work(pair[second], "b"))
        assert order in (
            ["a begins", "a ends", "b begins", "b ends"],
            ["b begins", "b ends", "a begins", "a ends"],
        )

    async def test_another_name_does_not_wait(self, pair: list[Claims]) -> None:
        async with pair[0].hold("call call_1"):
            async with asyncio.timeout(5), pair[1].hold("call call_2"), pair[0].hold("call call_3"):
                pass

    async def test_whoever_gives_up_waiting_or_fails_gives_it_back(self, pair: list[Claims]) -> None:
        async with pair[0].hold("x"):
            for claims in pair:
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.01), claims.hold("x"):
                        pytest.fail("it is held")
        with pytest.raises(KeyError):
            async with pair[0].hold("x"):
                raise KeyError
        async with asyncio.timeout(5), pair[1].hold("x"):
            pass
        assert [claims._here for claims in pair] == [{}, {}]

    async def test_closing_one_file_leaves_the_others_claims_alone(self, tmp_path: Path) -> None:
        first, second, third = (Claims(tmp_path / "claims") for _ in range(3))
        for claims in (first, second, third):
            claims.open()
        async with first.hold("x"):
            second.close()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01), third.hold("x"):
                    pytest.fail("it is held")
