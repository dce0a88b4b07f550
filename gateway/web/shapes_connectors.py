"""How connectors and their log look in answers. What they promise is in `web.answers.connectors`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy.engine import Row

from gateway.clock import format_time
from gateway.domain.connector import PATHS, Connector, Endpoint
from gateway.domain.lookup_health import Health
from gateway.domain.url import shorten
from gateway.manage.stats import Stats
from gateway.store.cipher import Cipher
from gateway.store.connector_requests import Kind, Record, open_record
from gateway.web import answers, shapes
from gateway.web.answers.fields import Header

_ENDPOINTS: Final[dict[Kind, Endpoint]] = {
    "lookup": "contact.lookup",
    "create": "contact.create",
    "ping": "ping",
}
_SIGNATURES: Final = {"x-hum-signature": "sha256=", "webhook-signature": "v1,"}


def connector(
    found: Connector, health: Any | None, lookups: Health, *, whole: bool, now: int
) -> answers.Connector:
    """A connector as it is shown at `now` (ms): `health` is that of the calls it is sent, `lookups` how it
    answers when it is asked; `whole` is False for viewers, who see its URL shortened."""
    return {
        "id": found.id,
        "org_id": found.org_id,
        "name": found.name,
        "base_url": found.url if whole else shorten(found.url),
        "enabled": found.enabled,
        "status": found.status,
        "disabled_reason": found.disabled_reason,
        "has_secret": bool(found.secrets),
        "failing_since": shapes.time(health.failing_since) if health else None,
        "rotation": shapes.rotation(found, now),
        "last_delivery": shapes.last_delivery(health),
        "lookup_health": _lookup_health(lookups),
        "timeout_ms": found.timeout_ms,
        "create_contacts": found.create_contacts,
        "sync_calls": found.sync_calls,
        "sync_unknown": found.sync_unknown,
        "priority": found.priority,
        "created_at": format_time(found.created_at),
        "updated_at": format_time(found.updated_at),
    }


def _lookup_health(health: Health) -> answers.LookupHealth:
    return {
        "state": health.state,
        "open_until": shapes.time(health.open_until),
        "last_answer_at": shapes.time(health.last_answer_at),
        "last_answer_ms": health.last_answer_ms,
        "last_error": health.last_error,
        "last_error_at": shapes.time(health.last_error_at),
    }


def stats(found: Stats, connector_id: str) -> answers.ConnectorStats:
    return {"connector_id": connector_id, **shapes.stats(found)}


def request(row: Row[Any]) -> answers.ConnectorRequest:
    """A direct call without what was said."""
    return {
        "id": row.id,
        "org_id": row.org_id,
        "connector_id": row.connector_id,
        "kind": row.kind,
        "delivery_id": row.delivery_id,
        "at": format_time(row.at),
        "duration_ms": row.duration_ms,
        "status_code": row.status_code,
        "error": row.error,
    }


def request_with_bodies(
    row: Row[Any], revision: Mapping[str, Any] | None, cipher: Cipher, *, whole: bool, payload: bool
) -> answers.ConnectorRequestWithBodies:
    """A direct call with what was said. Viewers (not `whole`) see URL and signatures shortened; without
    `payload` bodies stay out."""
    record = open_record(cipher, row)
    said = record or Record()
    bodies = payload and record is not None
    return {
        **request(row),
        "url": None if revision is None else _url(revision["url"], row.kind, whole=whole),
        "request_headers": said.request_headers if whole else _shortened(said.request_headers),
        "request_body": said.request_body.decode("utf-8", "replace") if bodies else None,
        "request_truncated": said.request_truncated,
        "response_headers": said.response_headers,
        "response_body": said.response_body.decode("utf-8", "replace") if bodies else None,
        "response_truncated": said.response_truncated,
        "error_detail": said.error_detail,
        "payload": "erased" if record is None else "kept" if payload else "hidden",
    }


def _url(base_url: str, kind: Kind, *, whole: bool) -> str | None:
    """Where it went; what came from the connector's side went nowhere of its."""
    endpoint = _ENDPOINTS.get(kind)
    if endpoint is None:
        return None
    url = base_url + PATHS[endpoint]
    return url if whole else shorten(url)


def _shortened(headers: list[Header]) -> list[Header]:
    return [
        (name, _SIGNATURES[name.lower()] + shapes.HIDDEN if name.lower() in _SIGNATURES else value)
        for name, value in headers
    ]
