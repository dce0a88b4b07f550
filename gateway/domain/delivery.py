"""The life of a delivery, as a table; the diagram in `docs/architecture.md` is made from it.

A delivery is one event owed to one target. It is `pending` while it waits (for its time, or for its target),
`in_flight` while a node has taken it up, and ends in one of three states that nothing leaves: a redelivery is
a delivery of its own that points back at the first.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Status(StrEnum):
    PENDING = "pending"
    IN_FLIGHT = "in_flight"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Step(StrEnum):
    """What can happen to a delivery."""

    CLAIM = "claim"  # a node takes it up
    SUCCEED = "succeed"  # 2xx
    RETRY = "retry"  # the schedule has a further attempt
    HOLD = "hold"  # the receiver asked for a pause
    GIVE_BACK = "give_back"  # the node stops, or lost its lease
    EXHAUST = "exhaust"  # the schedule has no further attempt
    EXPIRE = "expire"  # its time is over
    CANCEL = "cancel"  # a person, or the deletion of its target


class Reason(StrEnum):
    """Why a delivery failed; why the sync of a call was cancelled without a request."""

    EXHAUSTED = "exhausted"
    EXPIRED = "expired"
    UNKNOWN_CALL = "unknown_call"  # only an outcome was heard of, of a call nobody has told of yet
    UNUSABLE_NUMBER = "unusable_number"  # the other party withheld its number, or it is none
    UNKNOWN_CONTACT = "unknown_contact"  # the CRM does not know the person, and is to hear of no such calls


TRANSITIONS: Final[dict[tuple[Status, Step], Status]] = {
    (Status.PENDING, Step.CLAIM): Status.IN_FLIGHT,
    (Status.PENDING, Step.EXPIRE): Status.FAILED,
    (Status.PENDING, Step.CANCEL): Status.CANCELLED,
    (Status.IN_FLIGHT, Step.SUCCEED): Status.DELIVERED,
    (Status.IN_FLIGHT, Step.RETRY): Status.PENDING,
    (Status.IN_FLIGHT, Step.HOLD): Status.PENDING,
    (Status.IN_FLIGHT, Step.GIVE_BACK): Status.PENDING,
    (Status.IN_FLIGHT, Step.EXHAUST): Status.FAILED,
    (Status.IN_FLIGHT, Step.EXPIRE): Status.FAILED,
    (Status.IN_FLIGHT, Step.CANCEL): Status.CANCELLED,
}

FINAL: Final = frozenset({Status.DELIVERED, Status.FAILED, Status.CANCELLED})


def after(status: Status, step: Step) -> Status:
    """The state that follows; KeyError for a step that cannot happen in this state."""
    return TRANSITIONS[(status, step)]


# The queues in which a pending delivery waits (`store.tables`).
DUE_QUEUE: Final = "due"
LEASE_PREFIX: Final = "lse"
_LATER: Final = "later:"

# Below the priorities of events: what a job makes goes when nothing else waits for the same target.
LATER: Final = -1


def later_queue(target_id: str) -> str:
    """Where the deliveries that a job made for a target wait for their turn."""
    return _LATER + target_id


def target_of_later(queue: str) -> str | None:
    """The target of such a queue; None for any other queue."""
    return queue.removeprefix(_LATER) if queue.startswith(_LATER) else None


def home_queue(target_id: str, priority: int) -> str:
    """The queue of a delivery that its target cannot take at present."""
    return later_queue(target_id) if priority == LATER else target_id


def is_leased(queue: str | None) -> bool:
    """Whether the queue is a node's memory: what the API calls in flight."""
    return queue is not None and queue.startswith("lse_")


def shown_status(status: str, queue: str | None) -> Status:
    """The status as the API tells it: stored rows know `pending`, the lease says that it is under way."""
    if status == Status.PENDING and is_leased(queue):
        return Status.IN_FLIGHT
    return Status(status)
