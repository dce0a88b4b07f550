"""A browser for tests of pages: a session with its cookies, pages read by a parser, forms sent as they stand.

ada = await Browser.enter(node, await node.new_key("admin"))
page = await ada.get("/console/o/acme/webhooks/new")
page = await ada.submit(page, "Register", url="https://example.com/", events="*")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import lxml.etree
import lxml.html

from tests.support.node import Node

_INLINE = {"a", "b", "code", "span", "time"}


@dataclass(frozen=True, slots=True)
class Seen:
    """A page: its status, its tree, and the address it came from."""

    status: int
    path: str
    tree: Any

    @property
    def text(self) -> str:
        return _text(self.tree)

    @property
    def rows(self) -> list[str]:
        """Of its tables, without their heads."""
        return [_text(row) for row in self.tree.xpath("//tbody/tr")]

    @property
    def buttons(self) -> list[str]:
        return [_text(button) for button in self.tree.xpath("//main//button")]

    @property
    def links(self) -> dict[str, str]:
        """By their text, those of the page itself."""
        return {_text(link): link.get("href") for link in self.tree.xpath("//main//a")}

    def said(self, kind: str) -> str:
        """What stands in the boxes of a class: `said`, `problem`, `secret`."""
        return " ".join(_text(box) for box in self.tree.xpath(f"//*[contains(@class, '{kind}')]"))

    def form(self, button: str) -> Any:
        found = [form for form in self.tree.forms if button in map(_text, form.xpath(".//button"))]
        assert found, f"no form with {button!r} among {self.buttons}"
        return found[0]

    def fields(self, button: str) -> dict[str, str]:
        """What stands in the form with this button. The line end at which a text of several lines begins is
        none of it."""
        return {name: value.removeprefix("\n") for name, value in self.form(button).form_values()}

    def facts(self) -> dict[str, str]:
        """The lists of terms and what they are."""
        terms = self.tree.xpath("//main//dt")
        return {_text(term): _text(term.getnext()) for term in terms}


@dataclass(frozen=True, slots=True)
class Browser:
    http: httpx.AsyncClient

    @classmethod
    async def enter(cls, node: Node, key: str) -> Browser:
        transport = httpx.ASGITransport(app=node.gateway.app)
        browser = cls(
            httpx.AsyncClient(transport=transport, base_url="http://gateway.test", follow_redirects=True)
        )
        page = await browser.post("/console/sign-in", {"key": key, "next": ""})
        assert page.status == 200, page.text
        return browser

    async def get(self, path: str) -> Seen:
        return _seen(await self.http.get(path))

    async def post(self, path: str, fields: Mapping[str, str]) -> Seen:
        """Line ends go out as browsers send them."""
        sent = {name: value.replace("\n", "\r\n") for name, value in fields.items()}
        return _seen(await self.http.post(path, data=sent))

    async def submit(self, page: Seen, button: str, drop: tuple[str, ...] = (), **filled: str) -> Seen:
        """Sends the form with the button, with what is filled in; boxes of `drop` are not ticked."""
        form = page.form(button)
        fields = {name: value for name, value in page.fields(button).items() if name not in drop} | filled
        if form.method == "GET":
            return _seen(await self.http.get(form.action, params=fields))
        return await self.post(form.action, fields)


def _seen(answer: httpx.Response) -> Seen:
    return Seen(answer.status_code, answer.url.raw_path.decode(), lxml.html.fromstring(answer.text))


def _text(element: Any) -> str:
    """What stands in it, as its reader sees it: blocks and cells apart, words with a link or code whole."""
    found: list[str] = []
    for event, node in lxml.etree.iterwalk(element, events=("start", "end")):
        found.append("" if node.tag in _INLINE else " ")
        found.append((node.text if event == "start" else node.tail if node is not element else None) or "")
    return " ".join("".join(found).split())
