"""What this node has learned of the systems behind connectors: one breaker, one measure of patience and the
latest outcomes for each organization's base URL. Two connectors that lead to the same place share them.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.connector import Connector
from gateway.domain.hedging import Hedging
from gateway.domain.lookup_breaker import Breaker, Pass, Verdict
from gateway.domain.lookup_health import UNKNOWN, Health, Latest, health
from gateway.metrics import Metrics

log = logging.getLogger("gateway.callers")

REMEMBERED: Final = 10_000


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """One base URL."""

    breaker: Breaker = field(default_factory=Breaker)
    hedging: Hedging = field(default_factory=Hedging)
    latest: Latest = field(default_factory=Latest)


class Endpoints:
    """All of them, by organization and base URL."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: dict[tuple[str, str], Endpoint] = {}

    def of(self, connector: Connector) -> Endpoint:
        key = (connector.org_id, connector.url)
        endpoint = self._known.get(key)
        if endpoint is None:
            if len(self._known) >= REMEMBERED:
                self._forget_the_healthy()
            endpoint = self._known[key] = Endpoint()
        return endpoint

    def health(self, connector: Connector, now: int, monotonic: float) -> Health:
        """How the connector is doing at `now` (ms), which is also `monotonic` (seconds)."""
        endpoint = self._known.get((connector.org_id, connector.url))
        if endpoint is None:
            return UNKNOWN
        latest, until = endpoint.latest, endpoint.breaker.open_until
        return health(latest, None if until is None else latest.spared_until(until, now, monotonic))

    def count(self, connector: Connector, one: Pass, verdict: Verdict, now: float, why: str) -> None:
        """What became of a question (`Breaker.count`); a change is told in log and metrics, with `why`."""
        breaker = self.of(connector).breaker
        before = breaker.closed
        breaker.count(one, verdict, now)
        if before == breaker.closed:
            return
        who = {"org": connector.org_id, "connector": connector.id}
        if before:
            self._metrics.connector_breaker_opened.inc()
            self._metrics.connector_breakers_open.inc()
            log.warning("a connector does not answer and is spared", extra={**who, "reason": why})
        else:
            self._metrics.connector_breakers_open.dec()
            log.warning("a connector answers again", extra=who)

    def _forget_the_healthy(self) -> None:
        self._known = {key: one for key, one in self._known.items() if not one.breaker.closed}
