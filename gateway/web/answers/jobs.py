"""Long work, and what it would be."""

from __future__ import annotations

from typing import Annotated, TypedDict

from msgspec import Meta

from gateway.domain.job import JobKind, JobStatus
from gateway.web.answers.fields import Count, Cursor, JobId, OrgId, Time, one_of


class Job(TypedDict):
    """Long work, and how far it has come."""

    id: JobId
    org_id: OrgId
    kind: Annotated[str, one_of([*JobKind, "erasure", "backfill"])]
    object_id: Annotated[
        str | None, Meta(description="What it works on: a webhook or connector; null: the address book.")
    ]
    status: Annotated[str, one_of(JobStatus)]
    cancel_requested: Annotated[bool, Meta(description="Somebody cancelled it; soon it is `cancelled`.")]
    matched: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="How much there was to do when it began. Null while it is being counted."),
    ]
    done: Annotated[
        Count,
        Meta(
            description="For how many events it made a delivery; how many deliveries it brought forward; how "
            "many numbers were asked for."
        ),
    ]
    failed: Annotated[
        Count,
        Meta(description="For how many it could not: their payload is gone; the number's question failed."),
    ]
    error: Annotated[
        str | None,
        Meta(
            description="Why it failed: `webhook_deleted`, `webhook_disabled`, `connector_deleted`, "
            "`connector_disabled`, `backfill_refused` and others of a backfill, `internal_error`."
        ),
    ]
    actor: Annotated[str, Meta(description="Who ordered it: `X-HUM-Actor`, or the key's id.")]
    created_at: Time
    updated_at: Time
    finished_at: Time | None


class DryRun(TypedDict):
    """What would be done."""

    matched: Annotated[Count, Meta(description="How many events match, or deliveries wait, at this moment.")]


class Cost(TypedDict):
    """An estimate."""

    currency: Annotated[str, Meta(extra_json_schema={"const": "USD"})]
    amount: Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]{2,6}$", description="As `confirm_cost` takes it.")]


class BackfillEstimate(TypedDict):
    """What a backfill would be about."""

    matched: Annotated[Count, Meta(description="How many numbers would be asked for.")]
    cost: Cost


class JobList(TypedDict):
    """A page of jobs."""

    data: list[Job]
    next_cursor: Cursor
