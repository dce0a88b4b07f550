"""When a request is tried again, and after how long: decided for both clients, without a clock of its own.

A POST carries an idempotency key and a GET changes nothing, so both may be sent again whenever the answer was
lost. PATCH, PUT and DELETE are sent again only when they certainly did nothing: without a connection, and
after 429 and 503.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import httpx

from gateway.client.errors import GatewayError, UnreachableError

_REPEATABLE: Final = ("GET", "POST")
_REFUSED: Final = (429, 503)  # nothing was done
_LOST: Final = (502, 504)  # a proxy gave up; what became of the request, nobody knows


@dataclass(frozen=True, slots=True)
class Retry:
    """How patient a client is. Times are in seconds.

    The wait doubles from try to try, beginning with `first_wait`, less up to a half by chance; a Retry-After
    is waited for, and up to a tenth longer. Where it asks for more than `longest_wait`, there is no further
    try, nor where the next one would begin after `deadline`. `connect_tries` is for a gateway that nobody
    listens at.

        Client(url, key, retry=Retry(tries=10, deadline=600))
    """

    tries: int = 5
    connect_tries: int = 5
    first_wait: float = 0.5
    longest_wait: float = 60.0
    deadline: float = 120.0


NO_RETRY: Final = Retry(tries=1, connect_tries=1)


def one_try(seconds: float) -> Retry:
    """One try, which is over after so many seconds."""
    return Retry(tries=1, connect_tries=1, deadline=seconds)


class Tries:
    """The tries of one call."""

    def __init__(
        self,
        policy: Retry,
        method: str,
        *,
        monotonic: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._policy = policy
        self._method = method
        self._monotonic = monotonic
        self._chance = chance
        self._end = monotonic() + policy.deadline
        self._made = 0

    def begin(self) -> None:
        """Counts a try."""
        self._made += 1

    def left(self, timeout: float) -> float:
        """How long a phase that begins at this moment may take, in seconds."""
        return max(0.001, min(timeout, self._end - self._monotonic()))

    def check(self) -> None:
        """Raises ReadTimeout when the answer is still coming at the deadline."""
        if self._monotonic() > self._end:
            raise httpx.ReadTimeout("the answer was not complete in time")

    def wait(self, error: GatewayError) -> float:
        """Seconds until the next try. Raises `error` when there is none."""
        wait = self._backoff(error)
        too_late = self._monotonic() + wait > self._end
        if not self._again(error) or too_late or (error.retry_after or 0) > self._policy.longest_wait:
            raise error
        return wait

    def _again(self, error: GatewayError) -> bool:
        if isinstance(error, UnreachableError) and not error.sent:
            return self._made < self._policy.connect_tries
        if self._made >= self._policy.tries:
            return False
        if error.status in _REFUSED or error.code == "idempotency_in_progress":
            return True
        return (error.status == 0 or error.status in _LOST) and self._method in _REPEATABLE

    def _backoff(self, error: GatewayError) -> float:
        if error.retry_after is not None:
            return error.retry_after * (1 + self._chance() / 10)
        longest: float = self._policy.first_wait * 2 ** (self._made - 1)
        return min(longest, self._policy.longest_wait) * (1 - self._chance() / 2)


class Limits:
    """The timeouts of one try, in seconds, in the place of httpx's own: it asks when a phase begins, so that
    connecting, sending and reading together take no longer than the call may."""

    def __init__(self, tries: Tries, timeout: float) -> None:
        self._left = partial(tries.left, timeout)

    def get(self, phase: str, default: object = None) -> float:
        return self._left()
