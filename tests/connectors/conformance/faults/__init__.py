"""Faults that real connectors have, each with the checks that must find it.

admission    signature, bearer, event name        lookups    lookup and matching
writing      create, calls, ping, repeats         answers    HTTP, deadlines, errors, privacy
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.connectors.conformance.reference import Asked, Run, World


@dataclass(frozen=True)
class Fault:
    """`caught_by`: the check that is there for it. `also`: others that notice it, all of them; None where it
    breaks so much that these say nothing. `beside`: what must run for the checks that look back over the run
    to have something to look at."""

    title: str
    caught_by: tuple[str, ...]
    also: frozenset[str] | None
    run: Run
    beside: str = ""
    options: dict[str, Any] = field(default_factory=dict)


FAULTS: list[Fault] = []


def fault(
    title: str, *caught_by: str, also: str | None = "", beside: str = "", **options: Any
) -> Callable[[Run], Run]:
    """Ids without `HUM-`; `also` separated by spaces."""

    def declare(run: Run) -> Run:
        ids = tuple(f"HUM-{one}" for one in caught_by)
        others = None if also is None else frozenset(f"HUM-{one}" for one in also.split())
        FAULTS.append(Fault(title, ids, others, run, beside, options))
        return run

    return declare


def is_good(asked: Asked, world: World, path: str) -> bool:
    """Whether it is a request of HUM to this path, as far as bearer and signature say."""
    return asked.path == path and asked.method == "POST" and world.is_admitted(asked)
