"""Creating, changing and deleting webhooks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.checkpoints import reached
from gateway.domain import url as urls
from gateway.domain.address import Address, AllowedNetworks
from gateway.domain.headers import check_headers
from gateway.domain.ids import new_id
from gateway.domain.secret import check_imported
from gateway.domain.webhook import (
    Webhook,
    WebhookCreate,
    WebhookEnable,
    WebhookUpdate,
    refuse_unavailable,
)
from gateway.errors import Conflict, Detail, InvalidRequest, NotFound
from gateway.manage import holds
from gateway.manage.secrets import end_rotation, make_secret
from gateway.manage.telling import tell_of_change, tell_of_new
from gateway.store import deliveries, lanes, organizations, rotations, secrets, webhooks
from gateway.store.directory import OrgView
from gateway.store.transaction import Announce, Transaction


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator's settings say about webhooks."""

    allowed: AllowedNetworks
    limit: int
    is_own: Callable[[Address, int], bool] = lambda address, port: False  # whether this node listens there


async def create(
    tx: Transaction, org: OrgView, request: WebhookCreate, rules: Rules, now: int, announce: Announce
) -> Webhook:
    """The new webhook, with its secret in the clear. Raises InvalidRequest, and Conflict at the limit."""
    refuse_unavailable(request)
    target = _checked(request.url, request.headers, org.id, rules)
    secret = make_secret(request.secret, check_imported, now)
    await organizations.lock(tx.conn, org.id)
    if await webhooks.count(tx.conn, org.id) >= rules.limit:
        raise Conflict(
            f"the organization has {rules.limit} webhooks, which is its limit", code="webhook_limit_reached"
        )
    webhook = Webhook(
        id=new_id("whk", now),
        org_id=org.id,
        position=await tx.position(),
        revision_id=new_id("rev", now),
        url=target,
        headers=dict(request.headers),
        events=tuple(dict.fromkeys(request.events)),
        secrets=(secret,),
        description=request.description,
        filter=request.filter,
        status="enabled" if request.enabled else "disabled",
        disabled_reason=None if request.enabled else "by_user",
        timeout_ms=request.timeout_ms,
        rate_limit_per_second=request.rate_limit_per_second,
        ordered=request.ordered,
        retry_schedule=tuple(request.retry_schedule) if request.retry_schedule else None,
        max_hold_seconds=request.max_hold_seconds,
        created_at=now,
        updated_at=now,
        organizations=_organizations(request),
    )
    await webhooks.add(tx, org.organization.cipher, webhook)
    await tell_of_new(tx, webhook, announce)
    reached("webhook.before_commit")
    tx.on_commit(lambda: reached("webhook.after_commit"))
    return webhook


async def update(
    tx: Transaction,
    org: OrgView,
    webhook_id: str,
    request: WebhookUpdate,
    rules: Rules,
    now: int,
    announce: Announce,
) -> Webhook:
    """The webhook as it is after the merge patch."""
    refuse_unavailable(request)
    before = await _find(tx, org, webhook_id)
    given = request.model_fields_set
    values: dict[str, Any] = {"updated_at": now}
    if "headers" in given:
        values["headers"] = _merged(before.headers, request.headers)
    if "url" in given:
        if request.url is None:
            raise InvalidRequest.field("url", "cannot be removed")
        _check_change_of_origin(before, request)
        values["url"] = request.url
    if given & {"url", "headers"}:
        values["url"] = _checked(
            values.get("url", before.url), values.get("headers", before.headers), org.id, rules
        )
    if "events" in given:
        if request.events is None:
            raise InvalidRequest.field("events", "cannot be removed")
        values["events"] = tuple(dict.fromkeys(request.events))
    if "organizations" in given:
        values["organizations"] = _organizations(request)
    values |= _plain_fields(request)
    after = before.changed(**values)
    if "enabled" in given:
        after = after.switched(request.enabled is not False)
    if before.rotation is not None and urls.origin(after.url) != urls.origin(before.url):
        after = await end_rotation(tx, after, now)  # the old secret is none of the new origin's business
    on_the_wire = ("url", "headers", "timeout_ms")
    new_revision = any(getattr(before, name) != getattr(after, name) for name in on_the_wire)
    if new_revision:
        after = after.changed(revision_id=new_id("rev", now))
    await webhooks.change(tx, org.organization.cipher, after, new_revision=new_revision)
    await holds.after_change(tx, before, after, now)
    await tell_of_change(tx, before, after, announce)
    return after


