"""How things look in answers: one function for each noun. What they promise is in `web.answers`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy.engine import Row

from gateway.clock import format_time
from gateway.crm import wire
from gateway.dispatch.webhook import request_headers
from gateway.domain.addressee import Addressee
from gateway.domain.caller_fields import CallerFields
from gateway.domain.connector import PATHS, Endpoint
from gateway.domain.delivery import DUE_QUEUE, Status, shown_status
from gateway.domain.event import PRIORITY_NAMES, Event
from gateway.domain.lookup_cache import lifetimes_of
from gateway.domain.number_lookup import DAY_MS, Lifetimes, daily_budget
from gateway.domain.organization_settings import loaded
from gateway.domain.url import shorten
from gateway.domain.waiting import Waiting
from gateway.domain.webhook import Webhook
from gateway.manage.explain import Explained
from gateway.manage.stats import Stats
from gateway.store.api_keys import ApiKey
from gateway.store.attempts import Record, attempt_id, open_record
from gateway.store.cipher import Cipher
from gateway.store.organizations import PLATFORM
from gateway.web import answers

HIDDEN = "…"


def time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else format_time(milliseconds)


def event(row: Any) -> answers.Event:
    """An event without its payload."""
    return {
        "id": row.id,
        "org_id": row.org_id,
        "type": row.type,
        "timestamp": format_time(row.timestamp),
        "accepted_at": format_time(row.accepted_at),
        "external_id": row.external_id,
        "ordering_key": row.ordering_key,
        "priority": PRIORITY_NAMES[row.priority],
        "expires_at": time(row.expires_at),
        "verified": row.verified,
        "schema_valid": row.schema_valid,
        "deliveries": row.deliveries,
    }


def webhook(found: Webhook, health: Any | None, *, whole: bool, now: int) -> answers.Webhook:
    """A webhook as it is shown at `now` (ms); `whole` is False for viewers, who see its URL shortened. Header
    values are never shown again: they may be credentials."""
    if found.org_id == PLATFORM:
        return platform_webhook(found, health, now=now)
    return _webhook(found, health, whole=whole, now=now)


def platform_webhook(found: Webhook, health: Any | None, *, now: int) -> answers.PlatformWebhook:
    listed = found.organizations
    return {
        **_webhook(found, health, whole=True, now=now),
        "organizations": None if listed is None else list(listed),
    }


def _webhook(found: Webhook, health: Any | None, *, whole: bool, now: int) -> answers.Webhook:
    return {
        "id": found.id,
        "org_id": found.org_id,
        "url": found.url if whole else shorten(found.url),
        "events": list(found.events),
        "filter": found.filter,
        "description": found.description,
        "headers": dict.fromkeys(found.headers, "[secret]"),
        "enabled": found.enabled,
        "status": found.status,
        "disabled_reason": found.disabled_reason,
        "has_secret": bool(found.secrets),
        "failing_since": time(health.failing_since) if health else None,
        "held_until": held_until(health, now),
        "rotation": rotation(found, now),
        "last_delivery": last_delivery(health),
        "timeout_ms": found.timeout_ms,
        "rate_limit_per_second": found.rate_limit_per_second,
        "retry_schedule": list(found.retry_schedule) if found.retry_schedule else None,
        "max_hold_seconds": found.max_hold_seconds,
        "ordered": found.ordered,
        "profile": found.profile,
        "api_version": found.api_version,
        "created_at": format_time(found.created_at),
        "updated_at": format_time(found.updated_at),
    }


def held_until(health: Any | None, now: int) -> str | None:
    until = health.held_until if health else None
    return None if until is None or until <= now else format_time(until)


def rotation(found: Addressee, now: int) -> answers.Rotation | None:
    running = found.rotating(now)
    if running is None:
        return None
    return {
        "state": running.state(now),
        "started_at": format_time(running.started_at),
        "ends_at": format_time(running.ends_at),
        "leading": running.leading(now),
        "confirmed": running.confirmed_at is not None,
    }


def last_delivery(health: Any | None) -> answers.LastDelivery | None:
    if health is None or health.last_delivery_id is None:
        return None
    return {
        "id": health.last_delivery_id,
        "at": time(health.last_delivery_at),
        "status_code": health.last_status_code,
        "error": health.last_error,
    }


def delivery(row: Row[Any]) -> answers.Delivery:
    status = shown_status(row.status, row.queue)
    waits_for_time = status is Status.PENDING and row.queue == DUE_QUEUE
    return {
        "id": row.id,
        "org_id": row.org_id,
        "event_id": row.event_id,
        "event_type": row.event_type,
        "target": {"type": row.target_type, "id": row.target_id},
        "status": status.value,
        "reason": row.reason,
        "attempts_made": row.attempts_made,
        "next_attempt_at": time(row.due_at) if waits_for_time else None,
        "created_at": format_time(row.created_at),
        "completed_at": time(row.completed_at),
        "expires_at": format_time(row.expires_at),
        "redelivery_of": row.redelivery_of,
        "last_status_code": row.last_status_code,
        "last_error": row.last_error,
        "test": row.test,
    }


def waiting(found: Waiting) -> answers.WaitingFor:
    return {"reason": found.why.value, "until": time(found.until), "message": found.message}


def job(row: Row[Any]) -> answers.Job:
    return {
        "id": row.id,
        "org_id": row.org_id,
        "kind": row.kind,
        "object_id": row.object_id,
        "status": row.status,
        "cancel_requested": row.cancel_requested,
        "matched": row.matched,
        "done": row.done,
        "failed": row.failed,
        "error": row.error,
        "actor": row.actor,
        "created_at": format_time(row.created_at),
        "updated_at": format_time(row.updated_at),
        "finished_at": time(row.finished_at),
    }


def explanation(
    found: Explained, about: Event, webhook_id: str, delivery_id: str | None
) -> answers.Explanation:
    """Why an event would make a delivery or not."""
    condition: answers.ExplainedFilter | None = None
    if found.filter is not None:
        steps: list[answers.FilterStep] = [
            {
                "expression": step.expression, "column": step.column, "depth": step.depth,
                "holds": step.holds, "value": step.value, "because": step.because,
            }
            for step in found.filter.steps
        ]  # fmt: skip
        condition = {"matches": found.filter.matches, "because": found.filter.because, "steps": steps}
    return {
        "event_id": about.id,
        "event_type": about.type,
        "webhook_id": webhook_id,
        "matches": found.matches,
        "because": found.because,
        "status": {"matches": found.status.matches, "because": found.status.because},
        "events": {"matches": found.events.matches, "because": found.events.because},
        "filter": condition,
        "delivery_id": delivery_id,
    }


def webhook_stats(found: Stats, webhook_id: str) -> answers.WebhookStats:
    return {"webhook_id": webhook_id, **stats(found)}


def stats(found: Stats) -> answers.Stats:
    """What came of the attempts to somebody."""
    return {
        "window": found.window,
        "since": format_time(found.since),
        "until": format_time(found.until),
        "attempts": found.attempts,
        "totals": _results(found.totals),
        "status_codes": found.status_codes,
        "errors": found.errors,
        "duration_ms": {
            "p50": found.percentiles[50], "p90": found.percentiles[90], "p95": found.percentiles[95],
            "p99": found.percentiles[99],
        },
        "hours": [{"hour": format_time(hour), **_results(counts)} for hour, counts in found.hours],
    }  # fmt: skip


def _results(counts: Mapping[str, int]) -> answers.Results:
    return {
        "delivered": counts.get("delivered", 0),
        "failed": counts.get("failed", 0),
        "retried": counts.get("retried", 0),
        "held": counts.get("held", 0),
    }


def attempt(
    row: Row[Any],
    owed: Row[Any],
    about: Event | None,
    revision: Mapping[str, Any] | None,
    cipher: Cipher,
    *,
    whole: bool,
    payload: bool,
    cdn_loop: str,
) -> answers.Attempt:
    """An attempt with its request and response. Signatures are shortened for viewers, header values that the
    customer gave are masked for everybody; without `payload` the response's body stays out."""
    record = open_record(cipher, row) or Record(("", ""))
    signatures = record.signatures if whole else ("sha256=" + HIDDEN, "v1," + HIDDEN)
    url = _url_of(row, owed, revision)
    return {
        "id": attempt_id(row.delivery_id, row.number),
        "number": row.number,
        "started_at": format_time(row.started_at),
        "duration_ms": row.duration_ms,
        "url": url if whole or url is None else shorten(url),
        "remote_ip": row.remote_ip,
        "request_headers": _request_headers(row, owed, about, revision, signatures, cdn_loop),
        "status_code": row.status_code,
        "response_headers": record.response_headers,
        "response_body": record.response_body.decode("utf-8", "replace") if payload else None,
        "response_truncated": row.response_truncated,
        "error": row.error or (None if row.status_code and 200 <= row.status_code < 300 else "http_status"),
        "error_detail": record.error_detail,
        "held": row.held,
        "swapped_from": row.swapped_from,
    }


