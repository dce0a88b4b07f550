"""One call is one activity: however often it is told, in whatever order, and whatever crashes."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from connectors.kit.failures import NotSupported, Unavailable
from connectors.kit.trial import Trial
from tests.connectors.kit.crm import Crm, fails_with, never, yields

pytestmark = pytest.mark.anyio


def call(revision: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": "call_1", "revision": revision, **more}


async def told(hum: Trial, body: dict[str, Any], **options: Any) -> str:
    answer = await hum.log_call(body, **options)
    assert answer.status == 200, answer.body
    return str(answer.body["activity_id"])


async def test_a_late_recording_goes_to_the_same_activity() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        first = await told(hum, call(1, summary="Hello"))
        second = await told(hum, call(2, summary="Hello", recording_url="https://hum.example/r/1"))
    assert first == second
    assert [activity for _, activity in crm.told] == [None, first]
    assert crm.calls[first][0].recording_url == "https://hum.example/r/1"


async def test_an_older_update_does_not_undo_a_newer_one() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        activity = await told(hum, call(3, summary="final"))
        assert await told(hum, call(2, summary="draft")) == activity
    assert [one.revision for one, _ in crm.told] == [3]


@pytest.mark.parametrize("order", list(itertools.permutations([1, 2, 3])))
async def test_every_order_ends_with_the_newest(order: tuple[int, ...]) -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        for revision in order:
            activity = await told(hum, call(revision, summary=f"revision {revision}"))
    assert crm.calls[activity][0].summary == "revision 3"
    assert len(crm.calls) == 1


async def test_without_revisions_the_time_decides_and_without_times_the_last() -> None:
    crm = Crm()
    early, late = "2026-11-20T21:05:09.123Z", "2026-11-20T23:00:00+01:00"  # 22:00 in UTC
    async with Trial(crm) as hum:
        activity = await told(hum, call(0, summary="a", updated_at=late))
        await told(hum, call(0, summary="b", updated_at=early))
        assert crm.calls[activity][0].summary == "a"
        await told(hum, call(0, summary="c", updated_at="2026-11-20T22:00:00Z"))
        await told(hum, call(0, summary="d", updated_at="yesterday"))
        await told(hum, call(0, summary="e"))
    assert [one.summary for one, _ in crm.told] == ["a", "c", "d", "e"]


async def test_the_same_again_does_not_reach_the_crm_unless_a_person_wants_it() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        first = await told(hum, call())
        assert await told(hum, call()) == first
        assert len(crm.told) == 1
        again = await hum.send("call.sync", {"call": call()}, headers={"X-HUM-Redelivery": "job_1"})
        assert again.body["activity_id"] == first
        assert len(crm.told) == 2
        older = await hum.send("call.sync", {"call": call(0)}, headers={"X-HUM-Redelivery": "job_1"})
        assert older.body["activity_id"] == first
        assert len(crm.told) == 2


async def test_a_contact_that_is_known_later_is_told() -> None:
    crm = Crm()
    async with Trial(crm) as hum:
        activity = await told(hum, call())
        await hum.log_call(call(), {"id": "1", "phone": "+13175550142"})
    _, contact = crm.calls[activity]
    assert contact is not None
    assert contact.id == "1"


async def test_it_survives_a_restart(tmp_path: Path) -> None:
    crm, ledger = Crm(), tmp_path / "deep" / "ledger.db"
    async with Trial(crm, ledger) as hum:
        first = await told(hum, call(2))
    async with Trial(crm, ledger) as hum:
        assert await told(hum, call(2)) == first
        assert await told(hum, call(1)) == first
        assert await told(hum, call(3)) == first
    assert len(crm.calls) == 1
    assert crm.asked.count("find_call") == 1  # before it was known


async def test_a_lost_ledger_is_made_good_by_the_crm(tmp_path: Path) -> None:
    crm = Crm()
    async with Trial(crm, tmp_path / "one.db") as hum:
        first = await told(hum, call())
    async with Trial(crm, tmp_path / "another.db") as hum:
        assert await told(hum, call(2)) == first


async def test_a_failure_is_not_remembered_as_done() -> None:
    crm = Crm()
    crm.before["log_call"] = fails_with(Unavailable("down"))
    async with Trial(crm) as hum:
        assert (await hum.log_call(call())).status == 503
        del crm.before["log_call"]
        await told(hum, call())
    assert len(crm.calls) == 1


async def test_what_is_not_supported_today_may_be_tomorrow() -> None:
    crm = Crm()
    crm.before["find_call"] = fails_with(NotSupported("no calls here"))
    async with Trial(crm) as hum:
        assert (await hum.log_call(call())).body["skipped"] == "not_supported"
        del crm.before["find_call"]
        await told(hum, call())


async def test_a_crm_that_hangs_holds_up_its_own_call_only(monkeypatch: pytest.MonkeyPatch) -> None:
    crm = Crm()
    crm.before["log_call"] = never
    async with Trial(crm) as hum:
        async with asyncio.TaskGroup() as group:
            headers = {"X-HUM-Deadline-Ms": "150"}
            hung = [
                group.create_task(hum.send("call.sync", {"call": call()}, headers=headers)) for _ in range(3)
            ]
            while "log_call" not in crm.asked:
                await asyncio.sleep(0)
            crm.before["log_call"] = yields
            await told(hum, call() | {"id": "call_2"})
        assert hung[0].result().status == 504
        crm.before.clear()
        await told(hum, call())
    assert len(crm.calls) == 2
