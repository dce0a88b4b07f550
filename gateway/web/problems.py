"""Problems as HTTP answers: one document form for every error."""

from __future__ import annotations

import math

import msgspec
from starlette.responses import Response

from gateway.errors import Problem


def problem_response(problem: Problem, request_id: str) -> Response:
    """`{"error", "message", "details", "request_id"}`, with Retry-After and WWW-Authenticate where due."""
    document = {
        "error": problem.code,
        "message": problem.message,
        "details": [{"field": detail.field, "message": detail.message} for detail in problem.details],
        "request_id": request_id,
    }
    headers = {"X-Request-Id": request_id, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    headers |= problem.headers
    if problem.retry_after is not None:
        headers["Retry-After"] = str(max(1, math.ceil(problem.retry_after)))
    if problem.status == 401:
        headers.setdefault("WWW-Authenticate", "Bearer")
    return Response(
        msgspec.json.encode(document), problem.status, headers=headers, media_type="application/json"
    )
