"""How much is sent, filled and repeated: in full, quickly, and just enough to try the bench itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sizes:
    """Counts are events unless they say otherwise."""

    rounds: int
    single: int
    batch: int
    fan_out: int
    floor: int
    latency_seconds: int
    settle_seconds: float
    growth_cases: tuple[str, ...]
    growth_single: int
    growth_batch: int
    growth_repeats: int
    history: int
    pending: int
    organizations: int
    webhooks_each: int
    isolation_cases: tuple[str, ...]
    isolation_seconds: int
    hung: int
    healthy: int
    backlog_each: int
    memory_pending: int
    starts: int
    callers: int
    callers_seconds: int
    callers_warm: int


FULL: Final = Sizes(
    rounds=3,
    single=12_000,
    batch=30_000,
    fan_out=1_500,
    floor=8_000,
    latency_seconds=15,
    settle_seconds=2,
    growth_cases=("history", "pending", "webhooks", "webhooks_in_use", "webhooks_in_one"),
    growth_single=5_000,
    growth_batch=15_000,
    growth_repeats=2,
    history=1_000_000,
    pending=1_000_000,
    organizations=200,
    webhooks_each=50,
    isolation_cases=("one", "many", "worked_before"),
    isolation_seconds=15,
    hung=500,
    healthy=50,
    backlog_each=20,
    memory_pending=100_000,
    starts=3,
    callers=2_000,
    callers_seconds=15,
    callers_warm=20_000,
)

QUICK: Final = Sizes(
    rounds=1,
    single=3_000,
    batch=8_000,
    fan_out=300,
    floor=3_000,
    latency_seconds=3,
    settle_seconds=0.3,
    growth_cases=("history",),
    growth_single=1_000,
    growth_batch=4_000,
    growth_repeats=1,
    history=20_000,
    pending=10_000,
    organizations=10,
    webhooks_each=50,
    isolation_cases=("many",),
    isolation_seconds=3,
    hung=100,
    healthy=50,
    backlog_each=5,
    memory_pending=10_000,
    starts=1,
    callers=500,
    callers_seconds=5,
    callers_warm=5_000,
)

TINY: Final = Sizes(
    rounds=1,
    single=100,
    batch=200,
    fan_out=20,
    floor=200,
    latency_seconds=1,
    settle_seconds=0.1,
    growth_cases=("history",),
    growth_single=50,
    growth_batch=200,
    growth_repeats=1,
    history=500,
    pending=500,
    organizations=3,
    webhooks_each=4,
    isolation_cases=("worked_before",),
    isolation_seconds=1,
    hung=10,
    healthy=4,
    backlog_each=2,
    memory_pending=500,
    starts=1,
    callers=20,
    callers_seconds=1,
    callers_warm=200,
)
