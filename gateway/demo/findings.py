"""What was sent against what arrived: counted without mercy, and whether it is good."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.demo.receiver import Arrival
from gateway.demo.samples import Sample


@dataclass(frozen=True, slots=True)
class Sent:
    """An accepted event. `accepted_at` and `begun_at` (of its request) in milliseconds since 1970."""

    id: str
    sample: Sample
    accepted_at: float
    begun_at: float
    in_batch: bool = False


@dataclass(slots=True)
class ByType:
    """A row of the table."""

    sent: int = 0
    arrived: int = 0
    verified: int = 0
    retried: int = 0


@dataclass(frozen=True, slots=True)
class Retried:
    """An event whose first try was answered with a failure."""

    id: str
    type: str
    answers: tuple[int, ...]
    after_ms: float


@dataclass(slots=True)
class Findings:
    """`missing`, `unexpected`, `altered`, `refused`: ids of events; none of them may hold anything. `record`:
    how many deliveries the gateway itself has in each state. `first_tries`: milliseconds from accept to
    receipt, of events whose first try was taken."""

    sent: Sequence[Sent]
    rows: dict[str, ByType] = field(default_factory=lambda: defaultdict(ByType))
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    duplicates: int = 0
    retried: list[Retried] = field(default_factory=list)
    first_tries: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    batch_seconds: float = 0.0
    batch_seconds_with_retries: float = 0.0
    record: Mapping[str, int] = field(default_factory=dict)

    @property
    def problems(self) -> list[str]:
        """What is wrong, in sentences; empty when everything is good."""
        found = [
            f"{len(ids)} {text}"
            for ids, text in (
                (self.missing, "accepted but never arrived"),
                (self.unexpected, "arrived but were never sent"),
                (self.altered, "arrived with other bytes than were sent"),
                (self.refused, "were refused by a verifier"),
            )
            if ids
        ]
        if self.record != {"delivered": len(self.sent)}:
            counts = ", ".join(f"{count} {status}" for status, count in self.record.items()) or "nothing"
            found.append(f"the gateway's own record: {counts}, of {len(self.sent)} accepted")
        return found


def find(sent: Sequence[Sent], arrivals: Sequence[Arrival], record: Mapping[str, int]) -> Findings:
    """Compares. An event has arrived when a request with it was verified and answered 200."""
    found = Findings(sent, record=record)
    tries: dict[str, list[Arrival]] = defaultdict(list)
    for arrival in arrivals:
        tries[arrival.event_id].append(arrival)
    for event in sent:
        _one(found, event, tries.pop(event.id, []))
    found.unexpected = sorted(tries)
    taken = Counter(arrival.event_id for arrival in arrivals if arrival.status == 200)
    found.duplicates = sum(count - 1 for count in taken.values())
    _batch(found, {a.event_id: a for a in reversed(arrivals) if a.status == 200})
    return found


def _one(found: Findings, event: Sent, tries: list[Arrival]) -> None:
    row = found.rows[event.sample.type]
    row.sent += 1
    taken = next((arrival for arrival in tries if arrival.status == 200), None)
    row.arrived += bool(tries)
    row.verified += taken is not None
    if any(arrival.refused_by for arrival in tries):
        found.refused.append(event.id)
    if any(arrival.data != event.sample.data or arrival.type != event.sample.type for arrival in tries):
        found.altered.append(event.id)
    if taken is None:
        found.missing.append(event.id)
    elif taken is tries[0]:
        found.first_tries[event.in_batch].append(taken.at - event.accepted_at)
    else:
        row.retried += 1
        answers = tuple(arrival.status for arrival in tries)
        found.retried.append(Retried(event.id, event.sample.type, answers, taken.at - event.accepted_at))


def _batch(found: Findings, taken: Mapping[str, Arrival]) -> None:
    """How long the batch took, from the beginning of its request to its last receipt."""
    batch = [(event, taken[event.id]) for event in found.sent if event.in_batch and event.id in taken]
    if not batch:
        return
    begun = batch[0][0].begun_at
    slow = {retried.id for retried in found.retried}
    first = [arrival.at for event, arrival in batch if event.id not in slow]
    found.batch_seconds = (max(first, default=begun) - begun) / 1000
    found.batch_seconds_with_retries = (max(arrival.at for _, arrival in batch) - begun) / 1000


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, -(-round(share * 1000) * len(ranked) // 1000) - 1)] if ranked else 0.0
