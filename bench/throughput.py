"""How many events a second go all the way (accepted, signed, received, recorded), and what each one costs.

The clock runs from the first request to the last delivery recorded as delivered. Rounds take turns with the
floors, so that both see the same moods of the machine.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from bench.peers import BareServer, Sink, connections, database_cpu_seconds, floor, load, others_busy
from bench.rig import OTHER_CORES, Gateway
from bench.sizes import Sizes
from bench.stock import Place

Figures = dict[str, float]
FAN_OUT = 10


def throughput(kind: str, place: Place, sizes: Sizes) -> dict[str, Any]:
    """One event per request, batches of 100, and fan-out to ten; each beside its floors."""
    with Sink() as sink, Gateway(*place) as gateway:
        gateway.webhook(sink.port, "bench.*")
        for _ in range(FAN_OUT):
            gateway.webhook(sink.port, "fan.*")
        warm_up(gateway, sink)
        rounds = [_round(kind, place.url, gateway, sink, sizes) for _ in range(sizes.rounds)]
    return {group: together([found[group] for found in rounds]) for group in rounds[0]}


def warm_up(gateway: Gateway, sink: Sink, events: int = 500) -> None:
    """Connections are opened, targets have shown that they answer, caches are full."""
    end_to_end(gateway, sink, events=events, batch=1)
    end_to_end(gateway, sink, events=events, batch=100)


def end_to_end(
    gateway: Gateway, sink: Sink, *, events: int, batch: int, fan_out: int = 1, **options: object
) -> Figures:
    """One load, from its first request until all it made is recorded as delivered."""
    sink.ask("reset")
    before, statements = gateway.delivered(), gateway.metric("sql_statements_total")
    cpu, database_cpu, busy = gateway.cpu_seconds(), database_cpu_seconds(), others_busy()
    sent = load(
        gateway.port, gateway.key, events=events, batch=batch, connections=connections(batch), **options
    )
    deliveries = int(sent["acknowledged"]) * fan_out
    if not deliveries:
        raise RuntimeError(f"the gateway refused all {events} events")
    received = sink.wait_for(deliveries)
    ended = gateway.wait_until_delivered(before + deliveries)
    used, busy_after = gateway.cpu_seconds() - cpu, others_busy()
    database_used = database_cpu_seconds() - database_cpu
    seconds = ended - sent["began"]
    return {
        "events_per_second": sent["acknowledged"] / seconds,
        "deliveries_per_second": deliveries / seconds,
        "cpu_us": used / deliveries * 1e6,
        "database_cpu_us": database_used / deliveries * 1e6,
        "statements": (gateway.metric("sql_statements_total") - statements) / deliveries,
        "refused": sent["refused"],
        "surplus": received["received"] - deliveries,
        "helpers_share": _share(sent["cpu"], received["cpu"], seconds),
        "others_busy": (busy_after[0] - busy[0]) / max(busy_after[1] - busy[1], 0.01),
        "gateway_share": used / seconds,
    }


def _share(load_cpu: float, sink_cpu: float, seconds: float) -> float:
    """How much of a core generator and receiver used: together when they share it, else the busier one."""
    return (load_cpu + sink_cpu if len(OTHER_CORES) == 1 else max(load_cpu, sink_cpu)) / seconds


def _round(kind: str, url: str, gateway: Gateway, sink: Sink, sizes: Sizes) -> dict[str, Figures]:
    floors = _floors(kind, url, sizes)
    single = end_to_end(gateway, sink, events=sizes.single, batch=1)
    batch = end_to_end(gateway, sink, events=sizes.batch, batch=100)
    fan = end_to_end(gateway, sink, events=sizes.fan_out, batch=1, fan_out=FAN_OUT, types="fan.event")
    _beside(single, floors["accept_single"] + floors["post"] + floors["insert"] + floors["seal"])
    _beside(batch, floors["accept_batch"] + floors["post"] + floors["insert"] + floors["seal"])
    # An event's share of what is done once; deliveries and attempts are most of the insert.
    once = floors["accept_single"] + floors["seal"]
    _beside(fan, once / FAN_OUT + floors["post"] + floors["insert"])
    return {"floors": floors, "single": single, "batch": batch, "fan_out_10": fan}


def _beside(figures: Figures, floor_us: float) -> None:
    """The floor next to the figure: microseconds for each delivery, and what one core could do with them."""
    fan_out = figures["deliveries_per_second"] / figures["events_per_second"]
    figures["floor_cpu_us"] = floor_us
    figures["times_floor"] = figures["cpu_us"] / floor_us
    figures["floor_deliveries_per_second"] = 1e6 / floor_us
    figures["floor_events_per_second"] = 1e6 / floor_us / fan_out


def _floors(kind: str, url: str, sizes: Sizes) -> Figures:
    """CPU microseconds for each event."""
    count = sizes.floor
    with Sink() as sink:
        posted = floor("post", "--port", sink.port, "--count", count)
    target = ("--url", url) if kind == "postgresql" else ()
    inserted = floor(f"insert-{kind}", *target, "--count", count)
    sealed = floor("seal", "--count", count * 4)
    with BareServer() as server:
        return {
            "accept_single": server.cpu_us_per_event(count, 1),
            "accept_batch": server.cpu_us_per_event(count * 4, 100),
            "post": posted["cpu"] / count * 1e6,
            "insert": inserted["cpu"] / count * 1e6,
            "seal": sealed["cpu"] / (count * 4) * 1e6,
            "transaction_p50_ms": inserted["p50_ms"],
            "transaction_worst_ms": inserted["worst_ms"],
        }


def together(rounds: list[Figures]) -> dict[str, Any]:
    """The median of each figure; where there were several rounds also the lowest and the highest."""
    found: dict[str, Any] = {}
    for name in rounds[0]:
        values = sorted(figures[name] for figures in rounds)
        found[name] = median(values)
        if len(values) > 1:
            found[f"{name}_range"] = [values[0], values[-1]]
    return found


def latency(place: Place, sizes: Sizes, rate: int = 300) -> dict[str, Any]:
    """From when an event is due to its receipt, at a steady rate; beside it generator and receiver alone."""
    events = rate * sizes.latency_seconds
    with Sink() as sink:
        sink.ask("reset timing")
        load(sink.port, "hum_live_floor", events=events // 3, rate=rate, connections=64)
        bare = sink.wait_for(events // 3)
        with Gateway(*place) as gateway:
            gateway.webhook(sink.port, "bench.*")
            warm_up(gateway, sink)
            time.sleep(sizes.settle_seconds)
            found = steady(gateway, sink, events=events, rate=rate)
    return found | {f"floor_{name}": bare[name] for name in ("p50_ms", "p95_ms", "p99_ms")}


def steady(gateway: Gateway, sink: Sink, *, events: int, rate: float, types: str = "bench.event") -> Figures:
    """The latencies of a load on a timetable, of its answers as well."""
    sink.ask("reset timing")
    cpu, begun = gateway.cpu_seconds(), time.monotonic()
    sent = load(gateway.port, gateway.key, events=events, rate=rate, connections=64, types=types)
    found = sink.wait_for(events, patience=30)
    share = (gateway.cpu_seconds() - cpu) / (time.monotonic() - begun)
    if not found["received"]:
        raise RuntimeError(f"none of {events} events arrived")
    result: Figures = {name: found[name] for name in ("p50_ms", "p95_ms", "p99_ms")}
    result |= {f"answer_{name}": sent[name] for name in ("p50_ms", "p95_ms", "p99_ms")}
    missing = max(events - found["received"], 0)
    return result | {"missing": missing, "refused": sent["refused"], "gateway_share": share}
