"""What the gateway needs before it works and while it waits: the time to start, and memory."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from bench.peers import BareServer, Sink, load
from bench.rig import Gateway
from bench.sizes import Sizes
from bench.stock import Place

HUNG_TARGETS = 10


def start(place: Place, filled: Place, sizes: Sizes) -> dict[str, Any]:
    """Seconds from the start of the process until /readyz says yes: on a new database (which it migrates), on
    an empty one, and with much pending; beside a bare uvicorn and Starlette."""
    with Gateway(*place, key=False) as gateway:
        new = gateway.started_in
    bare, empty, loaded = [], [], []
    for _ in range(sizes.starts):
        with BareServer() as server:
            bare.append(server.started_in)
        with Gateway(*place, key=False) as gateway:
            empty.append(gateway.started_in)
        with Gateway(*filled, key=False) as gateway:
            loaded.append(gateway.started_in)
    return {
        "new_seconds": new,
        "empty_seconds": median(empty),
        "pending_seconds": median(loaded),
        "pending": sizes.pending,
        "floor_seconds": median(bare),
    }


def memory(place: Place, sizes: Sizes) -> dict[str, Any]:
    """Resident megabytes: with nothing pending, with deliveries to receivers that never answer (as many of
    them in memory as it ever keeps), after a new start with these; beside a bare uvicorn and Starlette."""
    with BareServer() as server:
        result: dict[str, Any] = {"floor_mb": server.memory_mb, "pending": sizes.memory_pending}
    with Sink(HUNG_TARGETS) as sink:
        sink.ask("hang")
        with Gateway(*place) as gateway:
            result["empty_mb"] = gateway.memory_mb()
            for number, port in enumerate(sink.ports):
                gateway.webhook(port, f"hung.n{number}")
            types = ",".join(f"hung.n{number}" for number in range(HUNG_TARGETS))
            load(
                gateway.port, gateway.key, events=sizes.memory_pending, batch=100, connections=8, types=types
            )
            time.sleep(sizes.settle_seconds)
            result["pending_mb"] = gateway.memory_mb()
            result["pending_peak_mb"] = gateway.memory_mb("VmHWM")
        with Gateway(*place) as gateway:
            time.sleep(sizes.settle_seconds)
            result["restarted_mb"] = gateway.memory_mb()
    return result
