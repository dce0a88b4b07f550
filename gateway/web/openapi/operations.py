"""An operation of `web.api` becomes an Operation Object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, get_type_hints

from gateway.web.auth import PLATFORM_ONLY
from gateway.web.openapi import samples
from gateway.web.openapi.errors import codes_of, responses, takes_body
from gateway.web.openapi.fields import EXTRA
from gateway.web.openapi.parameters import parameters_of
from gateway.web.openapi.schemas import ref
from gateway.web.operation import Operation

_ORGANIZATION: Final = {
    "required": "A platform key names the organization in `X-HUM-Org`.",
    "one": "A platform key names the organization in `X-HUM-Org`.",
    "optional": "A platform key may name the organization in `X-HUM-Org`.",
    "none": "",
    "platform": "",
}
_MEANS: Final = {
    200: "Done.", 201: "Made.", 202: "Accepted, and durable.", 204: "Done; there is nothing to say.",
    207: "A result or an error for each, in order.",
}  # fmt: skip


def request_name(operation: Operation) -> str:
    """The component that describes the operation's body."""
    return operation.id[0].upper() + operation.id[1:]


def operation_object(operation: Operation, tag: str, everything: Iterable[Operation]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [tag],
        "summary": operation.summary,
        "description": _description(operation),
        "parameters": parameters_of(operation),
        "responses": _successes(operation, everything) | responses(codes_of(operation)),
    }
    if operation.signed:
        made["security"] = [{"connectorSignature": []}]
    else:
        made |= {
            "security": [{"apiKey": []}], "x-hum-role": operation.role, "x-hum-scope": operation.scope,
        }  # fmt: skip
    if takes_body(operation):
        made["requestBody"] = _request_body(operation)
    return made


def _description(operation: Operation) -> str:
    if operation.signed:
        return operation.note
    access = f"Role *{operation.role}*, scope `{operation.scope}`."
    if operation.role == PLATFORM_ONLY:
        access += " Only platform keys may."
    access = " ".join(part for part in (access, _ORGANIZATION[operation.org]) if part)
    return "\n\n".join(part for part in (operation.note, access) if part)


def _request_body(operation: Operation) -> dict[str, Any]:
    examples = samples.requests()[operation.id]
    if operation.takes:
        files = {
            kind: {"schema": {"type": "string"}, "examples": {"file": {"value": examples[kind]}}}
            for kind in operation.takes
        }
        return {"required": True, "content": files}
    return {
        "required": _must_say_something(operation),
        "content": {
            "application/json": {
                "schema": ref(request_name(operation)),
                "examples": {name: {"value": value} for name, value in examples.items()},
            }
        },
    }


def _must_say_something(operation: Operation) -> bool:
    """Whether there are fields that a request cannot leave out; else it takes an empty body."""
    if operation.model is None:
        return True
    return operation.model in EXTRA or any(
        field.is_required() for field in operation.model.model_fields.values()
    )


def _successes(operation: Operation, everything: Iterable[Operation]) -> dict[str, Any]:
    links = _links(operation, everything)
    return {
        str(status): _success(operation, status, kind) | ({"links": links} if links and status != 207 else {})
        for status, kind in operation.answers.items()
    }


def _success(operation: Operation, status: int, kind: type | None) -> dict[str, Any]:
    answer: dict[str, Any] = {"description": _MEANS[status], "headers": _headers(operation)}
    if kind is not None:
        example = samples.responses()[operation.id][status]
        media = {"schema": ref(kind.__name__), "examples": {operation.id: {"value": example}}}
        answer["content"] = {"application/json": media} | {
            kind: {"schema": {"type": "string"}} for kind in operation.exports
        }
    return answer


def _headers(operation: Operation) -> dict[str, Any]:
    names = ["X-Request-Id"]
    if operation.method == "POST":
        names.append("Idempotent-Replayed")
    if operation.makes and operation.names_organization and not operation.signed:
        names.append("X-HUM-Org-Created")
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


def _links(operation: Operation, everything: Iterable[Operation]) -> dict[str, Any]:
    """What can be asked about the thing that was just made, by its id."""
    if operation.method != "POST" or "{" in operation.path or not _has_id(operation):
        return {}
    about = f"{operation.path}/{{id}}"
    return {
        other.id: {"operationId": other.id, "parameters": {"path.id": "$response.body#/id"}}
        for other in everything
        if other.path == about or other.path.startswith(f"{about}/")
    }


def _has_id(operation: Operation) -> bool:
    return any(kind is not None and "id" in get_type_hints(kind) for kind in operation.answers.values())