async def enable(
    tx: Transaction,
    org: OrgView,
    webhook_id: str,
    request: WebhookEnable,
    rules: Rules,
    now: int,
    announce: Announce,
) -> Webhook:
    """Enables the webhook; what has gathered is delivered, oldest first, or cancelled. One that is enabled
    already stays as it is: what it is owed is on its way."""
    before = await _find(tx, org, webhook_id)
    if request.pending == "discard" and not before.enabled:
        await deliveries.cancel_pending(tx.conn, webhook_id, now)
    return await update(tx, org, webhook_id, WebhookUpdate(enabled=True), rules, now, announce)


async def release(tx: Transaction, org: OrgView, webhook_id: str, now: int) -> tuple[Webhook, int | None]:
    """Ends the hold that an answer with Retry-After has asked for, and says until when it would have lasted
    (ms); a webhook that is not held stays as it is. What was told to wait for the end is due now."""
    webhook = await _find(tx, org, webhook_id)
    return webhook, await holds.end(tx, webhook, now)


async def delete(tx: Transaction, org: OrgView, webhook_id: str, now: int) -> None:
    """Deletes the webhook: what it is still owed is cancelled, its history stays."""
    webhook = await _find(tx, org, webhook_id)
    await webhooks.mark_deleted(tx, webhook, now)
    await secrets.end(tx, [secret.id for secret in webhook.secrets], now)
    await deliveries.cancel_pending(tx.conn, webhook_id, now)
    await lanes.forget(tx.conn, webhook_id)
    await rotations.end(tx, webhook_id)


async def _find(tx: Transaction, org: OrgView, webhook_id: str) -> Webhook:
    cipher = org.organization.cipher
    # The organization first, as in `create` and at the commit: else two changes wait for each other.
    await organizations.lock(tx.conn, org.id)
    webhook = await webhooks.find(tx.conn, cipher, org.id, webhook_id, lock=True)
    if webhook is None:
        raise NotFound(f"there is no webhook {webhook_id}")
    return webhook


def _checked(url: str, headers: Mapping[str, str], org_id: str, rules: Rules) -> str:
    """The URL as it will be dialled; raises with every mistake in URL and headers at once."""
    details: list[Detail] = []
    code = None
    try:
        url = urls.check_url(url, allowed=rules.allowed, org_id=org_id, is_own=rules.is_own).text
    except InvalidRequest as problem:
        details += problem.details
        code = problem.code
    try:
        check_headers(headers)
    except InvalidRequest as problem:
        details += problem.details
    if details:
        text = "; ".join(f"{detail.field}: {detail.message}" for detail in details)
        raise InvalidRequest(text, code=code, details=details)
    return url


def _organizations(request: WebhookCreate | WebhookUpdate) -> tuple[str, ...] | None:
    """Which organizations a platform's webhook covers; others have no such field."""
    given = getattr(request, "organizations", None)
    return None if given is None else tuple(dict.fromkeys(given))


def _merged(before: Mapping[str, str], patch: Mapping[str, str | None] | None) -> dict[str, str]:
    """A merge patch of header values; names are the same in any case."""
    if patch is None:
        return {}
    touched = {name.lower() for name in patch}
    merged = {name: value for name, value in before.items() if name.lower() not in touched}
    return merged | {name: value for name, value in patch.items() if value is not None}


def _check_change_of_origin(before: Webhook, request: WebhookUpdate) -> None:
    """Header values given for one origin must not be sent to another without being given again."""
    assert request.url is not None
    try:
        same = urls.origin(request.url) == urls.origin(before.url)
    except ValueError:
        return  # the check of the URL itself says what is wrong with it
    if same or not before.headers:
        return
    given = {name.lower() for name in request.headers or {}}
    if "headers" in request.model_fields_set and request.headers is None:
        return
    missing = [name for name in before.headers if name.lower() not in given]
    if missing:
        raise InvalidRequest(
            "the new URL has another origin: give the header values again, or null to remove them",
            code="headers_required",
            details=[
                Detail(f"headers.{name}", "must be given again, or removed with null") for name in missing
            ],
        )


_DEFAULTS: Mapping[str, Any] = {
    name: WebhookCreate.model_fields[name].default
    for name in (
        "description",
        "filter",
        "timeout_ms",
        "max_hold_seconds",
        "retry_schedule",
        "rate_limit_per_second",
        "ordered",
    )
}


def _plain_fields(request: WebhookUpdate) -> dict[str, Any]:
    """The fields without rules of their own; null gives the default back."""
    values: dict[str, Any] = {}
    for name, default in _DEFAULTS.items():
        if name in request.model_fields_set:
            given = getattr(request, name)
            values[name] = default if given is None else given
    if values.get("retry_schedule") is not None:
        values["retry_schedule"] = tuple(values["retry_schedule"])
    return values
