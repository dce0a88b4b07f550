"""So many in a second and no more, for each name apart: what a person may ask for again and again."""

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
