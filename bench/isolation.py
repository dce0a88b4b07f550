"""Healthy receivers beside hung ones: what 500 that take a connection and never answer cost the others.

The same gateway is measured before and after the hung webhooks come, under the same load: 300 events/s to
the healthy ones, and a trickle to ten other organizations, which own the hung ones, 50 each (the limit's
default). Each hung webhook is owed a backlog from the beginning: all are being tried all the time.

    one             one healthy webhook; the hung ones never answered
    many            50 healthy webhooks that take turns; the same
    worked_before   50 healthy webhooks; the hung ones had answered well, then all stop at once
"""

from __future__ import annotations

import time
from typing import Any

from bench.peers import Sink, end_load, load, start_load
from bench.rig import Gateway
from bench.sizes import Sizes
from bench.stock import Place
from bench.throughput import steady, warm_up

RATE = 300
TRICKLE = 2  # events/s, each to the hung webhooks of one organization
ORGANIZATIONS = 10


def isolation(case: str, place: Place, sizes: Sizes) -> dict[str, Any]:
    """The latencies of the healthy ones alone and beside the hung ones."""
    healthy = 1 if case == "one" else sizes.healthy
    with Sink(healthy) as sink, Sink(sizes.hung) as hung, Gateway(*place) as gateway:
        types = _healthy_webhooks(gateway, sink)
        alone = _measure(gateway, sink, types, sizes)
        hung_each = _hung_webhooks(gateway, hung)
        if case == "worked_before":
            _let_them_work(gateway, hung, sizes)
        hung.ask("hang")
        hung.ask("reset")
        _burden(gateway, events=ORGANIZATIONS * sizes.backlog_each, connections=8)
        time.sleep(sizes.settle_seconds)
        beside = _measure(gateway, sink, types, sizes)
        tried = hung.ask("report")["received"]
    return {
        "alone": alone,
        "beside": beside,
        "p99_ratio": beside["p99_ms"] / alone["p99_ms"],
        "healthy": healthy,
        "hung": hung_each * ORGANIZATIONS,
        "hung_attempts": tried,
    }


def _healthy_webhooks(gateway: Gateway, sink: Sink) -> str:
    """One on each port of the sink, each for a type of its own; the types."""
    types = [f"healthy.n{number}" for number in range(len(sink.ports))]
    for port, type_ in zip(sink.ports, types, strict=True):
        gateway.webhook(port, type_, "bench.*" if port == sink.port else type_)
    warm_up(gateway, sink)
    sink.ask("reset")
    load(gateway.port, gateway.key, events=20 * len(types), types=",".join(types), connections=8)
    sink.wait_for(20 * len(types))
    return ",".join(types)


def _hung_webhooks(gateway: Gateway, hung: Sink) -> int:
    """Spread over the other organizations; how many each has."""
    each = len(hung.ports) // ORGANIZATIONS
    for number, port in enumerate(hung.ports[: each * ORGANIZATIONS]):
        gateway.webhook(port, "hung.*", org=f"hung{number % ORGANIZATIONS}")
    return each


def _let_them_work(gateway: Gateway, hung: Sink, sizes: Sizes) -> None:
    """A few deliveries to each, so that it counts as one that answers."""
    hung.ask("reset")
    _burden(gateway, events=5 * ORGANIZATIONS, connections=4)
    hung.wait_for(5 * len(hung.ports))


def _burden(gateway: Gateway, **options: object) -> None:
    load(gateway.port, gateway.key, orgs=_organizations(), types="hung.event", **options)


def _measure(gateway: Gateway, sink: Sink, types: str, sizes: Sizes) -> dict[str, float]:
    """The latencies of the healthy ones while the trickle flows."""
    trickle = start_load(
        gateway.port, gateway.key, orgs=_organizations(), types="hung.event", connections=2,
        events=TRICKLE * sizes.isolation_seconds, rate=TRICKLE,
    )  # fmt: skip
    found = steady(gateway, sink, events=RATE * sizes.isolation_seconds, rate=RATE, types=types)
    end_load(trickle)
    return found


def _organizations() -> str:
    return ",".join(f"hung{number}" for number in range(ORGANIZATIONS))
