"""The addresses that answer without an API key."""

from __future__ import annotations

from typing import Any, Final

from gateway.web import answers
from gateway.web.openapi.errors import CODES, responses
from gateway.web.openapi.parameters import header_parameter
from gateway.web.openapi.schemas import ref

TAG: Final = "Open without a key"
_TEXT: Final = {"schema": {"type": "string"}}
_NOT_MODIFIED: Final = {"description": "It is what `If-None-Match` named."}
_IF_NONE_MATCH: Final = header_parameter(
    "If-None-Match", {"type": "string"}, "The `ETag` of the answer before: 304 when nothing has changed."
)
_ETAG: Final = {"ETag": {"$ref": "#/components/headers/ETag"}}

ANSWERS: Final = (answers.Health, answers.Ready, answers.NotReady)


def open_paths() -> dict[str, Any]:
    json = "application/json"
    not_ready = {
        "description": "Not ready; `reason` says why.",
        "headers": {"Retry-After": {"$ref": "#/components/headers/Retry-After"}},
        "content": {json: {"schema": ref("NotReady")}},
    }
    return {
        "/healthz": _get("getHealth", "Whether the process answers; it never asks the database.", {
            "200": {"description": "It does.", "content": {json: {"schema": ref("Health")}}},
        }),
        "/readyz": _get("getReadiness", "Whether the node takes requests.", {
            "200": {"description": "It does.", "content": {json: {"schema": ref("Ready")}}},
            "503": not_ready,
        }),
        "/metrics": _get("getMetrics", "Metrics in Prometheus' format: from this machine, or with the token "
                         "in `METRICS_TOKEN`.", {
            "200": {"description": "The metrics.", "content": {"text/plain": _TEXT}},
            **responses([CODES["not_found"]]),
        }, security=[{}, {"metricsToken": []}]),
        "/openapi.json": _get("getOpenApi", "This document.", {
            "200": {"description": "OpenAPI 3.1.", "headers": _ETAG,
                    "content": {json: {"schema": {"type": "object"}}}},
            "304": _NOT_MODIFIED,
        }, parameters=[_IF_NONE_MATCH]),
        "/docs": _get("getDocs", "This document as a page to read.", {
            "200": {"description": "HTML that needs nothing else.", "headers": _ETAG,
                    "content": {"text/html": _TEXT}},
            "304": _NOT_MODIFIED,
        }, parameters=[_IF_NONE_MATCH]),
    }  # fmt: skip


def _get(operation_id: str, summary: str, found: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "get": {
            "operationId": operation_id,
            "tags": [TAG],
            "summary": summary,
            "responses": found,
            "security": [],
            **more,
        }
    }
