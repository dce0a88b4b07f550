"""Every error code: its status, when it comes, and which codes an operation can answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.web.operation import Operation


@dataclass(frozen=True, slots=True)
class Code:
    """A row of the table: what stands in `error`, and when."""

    name: str
    status: int
    when: str
    retry_after: bool = False


CODES: Final[Mapping[str, Code]] = {
    code.name: code
    for code in (
        Code("invalid_json", 400, "The body is not JSON, or not UTF-8."),
        Code("invalid_cursor", 400, "The cursor is none that this list gave in this order."),
        Code("organization_required", 400, "A platform key must name the organization in `X-HUM-Org`."),
        Code("invalid_organization", 400, "`X-HUM-Org` has not the form of an organization's id."),
        Code("api_key_required", 401, "There is no `Authorization: Bearer …`."),
        Code("api_key_invalid", 401, "The API key is unknown, revoked or expired."),
        Code(
            "signature_invalid",
            401,
            "The request is not signed with a secret of this connector, or not now; the message says why.",
        ),
        Code("insufficient_scope", 403, "The key's role or scopes do not allow this."),
        Code("wrong_organization", 403, "The key belongs to another organization."),
        Code("not_found", 404, "There is no such thing, or it is another organization's."),
        Code("organization_unknown", 404, "There is no such organization."),
        Code("method_not_allowed", 405, "This address has other methods; `Allow` names them."),
        Code("request_timeout", 408, "The body did not arrive in time."),
        Code("conflict", 409, "It does not fit the present state."),
        Code("external_id_conflict", 409, "This `external_id` was used with another body."),
        Code("idempotency_conflict", 409, "This `Idempotency-Key` was used with another body or query."),
        Code(
            "idempotency_in_progress", 409, "The first request with this key is still being worked on.", True
        ),
        Code("rotation_in_progress", 409, "The secret is being rotated: finish that first, or force it."),
        Code("webhook_limit_reached", 409, "The organization has as many webhooks as it may have."),
        Code("connector_limit_reached", 409, "The organization has as many connectors as it may have."),
        Code("payload_expired", 409, "The event's payload is past its retention."),
        Code("webhook_deleted", 409, "The webhook was deleted."),
        Code("webhook_disabled", 409, "A person has disabled the webhook: enable it first."),
        Code("connector_deleted", 409, "The connector was deleted."),
        Code("connector_disabled", 409, "A person has disabled the connector: enable it first."),
        Code("test_delivery", 409, "It was a test, which is not sent again."),
        Code("delivery_over", 409, "The delivery has been delivered or has failed already."),
        Code("own_number", 409, "It is one of the organization's own numbers, and nobody's to be erased."),
        Code("contact_merged", 409, "The two are one contact already."),
        Code("too_many_numbers", 409, "The contact would have more numbers than it may."),
        Code("job_running", 409, "Another job is at work on the same."),
        Code("cost_changed", 409, "The backfill costs another amount than was confirmed."),
        Code(
            "own_account_required",
            403,
            "This would be charged to the installation's account, which only a platform key may allow.",
        ),
        Code(
            "lookups_off", 409, "The organization's `lookup_budget` is 0, or there is no account for lookups."
        ),
        Code("job_over", 409, "The job has failed, or is done and of a kind that stays done."),
        Code("organization_erased", 410, "The organization was erased, for good."),
        Code("payload_too_large", 413, "The body is larger than it may be."),
        Code("unsupported_media_type", 415, "The body is not of a media type that is taken here."),
        Code("invalid_request", 422, "Fields or parameters are not as described; `details` names each."),
        Code("reserved_type", 422, "The type is one of the gateway's own events."),
        Code("target_denied", 422, "The URL leads where the gateway does not send."),
        Code("headers_required", 422, "The URL has another origin: give all header values again."),
        Code(
            "secret_rotation_required",
            422,
            "The base URL has another origin: it needs `rotate_secret`, too.",
        ),
        Code("rate_limited", 429, "Too many requests.", True),
        Code("internal_error", 500, "A fault of the gateway; report the `request_id`."),
        Code("overloaded", 503, "More arrives than can be taken.", True),
        Code("storage_full", 503, "The gateway's disk is nearly full.", True),
        Code("database_unavailable", 503, "The gateway's database is away.", True),
    )
}

_ALWAYS: Final = (
    "api_key_required", "api_key_invalid", "insufficient_scope", "wrong_organization", "invalid_request",
    "rate_limited", "internal_error", "overloaded", "database_unavailable",
)  # fmt: skip
_OF_A_KEY: Final = ("api_key_required", "api_key_invalid", "insufficient_scope", "wrong_organization")
_OF_AN_ORGANIZATION: Final = (
    "organization_required", "invalid_organization", "organization_unknown", "organization_erased",
)  # fmt: skip
_OF_A_BODY: Final = ("invalid_json", "request_timeout", "payload_too_large", "unsupported_media_type")
_OF_A_REPEAT: Final = ("idempotency_conflict", "idempotency_in_progress")


def takes_body(operation: Operation) -> bool:
    return operation.model is not None or operation.body is not None or bool(operation.takes)


def codes_of(operation: Operation) -> list[Code]:
    """What the operation can answer, in the order of the table."""
    names = {*_ALWAYS, *operation.errors}
    if operation.signed:
        names -= set(_OF_A_KEY)
    elif operation.names_organization:
        names.update(_OF_AN_ORGANIZATION)
    if takes_body(operation):
        names.update(_OF_A_BODY)
    if operation.may_take_key:
        names.update(_OF_A_REPEAT)
    if "{" in operation.path and not operation.signed:
        names.add("not_found")
    if "cursor" in operation.query:
        names.add("invalid_cursor")
    return [code for code in CODES.values() if code.name in names]


def responses(codes: Iterable[Code]) -> dict[str, Any]:
    """A Response Object for each status, with an example for each code."""
    by_status: dict[int, list[Code]] = {}
    for code in codes:
        by_status.setdefault(code.status, []).append(code)
    return {str(status): _response(group) for status, group in by_status.items()}


def _response(codes: list[Code]) -> dict[str, Any]:
    status = codes[0].status
    headers = {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}}
    if status == 401:
        headers["WWW-Authenticate"] = {"$ref": "#/components/headers/WWW-Authenticate"}
    if any(code.retry_after for code in codes):
        headers["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
    return {
        "description": " ".join(f"`{code.name}`: {code.when}" for code in codes),
        "headers": headers,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {code.name: {"$ref": f"#/components/examples/{code.name}"} for code in codes},
            }
        },
    }


def examples() -> dict[str, Any]:
    """An Example Object for every code; the responses refer to them."""
    return {code.name: {"summary": code.when, "value": _example(code)} for code in CODES.values()}


def _example(code: Code) -> dict[str, Any]:
    mistake = {"field": "events[17].data", "message": "must be an object"}
    return {
        "error": code.name,
        "message": code.when.replace("`", ""),
        "details": [mistake] if code.name == "invalid_request" else [],
        "request_id": "req_01k9h3v5q8x2m4n6p7r9s1t3w5",
    }
