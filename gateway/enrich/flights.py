"""One piece of work for all who ask for the same at the same time, and for none of them alone: whoever goes
away takes nothing from the others."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Flights(Generic[K, T]):
    """Work under way, by what it is about. It must raise nothing itself: nobody may be there to hear."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: dict[K, asyncio.Task[T]] = {}

    def join(self, key: K, start: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Future[T]:
        """What the work comes to, started if it is not under way. Cancelling the future ends nothing."""
        task = self._tasks.get(key)
        if task is None:
            task = self._tasks[key] = asyncio.create_task(start(), name=self._name)
            task.add_done_callback(lambda _: self._tasks.pop(key, None))
        return asyncio.shield(task)

    def __len__(self) -> int:
        return len(self._tasks)

    async def stop(self) -> None:
        """Breaks off what is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
