"""What jobs made starts one by one beside events, in turn, and all at once when no event comes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from gateway.dispatch.spare import GAP_SECONDS, QUIET_SECONDS, Spare
from gateway.dispatch.target import Target
from gateway.domain.delivery import LATER
from gateway.domain.owed import Owed
from tests.support.clock import ManualClock
from tests.support.node import running_node

pytestmark = pytest.mark.anyio


def target(name: str, *, jobs: int = 1, events: int = 0) -> Target:
    made = Target(name, "acme")
    for number in range(jobs):
        made.push(owed(f"{name}-job-{number}", LATER))
    for number in range(events):
        made.push(owed(f"{name}-event-{number}", 0))
    return made


def owed(name: str, priority: int) -> Owed:
    return Owed(
        id=name, org_id="acme", target_id="whk_1", event=None, queue="lse_1", attempts_made=0, steps_used=0,
        expires_at=0, priority=priority, created_at=0, event_id="evt_1",
    )  # fmt: skip


class Scene:
    """Spare turns on a clock that is turned by hand; `started` has who started when, in ms."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.began = self.clock.monotonic()
        self.spare = Spare(self.clock, self.ask, self._spawn)
        self.started: list[tuple[str, int]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def ask(self, target: Target) -> None:
        """As the dispatcher does: starts what may start, as often as it may."""
        while not target.idle and self.spare.lets_start(target, self.clock.monotonic()):
            self.started.append((target.pop().id, round(1000 * (self.clock.monotonic() - self.began))))

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


GAP = round(1000 * GAP_SECONDS)


async def test_without_events_all_start_at_once() -> None:
    scene = Scene()
    scene.ask(target("a", jobs=5))
    assert [at for _, at in scene.started] == [0] * 5


async def test_beside_events_they_start_one_by_one() -> None:
    scene = Scene()
    scene.spare.see_event()
    scene.ask(target("a", jobs=4))
    await scene.clock.advance(1)
    assert scene.started == [(f"a-job-{number}", number * GAP) for number in range(4)]


async def test_targets_take_turns() -> None:
    scene = Scene()
    scene.spare.see_event()
    for name in "abc":
        scene.ask(target(name, jobs=2))
    await scene.clock.advance(1)
    assert (
        "".join(name[0] for name, _ in scene.started) == "aabcbc"
    )  # who has started waits behind the others
    assert [at for _, at in scene.started] == [number * GAP for number in range(6)]


async def test_events_wait_for_no_turn() -> None:
    scene = Scene()
    scene.spare.see_event()
    scene.ask(target("a", jobs=1))
    scene.ask(target("a", jobs=1, events=3))
    assert [name for name, _ in scene.started] == ["a-job-0", "a-event-0", "a-event-1", "a-event-2"]


async def test_who_has_nothing_left_lets_its_turn_pass() -> None:
    scene = Scene()
    scene.spare.see_event()
    first, gone, last = target("a", jobs=2), target("b"), target("c")
    for one in (first, gone, last):
        scene.ask(one)
    gone.take_all()
    await scene.clock.advance(1)
    assert [name for name, _ in scene.started] == ["a-job-0", "a-job-1", "c-job-0"]


async def test_a_moment_after_the_last_event_nobody_waits_any_more() -> None:
    scene = Scene()
    scene.spare.see_event()
    assert scene.spare.busy
    many = target("a", jobs=2 * round(QUIET_SECONDS / GAP_SECONDS))
    scene.ask(many)
    await scene.clock.advance(QUIET_SECONDS + GAP_SECONDS)
    assert (scene.spare.busy, many.idle) == (False, True)


async def test_an_event_that_nobody_is_owed_is_one_all_the_same(any_database: str) -> None:
    """Who sends it waits for its acceptance. Control: that the node has started is no event."""
    async with running_node(any_database) as node:
        assert not node.gateway.dispatcher.spare.busy
        await node.send()
        assert node.gateway.dispatcher.spare.busy
