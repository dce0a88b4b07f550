"""Proof C6: secrets are rotated under load, and no receiver notices, whichever secret it knows.

Nine receivers know the old secret only, the new one only, or both, and refuse everything else with 401, 400
or 500. They check X-HUM-Signature, which carries one signature. Shortly before the end those that knew the
old secret are given the new one.
"""

from __future__ import annotations

import asyncio
import time
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from gateway.clock import parse_time
from tests.support.oracle import Verdict
from tests.support.rotating import Holder, Knows, RotatingSink
from tests.support.under_load import Stage, open_stage

pytestmark = [pytest.mark.anyio, pytest.mark.proof]

GRACE_SECONDS = 2
DEPLOYED_AFTER = 0.8  # of the period
AFTER_THE_END = 1.1  # seconds: timestamps are whole seconds
QUICK, LONG = 2, 100
KNOWS: tuple[Knows, ...] = ("old", "new", "both")
EVENTS_PER_SECOND = 33  # each goes to nine receivers: 300 deliveries per second


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_no_receiver_notices(kind: str, tmp_path: Path) -> None:
    await _prove(kind, QUICK, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_no_receiver_notices_a_hundred_times(kind: str, tmp_path: Path) -> None:
    await _prove(kind, LONG, tmp_path)


@pytest.mark.parametrize("variant", ["never_swaps", "keeps_old"])
async def test_control_they_notice_when_it_is_broken(variant: str, tmp_path: Path) -> None:
    async with open_stage("sqlite", tmp_path, rate=EVENTS_PER_SECOND, sink_type=RotatingSink) as stage:
        sink = await _begin(stage, variant)
        await _rotate_all(stage, sink)
        print(f"C6 control, {variant}: {sink.late} of later attempts, {sink.stale} signed after the end")
        assert (sink.late if variant == "never_swaps" else sink.stale) > 0


async def _prove(kind: str, rotations: int, directory: Path) -> None:
    async with open_stage(kind, directory, rate=EVENTS_PER_SECOND, sink_type=RotatingSink) as stage:
        sink = await _begin(stage)
        for _ in range(rotations):
            await _rotate_all(stage, sink)
        verdict = await stage.settle(timeout=30)
    print(_told(kind, rotations, sink, verdict))
    verdict.check()
    assert sink.refused, "nobody refused anything: nothing was shown"
    assert (sink.late, sink.stale) == (0, 0)


async def _begin(stage: Stage, variant: str | None = None) -> RotatingSink:
    """A running gateway, the nine webhooks, and a load of which each has had something."""
    sink = stage.sink
    assert isinstance(sink, RotatingSink)
    await stage.start(broken_as=variant)
    for knows, status in product(KNOWS, (401, 400, 500)):
        path = f"/{knows}-{status}"
        answer = await stage.call("POST", "/api/webhooks", json=stage.webhook(path))
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        sink.holders[path] = Holder(made["id"], knows, status, made["secret"], made["secret"])
    stage.load.start()
    await sink.wait_until(lambda: sink.received > 100, timeout=20)
    return sink


async def _rotate_all(stage: Stage, sink: RotatingSink) -> None:
    """One rotation of all nine, from its beginning to some time after its end."""
    body = {"grace_period_seconds": GRACE_SECONDS}
    loop, ends = asyncio.get_running_loop(), 0
    for holder in sink.holders.values():
        answer = await stage.call("POST", f"/api/webhooks/{holder.webhook_id}/rotate-secret", json=body)
        assert answer.status_code == 200, answer.text
        holder.begin(answer.json()["secret"])
        ends_at = parse_time(answer.json()["rotation"]["ends_at"])
        deployed_at = ends_at - 1000 * GRACE_SECONDS * (1 - DEPLOYED_AFTER)
        loop.call_later(_until(deployed_at), holder.deploy)
        loop.call_later(_until(ends_at), holder.end, ends_at)
        ends = max(ends, ends_at)
    await asyncio.sleep(_until(ends) + AFTER_THE_END)


def _until(at: float) -> float:
    return max(at / 1000 - time.time(), 0)


def _told(kind: str, rotations: int, sink: RotatingSink, verdict: Verdict) -> str:
    return (
        f"C6 {kind}: {rotations} rotations of {len(sink.holders)} webhooks, {sink.received} deliveries, "
        f"{sink.refused} refused and sent with the other secret, {sink.late} of later attempts, "
        f"{sink.stale} signed after the end; {verdict}"
    )