def _url_of(row: Row[Any], owed: Row[Any], revision: Mapping[str, Any] | None) -> str | None:
    """Where it was sent to; a connector has an address for each kind of request."""
    if revision is None or owed.target_type == "webhook":
        return revision["url"] if revision else None
    kind: Endpoint = "contact.lookup" if row.error == "contact_lookup" else "call.sync"
    return str(revision["url"]) + PATHS[kind]


def _request_headers(
    row: Row[Any],
    owed: Row[Any],
    about: Event | None,
    revision: Mapping[str, Any] | None,
    signatures: tuple[str, str],
    cdn_loop: str,
) -> list[tuple[str, str]]:
    """As they were sent; none of an attempt that ended before there was a request."""
    if row.error == "contact_lookup":
        return []
    if owed.target_type == "connector":
        return wire.request_headers(
            "call.sync", bearer="[secret]", signatures=signatures, delivery_id=owed.id,
            message_id=owed.event_id, timestamp=row.timestamp, cdn_loop=cdn_loop,
        )  # fmt: skip
    headers = request_headers(
        event_type=owed.event_type,
        event_id=owed.event_id,
        delivery_id=owed.id,
        number=row.number,
        timestamp=row.timestamp,
        signatures=signatures,
        redelivery=owed.redelivery_of,
        traceparent=about.traceparent if about else None,
        cdn_loop=cdn_loop,
        test=owed.test,
    )
    return headers + [(name, "[secret]") for name in (revision["headers"] if revision else {})]


