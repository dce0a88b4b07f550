"""`/docs` and `/openapi.json` as a browser gets them: open, cacheable, complete, in need of nothing else."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from html import unescape
from html.parser import HTMLParser

import httpx
import pytest

from gateway.domain.event_types import CATALOGUE
from gateway.web.docs_page import render
from gateway.web.openapi.document import build
from gateway.web.openapi.errors import CODES
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

DOCUMENT = build()
# What loads, runs or sends something.
_ACTIVE_TAGS = {
    "script", "img", "iframe", "object", "embed", "link", "form", "video", "audio", "source", "base", "svg",
    "meta",
}  # fmt: skip


class Reader(HTMLParser):
    """Tags, ids, targets of links, and whether every tag is closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.ids = [given["id"] for _, given in self.tags if "id" in given]
        self.links = [given["href"] or "" for tag, given in self.tags if tag == "a"]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "input"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.mark.parametrize("path", ["/openapi.json", "/docs"])
async def test_it_is_open_and_cacheable(node: Node, path: str) -> None:
    answer = await node.http.get(path)
    assert answer.status_code == 200
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    tag = answer.headers["ETag"]
    for named in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        same = await node.http.get(path, headers={"If-None-Match": named})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
    assert (await node.http.get(path, headers={"If-None-Match": '"other"'})).status_code == 200
    head = await node.http.head(path)
    assert (head.status_code, head.content, head.headers["ETag"]) == (200, b"", tag)
    assert (await node.http.post(path)).status_code == 405


async def test_the_document_is_served_as_it_is_built(node: Node) -> None:
    answer = await node.http.get("/openapi.json")
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == json.loads(json.dumps(DOCUMENT))


async def test_the_page_needs_nothing_and_may_nothing(node: Node) -> None:
    answer = await node.http.get("/docs")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = dict(part.split(" ", 1) for part in answer.headers["Content-Security-Policy"].split("; "))
    style = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256("".join(style).encode()).digest()).decode()
    nothing = dict.fromkeys(("default-src", "base-uri", "form-action", "frame-ancestors"), "'none'")
    assert policy == nothing | {"style-src": f"'sha256-{digest}'"}
    assert "url(" not in style[0]
    assert "@import" not in style[0]
    page = Reader(answer.text)
    active = [(tag, given) for tag, given in page.tags if tag in _ACTIVE_TAGS]
    assert [sorted(given) for _, given in active] == [["charset"], ["content", "name"]]
    assert not [name for _, given in page.tags for name in given if name.startswith("on") or name == "style"]
    assert not [link for link in page.links if not link.startswith(("#", "/openapi.json"))]


def test_the_page_is_whole() -> None:
    html = render.page(DOCUMENT)
    page = Reader(html)
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))
    assert {link.removeprefix("#") for link in page.links if link.startswith("#")} <= set(page.ids)
    operations = [one for item in DOCUMENT["paths"].values() for one in item.values()]
    operations += [item["post"] for item in DOCUMENT["webhooks"].values()]
    assert {one["operationId"] for one in operations} <= set(page.ids)
    text = unescape(re.sub(r"<[^>]+>", "", html))
    for name in (*CATALOGUE, *CODES, *DOCUMENT["paths"]):
        assert name in text, name
    for schema in DOCUMENT["components"]["schemas"].values():
        for name in schema.get("properties", {}):
            assert f'<code class="name">{name}</code>' in html, name
    for operation in operations:
        for parameter in operation.get("parameters", ()):
            assert f'<code class="name">{parameter["name"]}</code>' in html


def test_the_examples_for_the_shell_hold_the_examples_of_the_document() -> None:
    text = unescape(render.page(DOCUMENT))
    bodies = re.findall(r"-d '(.*?)'</code>", text, re.DOTALL)
    shown = [json.loads(body.replace(r"'\''", "'")) for body in bodies]
    for item in DOCUMENT["paths"].values():
        for operation in item.values():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            if content:
                example = next(iter(content["examples"].values()))["value"]
                assert example in shown, operation["operationId"]


def test_what_is_put_in_is_escaped() -> None:
    """Nothing of it comes from strangers, and still none of it may become a tag."""
    hostile = "<script>alert(1)</script>`<img src=x>` *<b>x</b>*"
    broken = json.loads(json.dumps(DOCUMENT).replace("Accept one event", json.dumps(hostile)[1:-1]))
    broken["info"] |= {"title": hostile, "description": f"{hostile}\n\n## {hostile}\n\n{hostile}"}
    broken["tags"][0]["description"] = hostile
    html = render.page(broken)
    assert hostile.split("`")[0] not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    plain, injected = Reader(render.page(DOCUMENT)), Reader(html)
    assert {tag for tag, _ in injected.tags} == {tag for tag, _ in plain.tags}


async def test_the_page_is_made_once(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    first: httpx.Response = await node.http.get("/docs")
    monkeypatch.setattr(render, "page", lambda document: pytest.fail("made again"))
    assert (await node.http.get("/docs")).content == first.content
