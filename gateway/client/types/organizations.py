"""Organizations: their settings, their audit log, and erasing people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Required, TypedDict


class AuditEntry(TypedDict):
    """Who did what, when, from where, to what; chained to the entry before by its hash."""

    id: str
    org_id: str
    number: int
    at: str
    actor: str
    key_id: str | None
    address: str | None
    action: str
    object_type: str
    object_id: str | None
    details: dict[str, Any]
    previous_hash: str
    hash: str


class CallerFields(TypedDict):
    """Which fields agents are told of callers, by the attestation of the number; None for the usual ones."""

    A: list[str] | None
    B: list[str] | None
    C: list[str] | None
    none: list[str] | None


class ChosenFields(TypedDict, total=False):
    """The same, as they are chosen."""

    A: Sequence[str] | None
    B: Sequence[str] | None
    C: Sequence[str] | None
    none: Sequence[str] | None


class LookupsToday(TypedDict):
    """Lookups of numbers for calls on this day (UTC); the budget is 0 without an account to charge."""

    used: int
    budget: int


class LookupCacheDays(TypedDict):
    """For how many days each field of a lookup is of use: what holds, chosen or not."""

    caller_name: int
    line_type: int
    carrier: int


class ChosenLookupCacheDays(TypedDict, total=False):
    """The same, as they are chosen: a field that is not named stays, None gives its default back."""

    caller_name: int | None
    line_type: int | None
    carrier: int | None


class LookupTest(TypedDict):
    """What came of testing the account for lookups of numbers; `account` is whose it was."""

    ok: bool
    account: Literal["own", "installation"] | None
    status_code: int | None
    duration_ms: int
    error: str | None
    error_detail: str
    provider_code: int | None


class Organization(TypedDict):
    """A customer of HUM."""

    id: str
    retention_days: int
    own_numbers: list[str]
    default_region: str | None
    context_template: str | None
    caller_fields: CallerFields
    lookup_budget: int | None
    has_lookup_credentials: bool
    lookups_today: LookupsToday
    lookup_cache_days: LookupCacheDays
    audit_head: str | None
    created_at: str
    erased_at: str | None


class LookupCredentials(TypedDict):
    """An organization's own account for lookups of numbers."""

    account_sid: str
    auth_token: str


class OrganizationSettings(TypedDict, total=False):
    """What can be changed of an organization."""

    retention_days: int | None
    own_numbers: Sequence[str] | None
    default_region: str | None
    context_template: str | None
    caller_fields: ChosenFields | None
    lookup_budget: int | None
    lookup_credentials: LookupCredentials | None
    lookup_cache_days: ChosenLookupCacheDays | None


class Erasure(TypedDict):
    """What the erasure of a person came to."""

    id: str | None
    kind: str
    status: str
    dry_run: bool
    numbers: int
    found: dict[str, int]
    matched: int
    done: int
    failed: int
    cancelled: int


class ErasureSettings(TypedDict, total=False):
    """Who is to be erased."""

    phone: Required[str]
    reason: str
    dry_run: bool
    force: bool
