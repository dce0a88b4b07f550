"""`/openapi.json` and `/docs`: made once, answered from memory, open without a key."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Published:
    body: bytes
    headers: dict[str, str]


_PAGE_POLICY: Final = (
    "default-src 'none'; style-src {style}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def routes() -> list[Route]:
    async def openapi_json(request: Request) -> Response:
        return await _answer(request, _document)

    async def docs(request: Request) -> Response:
        return await _answer(request, _page)

    return [Route("/openapi.json", openapi_json), Route("/docs", docs)]


@cache
def _document() -> Published:
    from gateway.web.openapi.document import document_bytes  # loaded for the first reader, not at the start

    return _published(document_bytes(), "application/json")


@cache
def _page() -> Published:
    from gateway.web.docs_page import render
    from gateway.web.openapi.document import build

    policy = {"Content-Security-Policy": _PAGE_POLICY.format(style=render.style_source())}
    made = _published(render.page(build()).encode(), "text/html; charset=utf-8")
    return Published(made.body, made.headers | policy | {"Referrer-Policy": "no-referrer"})


def _published(body: bytes, media_type: str) -> Published:
    return Published(
        body,
        {
            "Content-Type": media_type,
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _answer(request: Request, make: Callable[[], Published]) -> Response:
    found = await asyncio.to_thread(make)  # the first one takes a while
    named = request.headers.get("if-none-match", "")
    tags = {tag.strip().removeprefix("W/") for tag in named.split(",")}
    if "*" in tags or found.headers["ETag"] in tags:
        kept = {name: found.headers[name] for name in ("ETag", "Cache-Control")}
        return Response(status_code=304, headers=kept)
    return Response(found.body, headers=found.headers)
