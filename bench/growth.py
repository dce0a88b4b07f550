"""Whether it stays as fast when there is much in the database: events/s beside those on an empty one.

Visits to the empty and to the filled database take turns, each with a gateway of its own, for one that idles
beside would cost both. A ratio compares a filled database with the visits to the empty one before and after.

    history           a million delivered events of the same organization, over twenty days
    pending           a million deliveries of another organization, to twenty receivers that are down
    webhooks          10,000 webhooks of 200 other organizations, registered and idle
    webhooks_in_use   the same, and the load goes to all of them in turn
    webhooks_in_one   10,000 webhooks of the same organization for other types (the limit was raised)
"""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from typing import Any

from bench.peers import Sink
from bench.rig import Gateway
from bench.sizes import Sizes
from bench.stock import Place, Stock
from bench.throughput import Figures, end_to_end, together, warm_up

MOST_SECONDS = 6.0


def growth(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    """Each case beside the empty database."""
    with Sink() as sink, stock.empty(sink.port) as empty:
        found: dict[str, Any] = {}
        before = _visit(empty, sink, sizes)
        for name in sizes.growth_cases:
            if name == "webhooks_in_use":
                continue  # together with `webhooks`, on the same database
            with _place(stock, name, sink.port) as place:
                made = {name: _visit(place, sink, sizes)}
                if name == "webhooks" and "webhooks_in_use" in sizes.growth_cases:
                    made["webhooks_in_use"] = _visit_all(place, sink, stock, sizes)
            after = _visit(empty, sink, sizes)
            found |= {case: _beside(figures, before, after) for case, figures in made.items()}
            before = after
    return found | {
        "history_count": sizes.history,
        "pending_count": sizes.pending,
        "webhooks_count": sizes.organizations * sizes.webhooks_each,
    }


def _place(stock: Stock, name: str, port: int) -> AbstractContextManager[Place]:
    makers = {
        "history": stock.history,
        "pending": stock.pending,
        "webhooks": stock.webhooks,
        "webhooks_in_one": stock.webhooks_in_one,
    }
    return makers[name](port)


def _visit(place: Place, sink: Sink, sizes: Sizes) -> dict[str, Figures]:
    """A gateway on that database under the usual load."""
    with Gateway(*place) as gateway:
        warm_up(gateway, sink)
        time.sleep(sizes.settle_seconds)
        return _loads(gateway, sink, sizes)


def _visit_all(place: Place, sink: Sink, stock: Stock, sizes: Sizes) -> dict[str, Figures]:
    """A gateway whose load goes to every organization and each of its webhooks in turn."""
    orgs, each = stock.organizations, sizes.webhooks_each
    turns: dict[str, Any] = {
        "orgs": ",".join(orgs),
        "types": ",".join(f"use.n{number}" for number in range(each)),
    }
    with Gateway(*place) as gateway:
        # Each webhook's first delivery is special: it makes the webhook one that answers.
        end_to_end(gateway, sink, events=len(orgs) * each, batch=each, **turns)
        time.sleep(sizes.settle_seconds)
        return _loads(gateway, sink, sizes, **turns)


def _loads(gateway: Gateway, sink: Sink, sizes: Sizes, **turns: Any) -> dict[str, Figures]:
    single = _bounded(sizes.growth_single, end_to_end(gateway, sink, events=200, batch=1, **turns))
    batch = _bounded(sizes.growth_batch, end_to_end(gateway, sink, events=1000, batch=100, **turns))
    rounds = [
        {
            "single": end_to_end(gateway, sink, events=single, batch=1, **turns),
            "batch": end_to_end(gateway, sink, events=batch, batch=100, **turns),
        }
        for _ in range(sizes.growth_repeats)
    ]
    return {group: together([found[group] for found in rounds]) for group in rounds[0]}


def _bounded(events: int, tried: Figures) -> int:
    """As many events as planned, or fewer where they would take too long; whole batches."""
    bound = int(tried["events_per_second"] * MOST_SECONDS)
    return min(events, max(bound // 100, 1) * 100)


def _beside(
    figures: dict[str, Figures], before: dict[str, Figures], after: dict[str, Figures]
) -> dict[str, Figures]:
    """What was measured, with the empty database's figures and the ratios."""
    result = {}
    for group, found in figures.items():
        empty = {
            name: (before[group][name] + after[group][name]) / 2
            for name in ("events_per_second", "cpu_us", "statements")
        }
        result[group] = {
            "events_per_second": found["events_per_second"],
            "cpu_us": found["cpu_us"],
            "statements": found["statements"],
            **{f"empty_{name}": value for name, value in empty.items()},
            "ratio": found["events_per_second"] / empty["events_per_second"],
            "cpu_ratio": found["cpu_us"] / empty["cpu_us"],
        }
    return result
