"""Creating, changing and deleting connectors, and rotating their secrets.

What the answers of a connector about people are worth after a change is settled here, too: a connector that
leads to another address forgets what it was told at the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.domain import url as urls
from gateway.domain.address import Address, AllowedNetworks
from gateway.domain.connector import Connector, ConnectorCreate, ConnectorUpdate, check_secret
from gateway.domain.ids import new_id
from gateway.domain.secret import Secret
from gateway.domain.url import MAX_URL
from gateway.domain.webhook import SecretRotate, WebhookEnable
from gateway.errors import Conflict, Detail, InvalidRequest, NotFound
from gateway.manage import holds
from gateway.manage.secrets import (
    Begun,
    begin,
    end_rotation,
    make_secret,
    refuse_while_rotating,
    replacement,
    told,
    write,
)
from gateway.store import connectors, deliveries, lanes, organizations, rotations, secrets
from gateway.store.directory import OrgView
from gateway.store.transaction import Announce, Transaction

ROOM_FOR_PATHS: Final = 32  # the contract's endpoints stand behind the base URL


@dataclass(frozen=True, slots=True)
class Rules:
    """What the operator's settings say about connectors."""

    allowed: AllowedNetworks
    limit: int
    is_own: Callable[[Address, int], bool] = lambda address, port: False  # whether this node listens there


async def create(
    tx: Transaction, org: OrgView, request: ConnectorCreate, rules: Rules, now: int
) -> Connector:
    """The new connector, with its secret in the clear. Raises InvalidRequest, and Conflict at the limit."""
    url = checked_url(request.base_url, org.id, rules)
    secret = make_secret(request.secret, check_secret, now)
    await organizations.lock(tx.conn, org.id)
    if await connectors.count(tx.conn, org.id) >= rules.limit:
        raise Conflict(
            f"the organization has {rules.limit} connectors, which is its limit",
            code="connector_limit_reached",
        )
    connector = Connector(
        id=new_id("cnr", now),
        org_id=org.id,
        position=await tx.position(),
        revision_id=new_id("rev", now),
        name=request.name,
        url=url,
        secrets=(secret,),
        timeout_ms=request.timeout_ms,
        create_contacts=request.create_contacts,
        sync_calls=request.sync_calls,
        sync_unknown=request.sync_unknown,
        priority=request.priority,
        contacts_since=now,
        created_at=now,
        updated_at=now,
    ).switched(request.enabled)
    await connectors.add(tx, org.organization.cipher, connector)
    return connector


async def update(
    tx: Transaction,
    org: OrgView,
    connector_id: str,
    request: ConnectorUpdate,
    rules: Rules,
    now: int,
    announce: Announce,
) -> tuple[Connector, Secret | None]:
    """The connector as it is after the merge patch; and with `rotate_secret` its new secret, from now on its
    only one: the old one is none of another address's business."""
    before = await _find(tx, org, connector_id)
    after = before.changed(**_plain_fields(request), updated_at=now)
    if "base_url" in request.model_fields_set:
        url = _new_url(before, request, rules)
        after = after.changed(url=url, contacts_since=before.contacts_since if url == before.url else now)
    if "enabled" in request.model_fields_set:
        after = after.switched(request.enabled is not False)
    fresh = None
    if request.rotate_secret:
        fresh = make_secret(None, check_secret, now)
        after = await _rotated(tx, begin(after, fresh, 0, now), announce)
    elif (after.url, after.timeout_ms) != (before.url, before.timeout_ms):
        after = after.changed(revision_id=new_id("rev", now))
    await connectors.change(
        tx, org.organization.cipher, after, new_revision=after.revision_id != before.revision_id,
        new_secrets=[fresh] if fresh else (),
    )  # fmt: skip
    await holds.after_change(tx, before, after, now)
    return after, fresh


async def enable(
    tx: Transaction,
    org: OrgView,
    connector_id: str,
    request: WebhookEnable,
    rules: Rules,
    now: int,
    announce: Announce,
) -> Connector:
    """Enables the connector; calls that have gathered are sent, oldest first, or cancelled. One that is
    enabled already stays as it is: what it is owed is on its way."""
    before = await _find(tx, org, connector_id)
    if request.pending == "discard" and not before.enabled:
        await deliveries.cancel_pending(tx.conn, connector_id, now)
    change = ConnectorUpdate(enabled=True)
    return (await update(tx, org, connector_id, change, rules, now, announce))[0]


