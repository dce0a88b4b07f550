"""What a caller's resolution comes to: rules over what the sources have said by then.

    found        somebody knows the number
    not_found    every source that was asked has said that it does not
    unknown      anything else: an error, no answer in time, nobody to ask, or a number that is none

A source that is silent has nothing to say and speaks for nobody else: it counts only where it was alone.

A failure never makes a stranger of anybody: as soon as one source has not answered, "not found" is out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.domain.caller_fields import Attestation, Direction
from gateway.domain.contact import Caller, Knowledge

Status = Literal["found", "not_found", "unknown"]
Freshness = Literal["fresh", "stale", "partial", "none"]

DEFAULT_DEADLINE_MS: Final = 900
LEAST_DEADLINE_MS: Final = 50
MOST_DEADLINE_MS: Final = 10_000

CallId = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class CallerResolve(BaseModel):
    """`POST /api/callers/resolve`. `phone` is whatever the network gave, number or not; None: nothing."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str | None
    call_id: CallId | None = None
    direction: Direction = "inbound"
    to: str | None = None
    attestation: Attestation | None = None
    deadline_ms: Annotated[int, Field(ge=LEAST_DEADLINE_MS, le=MOST_DEADLINE_MS)] = DEFAULT_DEADLINE_MS


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Who is asked for, and what is known of the call. `phone` is E.164 once it has been read. `fresh`: what
    was said before will not do."""

    phone: str
    call_id: str | None = None
    direction: Direction = "inbound"
    attestation: Attestation | None = None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Heard:
    """What one source has said. `error` is why it said nothing, or why this is an old answer of its own;
    `stale` that the answer is an old one; `contact_id` under which the address book has the person."""

    source: str
    outcome: Literal["found", "not_found", "silent", "failed"]
    knowledge: Knowledge | None = None
    stale: bool = False
    error: str | None = None
    contact_id: str | None = None


class Problem(NamedTuple):
    """Why an answer is not more: which source, and a word."""

    source: str
    error: str


@dataclass(frozen=True, slots=True)
class Resolution:
    """An answer: what was known of a caller at one moment. `phone` is None for a number that cannot be used;
    `contact_id` under which the address book has the caller, as soon as somebody knows them; `pending` the
    sources that are still being asked, `revision` how often they have changed the answer since."""

    id: str
    at: int
    phone: str | None
    status: Status
    freshness: Freshness
    elapsed_ms: int
    caller: Caller | None
    context: str
    errors: tuple[Problem, ...] = ()
    contact_id: str | None = None
    call_id: str | None = None
    pending: tuple[str, ...] = ()
    revision: int = 0

    def says_more_than(self, other: Resolution) -> bool:
        """Whether it says something else of the caller."""
        return (self.status, self.caller) != (other.status, other.caller)


def status_of(heard: Sequence[Heard]) -> Status:
    """What all of it comes to."""
    outcomes = {one.outcome for one in heard}
    if "found" in outcomes:
        return "found"
    return "not_found" if outcomes and outcomes <= {"not_found", "silent"} else "unknown"


def freshness_of(heard: Iterable[Heard]) -> Freshness:
    """How good the answer is: `stale` when anything in it is old, `partial` when a source is missing in it,
    `none` when there is nothing in it."""
    heard = list(heard)
    speaking = [one for one in heard if one.outcome != "silent"]
    if all(one.outcome == "failed" for one in speaking or heard):
        return "none"
    if any(one.stale for one in heard):
        return "stale"
    return "partial" if any(one.error is not None for one in heard) else "fresh"


def contact_id_of(heard: Iterable[Heard]) -> str | None:
    """Under which id the address book has the person; None when it does not, or was not heard."""
    return next((one.contact_id for one in heard if one.contact_id is not None), None)


def knowledge_of(heard: Iterable[Heard]) -> list[Knowledge]:
    return [one.knowledge for one in heard if one.knowledge is not None]
