"""Organizations, and the erasure of a person."""

from __future__ import annotations

from typing import Annotated, Literal, TypedDict

from msgspec import Meta

from gateway.web.answers.fields import Count, Cursor, Hash, Milliseconds, OrgId, Time


class CallerFields(TypedDict):
    """Which fields agents are told of callers, in their order, by the attestation of the number (A also for
    outbound calls, none also when nothing is known of it). Null: of the usual ones, those that the level
    above shows."""

    A: list[str] | None
    B: list[str] | None
    C: list[str] | None
    none: list[str] | None


class LookupsToday(TypedDict):
    """Lookups of numbers for calls on this day (UTC)."""

    used: Annotated[Count, Meta(description="How many of the budget are used.")]
    budget: Annotated[
        Count,
        Meta(description="`lookup_budget`, or the default; 0 where there is no account to charge."),
    ]


_Days = Annotated[int, Meta(ge=1)]


class LookupCacheDays(TypedDict):
    """For how many days what a lookup has told of a number is of use before it is asked for anew: what holds,
    chosen or not. Line type and carrier are sold together, and asked for when one of them is out of date."""

    caller_name: _Days
    line_type: _Days
    carrier: _Days


class LookupTest(TypedDict):
    """What came of testing the account for lookups of numbers."""

    ok: Annotated[bool, Meta(description="Whether the provider answers, and takes the account.")]
    account: Annotated[
        Literal["own", "installation"] | None,
        Meta(
            description="Whose account was tested: the organization's own, or the installation's, which is "
            "used where it has none. Null: there is none."
        ),
    ]
    status_code: Annotated[int | None, Meta(description="Null when there was no answer.")]
    duration_ms: Milliseconds
    error: Annotated[
        str | None,
        Meta(
            description="Null when it is ok. `refused`: wrong credentials. `suspended`: the account is not "
            "active. `forbidden`: it may not look up numbers. `rate_limited`: the provider is busy, or wants "
            "to be left alone. `no_credentials`: there is no account. Else a word of the wire, such as "
            "`connect_refused` or `timeout`, or a later value."
        ),
    ]
    error_detail: Annotated[str, Meta(description="The error in a sentence.")]
    provider_code: Annotated[
        int | None, Meta(description="The provider's own number for the error, such as 20003.")
    ]


class Organization(TypedDict):
    """A customer of HUM: how long its things are kept, and what it has set."""

    id: OrgId
    retention_days: Annotated[int, Meta(description="How long payloads and attempts are kept.")]
    own_numbers: Annotated[
        list[str],
        Meta(description="Its own phone numbers, which are never taken for a caller's or erased."),
    ]
    default_region: Annotated[
        Annotated[str, Meta(pattern="^[A-Z]{2}$")] | None,
        Meta(
            description="The country of numbers that are written without one; null: the United States, but "
            "for contacts, which are then named by numbers in E.164 only."
        ),
    ]
    context_template: Annotated[
        str | None,
        Meta(description="How what agents are told of callers is worded; null: one line for each field."),
    ]
    caller_fields: CallerFields
    lookup_budget: Annotated[
        Annotated[int, Meta(ge=0)] | None,
        Meta(description="How many numbers may be looked up for calls in a day; null: as by default."),
    ]
    has_lookup_credentials: Annotated[
        bool, Meta(description="Whether it has an account of its own for lookups of numbers.")
    ]
    lookups_today: LookupsToday
    lookup_cache_days: LookupCacheDays
    audit_head: Annotated[
        Hash | None, Meta(description="The hash of the newest entry of its audit log; null: there is none.")
    ]
    created_at: Time
    erased_at: Annotated[Time | None, Meta(description="When it was erased.")]


class Erasure(TypedDict):
    """What the erasure of a person came to."""

    id: Annotated[str | None, Meta(description="Null for a dry run.")]
    kind: Literal["erasure"]
    status: Literal["running", "done"]
    dry_run: bool
    numbers: Annotated[
        int, Meta(ge=1, description="Under how many numbers: those of the contact in the address book.")
    ]
    found: Annotated[
        dict[str, Count],
        Meta(
            description="What there was of the person: `events`, pending `deliveries`, `contacts`, kept "
            "`answers` of connectors, `requests` to them, callers to create (`creates`), and others."
        ),
    ]
    matched: Annotated[Count, Meta(description="Events that name the person.")]
    done: Annotated[Count, Meta(description="Events whose payload is gone.")]
    failed: Count
    cancelled: Annotated[Count, Meta(description="Pending deliveries that were cancelled.")]


class OrganizationList(TypedDict):
    """A page of organizations."""

    data: list[Organization]
    next_cursor: Cursor