async def rotate(
    tx: Transaction, org: OrgView, connector_id: str, request: SecretRotate, announce: Announce, now: int
) -> tuple[Connector, Secret]:
    """The connector and its new secret, in the clear. Raises Conflict while a rotation is under way, unless
    that is forced."""
    before = await _find(tx, org, connector_id)
    if not request.force:
        refuse_while_rotating(before, now)
    fresh = replacement(request.secret, check_secret, before, now)
    after = await _rotated(tx, begin(before, fresh, request.grace_period_seconds, now), announce)
    await connectors.change(tx, org.organization.cipher, after, new_revision=True, new_secrets=[fresh])
    return after, fresh


async def finish_rotation(tx: Transaction, org: OrgView, connector_id: str, now: int) -> Connector:
    """Ends the grace period: from now on the new secret alone counts. Without one, nothing changes."""
    before = await _find(tx, org, connector_id)
    if before.rotating(now) is None:
        return before
    after = (await end_rotation(tx, before, now)).changed(updated_at=now)
    await connectors.change(tx, org.organization.cipher, after, new_revision=False)
    return after


async def delete(tx: Transaction, org: OrgView, connector_id: str, now: int) -> None:
    """Deletes the connector: what it is still owed is cancelled, its history stays. Its answers about people
    are of no use any more, and go within the hour (`manage.removal`)."""
    connector = await _find(tx, org, connector_id)
    await connectors.mark_deleted(tx, connector, now)
    await secrets.end(tx, [secret.id for secret in connector.secrets], now)
    await deliveries.cancel_pending(tx.conn, connector_id, now)
    await lanes.forget(tx.conn, connector_id)
    await rotations.end(tx, connector_id)


def checked_url(text: str, org_id: str, rules: Rules) -> str:
    """The base URL in its stored form, without a slash at its end. Raises InvalidRequest."""
    most = MAX_URL - ROOM_FOR_PATHS
    url = urls.check_url(
        text, allowed=rules.allowed, org_id=org_id, is_own=rules.is_own, field="base_url", max_length=most
    ).text
    if "?" in url:
        raise InvalidRequest.field("base_url", "must not have a query (?…): the endpoints' paths are added")
    return url.rstrip("/")


async def _rotated(tx: Transaction, begun: Begun[Connector], announce: Announce) -> Connector:
    after = begun.after
    await write(tx, begun)
    await announce(tx, after.org_id, "secret.rotated", told(after.id, begun.rotation))
    return after


async def _find(tx: Transaction, org: OrgView, connector_id: str) -> Connector:
    # The organization first, as in `create` and at the commit: else two changes wait for each other.
    await organizations.lock(tx.conn, org.id)
    found = await connectors.find(tx.conn, org.organization.cipher, org.id, connector_id, lock=True)
    if found is None:
        raise NotFound(f"there is no connector {connector_id}")
    return found


def _new_url(before: Connector, request: ConnectorUpdate, rules: Rules) -> str:
    if request.base_url is None:
        raise InvalidRequest.field("base_url", "cannot be removed")
    url = checked_url(request.base_url, before.org_id, rules)
    if urls.origin(url) != urls.origin(before.url) and not request.rotate_secret:
        needed = 'needs "rotate_secret": true, for the new address must not get the old secret'
        raise InvalidRequest(
            f"the new base URL has another origin: that {needed}",
            code="secret_rotation_required",
            details=[Detail("rotate_secret", "must be true: the base URL has another origin")],
        )
    return url


_DEFAULTS: Final[Mapping[str, Any]] = {
    name: ConnectorCreate.model_fields[name].default
    for name in ("timeout_ms", "create_contacts", "sync_calls", "sync_unknown", "priority")
}


def _plain_fields(request: ConnectorUpdate) -> dict[str, Any]:
    """The fields without rules of their own; null gives the default back."""
    given = {name: getattr(request, name) for name in request.model_fields_set}
    values = {
        name: default if given[name] is None else given[name]
        for name, default in _DEFAULTS.items()
        if name in given
    }
    if "name" in given:
        if request.name is None:
            raise InvalidRequest.field("name", "cannot be removed")
        values["name"] = request.name
    return values