def organization(
    row: Row[Any], lookups: int, *, platform_account: bool, usual: Lifetimes
) -> answers.Organization:
    """`lookups`: how many there were for calls today; `platform_account`: whether the installation has an
    account that is charged where an organization has none; `usual`: for how long what was told is of use
    where an organization has not chosen."""
    settings = loaded(row.settings)
    has_own = row.lookup_credentials is not None
    budget = daily_budget(settings.lookup_budget, has_account=has_own or platform_account)
    return {
        "id": row.id,
        "retention_days": row.retention_days,
        "own_numbers": settings.own_numbers,
        "default_region": settings.default_region,
        "context_template": settings.context_template,
        "caller_fields": _caller_fields(settings.caller_fields),
        "lookup_budget": settings.lookup_budget,
        "has_lookup_credentials": has_own,
        "lookups_today": {"used": lookups, "budget": budget},
        "lookup_cache_days": _lookup_cache_days(lifetimes_of(settings.lookup_cache_days, usual)),
        "audit_head": None if row.audit_hash is None else bytes(row.audit_hash).hex(),
        "created_at": format_time(row.created_at),
        "erased_at": time(row.erased_at),
    }


def _lookup_cache_days(of_use: Lifetimes) -> answers.LookupCacheDays:
    return {
        "caller_name": of_use.caller_name // DAY_MS,
        "line_type": of_use.line_type // DAY_MS,
        "carrier": of_use.carrier // DAY_MS,
    }


def api_key(found: ApiKey) -> dict[str, Any]:
    shown: answers.ApiKey = {
        "id": found.id,
        "platform": found.org_id is None,
        "org_id": found.org_id,
        "role": found.role,
        "scopes": list(found.scopes),
        "hint": found.hint,
        "name": found.name,
        "created_at": format_time(found.created_at),
        "expires_at": time(found.expires_at),
        "revoked_at": time(found.revoked_at),
    }
    return {**shown}


def raw(data: bytes) -> Any:
    """JSON bytes that go into an answer as they are, in the place of what they say."""
    return msgspec.Raw(data)


def _caller_fields(fields: CallerFields) -> answers.CallerFields:
    return {"A": fields.A, "B": fields.B, "C": fields.C, "none": fields.none}
