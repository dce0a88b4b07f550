"""Metrics, in a registry of their own: what `/metrics` shows and `docs/metrics.md` explains.

One `Metrics` is made by `gateway.app` and handed to whoever counts. Labels hold few values known beforehand,
never an organization, a URL or an id: those belong into logs.
"""

from __future__ import annotations

import platform

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    generate_latest,
)

from gateway.clock import Clock
from gateway.config import installed_version

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

OUTCOMES = ("delivered", "retry", "held", "failed", "gone", "aborted", "stale")
DUPLICATE_CAUSES = ("shutdown", "rescue")
HEDGE_OUTCOMES = ("won", "lost")

# Seconds. Commits and acceptance live around 1 to 50 ms; attempts last up to 30 s; a delivery may take days.
_SHORT = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_ATTEMPT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0, 30.0)
_DELIVERED = (
    0.005,
    0.01,
    0.025,
    0.05,
    0.1,
    0.25,
    0.5,
    1.0,
    5.0,
    30.0,
    300.0,
    3600.0,
    21_600.0,
    86_400.0,
    259_200.0,
)
_SHARE = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.1, 1.5, 2.0)
_ROWS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

LOOP_LAG_INTERVAL = 0.25


class Metrics:
    """Every metric of one process. `render()` is the page of `/metrics`."""

    def __init__(self, version: str | None = None) -> None:
        registry = self.registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"hum_gateway_{name}", text, labels, registry=registry)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"hum_gateway_{name}", text, registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
            return Histogram(f"hum_gateway_{name}", text, labels, buckets=buckets, registry=registry)

        self.events_accepted = counter("events_accepted", "Events committed and answered 202.", "source")
        self.events_refused = counter("events_refused", "Events answered with an error.", "code")
        self.deliveries_created = counter("deliveries_created", "Deliveries committed.")
        self.attempts = counter("attempts", "Attempts by what became of them.", "outcome")
        self.attempt_seconds = histogram("attempt_seconds", "One HTTP exchange with a receiver.", _ATTEMPT)
        self.accept_seconds = histogram("accept_seconds", "From the request's body read to its 202.", _SHORT)
        self.accept_to_delivered_seconds = histogram(
            "accept_to_delivered_seconds", "From the commit of an event to a 2xx of the receiver.", _DELIVERED
        )
        self.caller_resolves = counter("caller_resolves", "Callers resolved.", "status", "source")
        self.caller_resolve_seconds = histogram(
            "caller_resolve_seconds", "From a request to resolve a caller to its answer.", _SHORT
        )
        self.caller_deadline_share = histogram(
            "caller_deadline_share", "How much of its deadline a resolve took.", _SHARE
        )
        self.caller_source_seconds = histogram(
            "caller_source_seconds", "From a request to resolve a caller to what a source said.", _SHORT,
            "kind", "outcome", "how",
        )  # fmt: skip
        self.caller_late_answers = counter(
            "caller_late_answers", "Answers that became others after their deadline.", "status"
        )
        self.connector_request_seconds = histogram(
            "connector_request_seconds", "Direct calls to connectors.", _ATTEMPT, "kind", "outcome"
        )
        self.connector_hedges = counter(
            "connector_hedges", "Lookups put a second time because the first took long.", "outcome"
        )
        self.connector_breaker_opened = counter(
            "connector_breaker_opened", "Times that a connector was spared because it did not answer."
        )
        self.connector_breakers_open = gauge(
            "connector_breakers_open", "Connectors that are spared at this moment."
        )
        self.number_lookup_seconds = histogram(
            "number_lookup_seconds", "Lookups of numbers at the provider.", _ATTEMPT, "outcome"
        )
        self.number_lookup_breaker_opened = counter(
            "number_lookup_breaker_opened", "Times that an account with the provider was spared."
        )
        self.number_lookup_breakers_open = gauge(
            "number_lookup_breakers_open", "Accounts with the provider that are spared at this moment."
        )
        self.queue_depth = gauge("queue_depth", "Deliveries waiting in memory.")
        self.in_flight = gauge("in_flight", "Attempts open at this moment.")
        self.backlog_targets = gauge("backlog_targets", "Targets with more due than memory holds.")
        self.batch_size = histogram("batch_size", "Rows written by one commit.", _ROWS, "kind")
        self.commit_seconds = histogram(
            "commit_seconds", "One transaction, begin to durable.", _SHORT, "kind"
        )
        self.sql_statements = counter("sql_statements", "Statements sent to the database.")
        self.loop_lag_seconds = histogram("loop_lag_seconds", "How late the event loop wakes up.", _SHORT)
        self.duplicates_possible = counter(
            "duplicates_possible",
            "Attempts given back or taken over: the receiver may see them twice.",
            "cause",
        )
        build = Info("hum_gateway_build", "The running version.", registry=registry)
        build.info({"version": version or installed_version(), "python": platform.python_version()})
        ProcessCollector(registry=registry)
        # A series that appears with its first increase loses that increase in rate(): start them at zero.
        self.attempts_by_outcome = {outcome: self.attempts.labels(outcome) for outcome in OUTCOMES}
        for cause in DUPLICATE_CAUSES:
            self.duplicates_possible.labels(cause)
        for outcome in HEDGE_OUTCOMES:
            self.connector_hedges.labels(outcome)

    def render(self) -> bytes:
        """All metrics in the Prometheus text format (`CONTENT_TYPE`)."""
        return generate_latest(self.registry)

    async def watch_loop_lag(self, clock: Clock, interval: float = LOOP_LAG_INTERVAL) -> None:
        """Measure, until cancelled, how much later than asked the loop resumes a sleeper."""
        while True:
            begin = clock.monotonic()
            await clock.sleep(interval)
            self.loop_lag_seconds.observe(max(0.0, clock.monotonic() - begin - interval))
