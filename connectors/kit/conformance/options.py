"""How a connector is to be checked."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx

from connectors.kit.conformance.check import Mode, Profile
from connectors.kit.conformance.seed import Seed
from connectors.kit.conformance.stage import Show

SHORTEST_SECRET: Final = 16  # characters; HUM makes and takes no shorter ones


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Times in seconds.

    `timeout` is for one exchange, as a connector's `timeout_ms`; `total` for the whole run; `settle` how long
    a new contact may take until it is found. `only`: beginnings of ids. `show_activity`: the text of an
    activity in the CRM by its id, for the checks that look there.

    `transport` replaces the network, for instance `in_process(app)`; `clock` (monotonic), `now` and
    `randomness` are the machine's.
    """

    profile: Profile = "full"
    mode: Mode = "strict"
    seed: Seed = field(default_factory=Seed)
    allow_writes: bool = False
    only: tuple[str, ...] = ()
    timeout: float = 4.0
    total: float = 120.0
    settle: float = 10.0
    concurrency: int = 8
    show_activity: Show | None = None
    ca_file: Path | None = None
    transport: httpx.AsyncBaseTransport | None = None
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    randomness: Callable[[int], bytes] = secrets.token_bytes
