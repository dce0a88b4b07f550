"""So many in a second, or so much in a while, and no more, for each name apart: what may be asked for
again and again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(slots=True)
class Pace:
    """Counts on this node alone. `monotonic` is a clock in seconds."""

    most_per_second: int
    monotonic: Callable[[], float]
    _recent: dict[str, deque[float]] = field(default_factory=dict)

    def allows(self, name: str) -> bool:
        """Whether there were few enough in the last second; counts this one."""
        now = self.monotonic()
        self._recent = {other: times for other, times in self._recent.items() if times[-1] > now - 1}
        times = self._recent.setdefault(name, deque(maxlen=self.most_per_second))
        if len(times) == self.most_per_second and times[0] > now - 1:
            return False
        times.append(now)
        return True


@dataclass(slots=True)
class Budget:
    """As `Pace`, for what weighs differently: so much in any `seconds`."""

    most: int
    seconds: float
    monotonic: Callable[[], float]
    _spent: dict[str, deque[tuple[float, int]]] = field(default_factory=dict)

    def spend(self, name: str, amount: int) -> float:
        """0.0 when there was enough left: then it is spent. Else the seconds until there will be; `amount` is
        never more than `most`."""
        now = self.monotonic()
        since = now - self.seconds
        self._spent = {other: spent for other, spent in self._spent.items() if spent[-1][0] > since}
        spent = self._spent.setdefault(name, deque())
        while spent and spent[0][0] <= since:
            spent.popleft()
        left, wait = self.most - sum(one for _, one in spent), 0.0
        for at, one in spent:
            if left >= amount:
                break
            left += one
            wait = at - since
        if not wait:
            spent.append((now, amount))
        return wait
