"""Proof C7: the redelivery of a range loses and doubles nothing when its gateway dies, its dry run counts
right, and live traffic waits at most 1.2 times as long."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from tests.support.isolation import Destination, Scene, Waits, open_scene
from tests.support.redelivery import fail_everything, through_a_death

pytestmark = [pytest.mark.proof, pytest.mark.anyio]

KINDS = ["sqlite", "postgresql"]
ROUNDS = 4
LIVE_SECONDS = 10.0
MOST_TIMES = 1.2


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_range_through_a_death(kind: str, tmp_path: Path) -> None:
    outcome = await through_a_death(kind, tmp_path, "job.after_commit:8", count=2000)
    print(f"C7 {kind}: {outcome}")
    outcome.check()
    assert 0 < outcome.done_at_death < 2000


async def test_control_a_cursor_that_is_moved_on_its_own_loses_events(tmp_path: Path) -> None:
    outcome = await through_a_death(
        "sqlite", tmp_path, "job.before_commit:4", count=1000, broken_as="cursor_first", patience=3
    )
    print(f"C7 control, cursor committed first: {outcome}")
    assert outcome.missing
    with pytest.raises(AssertionError):
        outcome.check()


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
async def test_a_hundred_thousand_beside_live_traffic(kind: str, tmp_path: Path) -> None:
    print(f"C7 {kind}: {await beside_live_traffic(kind, tmp_path, 100_000)}")


async def beside_live_traffic(kind: str, directory: Path, count: int) -> str:
    """The waits of live events, 300/s to 50 webhooks, while so many are redelivered, and while nothing is: in
    turn, since a machine is not the same at all times."""
    alone, beside, rates = Waits([]), Waits([]), []
    async with open_scene(kind, directory) as scene:
        big, hook = await _much_that_failed(scene, count)
        await scene.add_healthy(50)
        await asyncio.sleep(2)
        left = await _matched(scene, big, hook)
        assert left == count
        for _ in range(ROUNDS):
            alone += await scene.measure(LIVE_SECONDS)
            job, before = await _order(scene, big, hook), _arrived(scene)
            async with asyncio.timeout(60):  # it counts first
                while _arrived(scene) == before:
                    await asyncio.sleep(0.1)
            begun, before = time.monotonic(), _arrived(scene)
            beside += await scene.measure(LIVE_SECONDS)
            rates.append((_arrived(scene) - before) / (time.monotonic() - begun))
            assert (await _job(scene, big, job))["matched"] == left
            await _cancelled(scene, big, job)
            left = await _matched(scene, big, hook)
        arrived = _arrived(scene)
        said = (
            f"live alone {alone}; beside {beside}; p99 {beside.p99 / alone.p99:.2f}×;"
            f" {arrived} of {count} redelivered meanwhile, {mean(rates):.0f} a second"
        )
        assert left == count - arrived, said  # what was cancelled with its job is as if never ordered
        assert arrived > 300, said
        assert scene.refused == 0, said
        assert beside.p99 <= MOST_TIMES * alone.p99, said
        return said


async def _much_that_failed(scene: Scene, count: int) -> tuple[Destination, str]:
    """Events of one organization whose deliveries have all failed, and the id of their webhook."""
    made = await scene.add("big", ["http://127.0.0.1:9/"])
    [big] = made
    await scene.burst([big], count)
    await asyncio.to_thread(scene.process.stop)
    await fail_everything(scene.process.environ["HUM_GATEWAY_DATABASE_URL"])
    await asyncio.to_thread(scene.process.start)
    scene.healthy.trust("/big", made[big])
    headers = {"X-HUM-Org": big.org}
    async with scene._http() as http:
        [hook] = (await http.get("/api/webhooks", headers=headers)).json()["data"]
        path = f"/api/webhooks/{hook['id']}"
        answer = await http.patch(path, json={"url": scene.healthy.url("/big")}, headers=headers)
        assert answer.status_code == 200, answer.text
    return big, str(hook["id"])


async def _matched(scene: Scene, big: Destination, hook: str) -> int:
    """What a dry run says."""
    async with scene._http() as http:
        path, headers = f"/api/webhooks/{hook}/redeliver", {"X-HUM-Org": big.org}
        answer = await http.post(path, json={"dry_run": True}, headers=headers)
        return int(answer.json()["matched"])


async def _order(scene: Scene, big: Destination, hook: str) -> str:
    async with scene._http() as http:
        path, headers = f"/api/webhooks/{hook}/redeliver", {"X-HUM-Org": big.org}
        answer = await http.post(path, json={}, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])


async def _job(scene: Scene, big: Destination, job_id: str) -> dict[str, Any]:
    async with scene._http() as http:
        answer = await http.get(f"/api/jobs/{job_id}", headers={"X-HUM-Org": big.org})
        found: dict[str, Any] = answer.json()
        return found


async def _cancelled(scene: Scene, big: Destination, job_id: str) -> None:
    """The job is cancelled, and what it had put into memory is over."""
    async with scene._http() as http:
        answer = await http.post(f"/api/jobs/{job_id}/cancel", headers={"X-HUM-Org": big.org})
        assert answer.status_code == 200, answer.text
        async with asyncio.timeout(60):
            while (await _job(scene, big, job_id))["status"] != "cancelled":
                await asyncio.sleep(0.2)
    before = -1
    while (arrived := _arrived(scene)) != before:
        before = arrived
        await asyncio.sleep(1)


def _arrived(scene: Scene) -> int:
    """How many of the redelivered have come."""
    return sum(1 for got in scene.healthy.accepted.values() if got[0].path == "/big")
