"""What a caller's resolution comes to: rules over what the sources have said by then.

    found        somebody knows the number
    not_found    every source that was asked has said that it does not
    unknown      anything else: an error, no answer in time, nobody to ask, or a number that is none

A failure never makes a stranger of anybody: as soon as one source has not answered, "not found" is out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.domain.contact import Knowledge
from gateway.domain.context import Attestation

Status = Literal["found", "not_found", "unknown"]
Freshness = Literal["fresh", "stale", "partial", "none"]
Direction = Literal["inbound", "outbound"]

DEFAULT_DEADLINE_MS: Final = 900
LEAST_DEADLINE_MS: Final = 50
MOST_DEADLINE_MS: Final = 10_000

CallId = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class CallerResolve(BaseModel):
    """`POST /api/callers/resolve`. `phone` is whatever the network gave, number or not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str
    call_id: CallId | None = None
    direction: Direction = "inbound"
    to: str | None = None
    attestation: Attestation | None = None
    deadline_ms: Annotated[int, Field(ge=LEAST_DEADLINE_MS, le=MOST_DEADLINE_MS)] = DEFAULT_DEADLINE_MS


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Who is asked for, and what is known of the call. `phone` is E.164 once it has been read."""

    phone: str
    call_id: str | None = None
    direction: Direction = "inbound"
    attestation: Attestation | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source has said. `error` is why it said nothing, or why this is an old answer of its own;
    `stale` that the answer is an old one."""

    source: str
    outcome: Literal["found", "not_found", "failed"]
    knowledge: Knowledge | None = None
    stale: bool = False
    error: str | None = None


def status_of(heard: Sequence[Heard]) -> Status:
    """What all of it comes to."""
    outcomes = {one.outcome for one in heard}
    if "found" in outcomes:
        return "found"
    return "not_found" if outcomes == {"not_found"} else "unknown"


def freshness_of(heard: Iterable[Heard]) -> Freshness:
    """How good the answer is: `stale` when anything in it is old, `partial` when a source is missing in it,
    `none` when there is nothing in it."""
    heard = list(heard)
    if all(one.outcome == "failed" for one in heard):
        return "none"
    if any(one.stale for one in heard):
        return "stale"
    return "partial" if any(one.error is not None for one in heard) else "fresh"


def knowledge_of(heard: Iterable[Heard]) -> list[Knowledge]:
    return [one.knowledge for one in heard if one.knowledge is not None]
