"""Accounts with the provider of telephone data, and whether it is to be left alone at present, as far as this
node has learned."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Final

from gateway.domain.lookup_breaker import Breaker, Pass, judge
from gateway.domain.number_lookup import Credentials, Report
from gateway.lookup.provider import Failed

REMEMBERED: Final = 10_000


@dataclass(slots=True, eq=False)
class Account:
    """One account. Times are monotonic seconds."""

    breaker: Breaker = field(default_factory=Breaker)
    quiet_until: float = 0.0

    def admit(self, now: float) -> Pass | str:
        """Lets a question go; else the word why not. Whoever gets a pass gives it to `learn`."""
        if now < self.quiet_until:
            return "rate_limited"
        return self.breaker.admit(now) or "breaker_open"

    def learn(self, one: Pass, answer: Report | Failed | None, now: float) -> None:
        """What became of a question; None when it was not put."""
        if answer is None:
            self.breaker.count(one, "neither", now)
        elif isinstance(answer, Report):
            self.breaker.count(one, "answered", now)
        else:
            self.breaker.count(one, judge(answer.error, answer.status), now)
            if answer.wait_ms is not None:
                self.quiet_until = now + answer.wait_ms / 1000


class Accounts:
    """All of them, by name and token: whoever names another's account without its token shares nothing with
    it."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], Account] = {}

    def of(self, credentials: Credentials) -> Account:
        key = (credentials.account_sid, hashlib.sha256(credentials.auth_token.encode()).digest())
        account = self._known.get(key)
        if account is None:
            if len(self._known) >= REMEMBERED:
                self._known = {name: one for name, one in self._known.items() if not one.breaker.closed}
            account = self._known[key] = Account()
        return account
