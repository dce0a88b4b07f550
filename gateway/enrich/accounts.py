"""Accounts with the provider of telephone data, and whether it is to be left alone at present, as far as this
node has learned."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.lookup_breaker import Breaker, Pass, Verdict, judge
from gateway.domain.number_lookup import Credentials, Report
from gateway.lookup.provider import Failed
from gateway.metrics import Metrics

log = logging.getLogger("gateway.callers")

REMEMBERED: Final = 10_000


@dataclass(slots=True, eq=False)
class Account:
    """One account. Times are monotonic seconds."""

    metrics: Metrics = field(repr=False)
    breaker: Breaker = field(default_factory=Breaker)
    quiet_until: float = 0.0

    def admit(self, now: float) -> Pass | str:
        """Lets a question go; else the word why not. Whoever gets a pass gives it to `learn`."""
        if now < self.quiet_until:
            return "rate_limited"
        return self.breaker.admit(now) or "breaker_open"

    def insist(self, now: float) -> Pass | str:
        """As `admit`, for a person: it goes also while the provider is spared, though not while the provider
        has asked to be left alone."""
        return "rate_limited" if now < self.quiet_until else self.breaker.insist(now)

    def learn(self, one: Pass, answer: Report | Failed | None, now: float, *, counts: bool = True) -> None:
        """What became of a question; None when it was not put. One that does not count opens and closes
        nothing, but a provider that asks to be left alone is heard."""
        if isinstance(answer, Failed) and answer.wait_ms is not None:
            self.quiet_until = max(self.quiet_until, now + answer.wait_ms / 1000)
        if answer is None or not counts:
            self._count(one, "neither", now)
        elif isinstance(answer, Report):
            self._count(one, "answered", now)
        else:
            self._count(one, judge(answer.error, answer.status), now)

    def _count(self, one: Pass, verdict: Verdict, now: float) -> None:
        before = self.breaker.closed
        self.breaker.count(one, verdict, now)
        if before == self.breaker.closed:
            return
        if before:
            self.metrics.number_lookup_breaker_opened.inc()
            self.metrics.number_lookup_breakers_open.inc()
            log.warning("the provider of telephone data does not answer and is spared")
        else:
            self.metrics.number_lookup_breakers_open.dec()
            log.warning("the provider of telephone data answers again")


class Accounts:
    """All of them, by name and token: whoever names another's account without its token shares nothing with
    it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._known: dict[tuple[str, bytes], Account] = {}

    def of(self, credentials: Credentials) -> Account:
        key = (credentials.account_sid, hashlib.sha256(credentials.auth_token.encode()).digest())
        account = self._known.get(key)
        if account is None:
            if len(self._known) >= REMEMBERED:
                self._known = {name: one for name, one in self._known.items() if not one.breaker.closed}
            account = self._known[key] = Account(self._metrics)
        return account
