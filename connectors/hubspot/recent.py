"""What this process has done in HubSpot a moment ago, and HubSpot's search does not know yet."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Recent(Generic[T]):
    """A value for each key, forgotten after `seconds`; beyond `most` keys the oldest goes."""

    def __init__(
        self, seconds: float, most: int = 10_000, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._seconds = seconds
        self._most = most
        self._monotonic = monotonic
        self._values: OrderedDict[str, tuple[float, T]] = OrderedDict()

    def put(self, key: str, value: T) -> None:
        self._values.pop(key, None)
        self._values[key] = (self._monotonic(), value)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def get(self, key: str) -> T | None:
        """The value, or None when there is none or its time is over."""
        return self._values[key][1] if self.seconds_left(key) > 0 else None

    def seconds_left(self, key: str) -> float:
        """How long the key is remembered from now on; 0 when it is not."""
        if key not in self._values:
            return 0.0
        left = self._values[key][0] + self._seconds - self._monotonic()
        if left <= 0:
            del self._values[key]
        return max(left, 0.0)

    def forget(self, key: str) -> None:
        self._values.pop(key, None)
