"""What the sources say of one caller, each when it is there: some at once, out of what is kept, the others
when they have been asked. Whoever listens may stop listening; the sources go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from gateway.clock import Clock
from gateway.domain.resolution import Heard
from gateway.enrich.recalls import Recalled
from gateway.enrich.sources import Ask

log = logging.getLogger("gateway.callers")

TIMEOUT: Final = "timeout"


class Hearing:
    """One caller's questions and what came of them. `after` says for each how many seconds it took, None
    while it is out."""

    def __init__(self, asks: Sequence[Ask], clock: Clock, begun: float) -> None:
        self.asks = asks
        self.after: list[float | None] = [None] * len(asks)
        self._heard: list[Heard | None] = [None] * len(asks)
        self._clock = clock
        self._begun = begun
        self._tasks: set[asyncio.Task[Heard]] = set()

    def recall(self, recalled: Recalled) -> None:
        """Hears those who have something to say out of what is kept."""
        for number, ask in enumerate(self.asks):
            try:
                heard = ask.known(recalled)
            except Exception:
                log.exception("what %s has said before cannot be told", ask.source)
                heard = Heard(ask.source, "failed", error="internal")
            if heard is not None:
                self._hear(number, heard)
                if heard.stale:
                    ask.refresh()

    def ask(self, memory: asyncio.Future[Recalled], *, patiently: bool = False) -> None:
        """Asks all others. `memory` is what is kept, for those who need it whenever it comes; `patiently`:
        nobody is asked before it has."""
        for number, ask in enumerate(self.asks):
            if self._heard[number] is None:
                asking = _after(memory, ask) if patiently else ask.hear(memory)
                # Not broken off when the waiting ends, nor when whoever waits goes away.
                task = asyncio.create_task(asking, name="ask")
                self._tasks.add(task)
                task.add_done_callback(partial(self._finished, number))

    async def wait(self, seconds: float) -> None:
        """Until all have answered, at most so long."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(seconds, 0))

    async def next(self) -> None:
        """Until a further one has answered."""
        if self._tasks:
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    @property
    def waiting(self) -> bool:
        """Whether anybody is still being asked."""
        return bool(self._tasks)

    @property
    def pending(self) -> tuple[str, ...]:
        """Who is still being asked."""
        if not self._tasks:
            return ()
        return tuple(ask.source for ask, heard in zip(self.asks, self._heard, strict=True) if heard is None)

    def said(self) -> list[Heard]:
        """What each says, in the order of the questions; of those who are still being asked, what can be said
        without them."""
        return [
            ask.without(TIMEOUT) if heard is None else heard
            for ask, heard in zip(self.asks, self._heard, strict=True)
        ]

    def stop(self) -> None:
        """Breaks off what is under way."""
        for task in self._tasks:
            task.cancel()

    def _hear(self, number: int, heard: Heard) -> None:
        self._heard[number] = heard
        self.after[number] = self._clock.monotonic() - self._begun

    def _finished(self, number: int, task: asyncio.Task[Heard]) -> None:
        self._tasks.discard(task)
        ask = self.asks[number]
        if task.cancelled():
            self._hear(number, ask.without("aborted"))
            return
        problem = task.exception()
        if problem is not None:
            log.error("asking %s failed", ask.source, exc_info=problem)
            self._hear(number, Heard(ask.source, "failed", error="internal"))
        else:
            self._hear(number, task.result())


async def _after(memory: asyncio.Future[Recalled], ask: Ask) -> Heard:
    known = ask.known(await asyncio.shield(memory))
    return await ask.hear(memory) if known is None else known
