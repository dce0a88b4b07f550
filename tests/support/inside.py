"""Somebody with a browser: keeps cookies, reads pages, fills in their forms.

ada = await sign_in(node, await node.new_key("viewer"))
page = await ada.get("/console/o/acme/callers")
page = await ada.send(page, "Preview", phone="+13175550142")
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import lxml.etree
import lxml.html

from tests.support.node import Node

_INLINE = {"a", "b", "code", "span", "time", "em"}


@dataclass
class FormOnPage:
    """A form as it stands: what would be sent, and its buttons. `submits`: by the button's text, the name and
    value that it adds."""

    action: str
    method: str
    fields: dict[str, str]
    buttons: list[str]
    submits: dict[str, tuple[str, str]] = field(default_factory=dict)


class PageOf:
    """A page as its reader sees it. Buttons and links are those of the page itself, not of what stands around
    every page."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status = response.status_code
        self.path = response.url.raw_path.decode()
        is_html = response.headers.get("content-type", "").startswith("text/html")
        self.tree: Any = lxml.html.fromstring(response.text if is_html else "<html></html>")

    @property
    def text(self) -> str:
        """All of its text, blanks between blocks made one."""
        return text_of(self.tree)

    @property
    def rows(self) -> list[str]:
        """Of its tables, without their heads."""
        return [text_of(row) for row in self.tree.xpath("//tbody/tr")]

    @property
    def buttons(self) -> list[str]:
        return [text_of(button) for button in self.tree.xpath("//main//button")]

    @property
    def links(self) -> dict[str, str]:
        """By their text; of several the first."""
        links = self.tree.xpath("//main//a[@href]")
        return {text_of(link): link.get("href") for link in reversed(links)}

    @property
    def is_inside(self) -> bool:
        """Whether somebody is signed in there."""
        return any("Sign out" in form.buttons for form in self.forms)

    @property
    def forms(self) -> list[FormOnPage]:
        return [_form(form) for form in self.tree.forms]

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        """The attributes of every such element."""
        found = [dict(element.attrib) for element in self.tree.iter(tag)]
        return [one for one in found if attributes.items() <= one.items()]

    def said(self, kind: str) -> str:
        """What stands in the boxes of a class: `said`, `problem`, `secret`."""
        return " ".join(text_of(box) for box in self.tree.xpath(f"//*[contains(@class, '{kind}')]"))

    def facts(self) -> dict[str, str]:
        """The lists of terms and what they are."""
        terms = self.tree.xpath("//main//dt")
        return {text_of(term): text_of(term.getnext()) for term in terms}

    def form(self, button: str) -> FormOnPage:
        """The first form with this button."""
        forms = self.forms
        for form in forms:
            if button in form.buttons:
                return form
        raise AssertionError(f"no form with {button!r} among {[form.buttons for form in forms]}")

    def fields(self, button: str) -> dict[str, str]:
        """What stands in the form with this button."""
        return self.form(button).fields


def _form(form: Any) -> FormOnPage:
    buttons = form.xpath(".//button")
    named = [button for button in buttons if button.get("name")]
    return FormOnPage(
        action=form.get("action", ""),
        method=form.get("method", "get").lower(),
        # The line end at which a text of several lines begins is none of it.
        fields={name: value.removeprefix("\n") for name, value in form.form_values()},
        buttons=[text_of(button) for button in buttons],
        submits={text_of(button): (button.get("name"), button.get("value", "")) for button in named},
    )


def text_of(element: Any) -> str:
    """What stands in it, as its reader sees it: blocks and cells apart, words with a link or code whole."""
    found: list[str] = []
    for event, node in lxml.etree.iterwalk(element, events=("start", "end")):
        found.append("" if node.tag in _INLINE else " ")
        found.append((node.text if event == "start" else node.tail if node is not element else None) or "")
    return " ".join("".join(found).split())


class Visitor:
    """One browser, with its own cookies; redirects are followed as browsers do."""

    def __init__(self, node: Node) -> None:
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=node.gateway.app),
            base_url="http://gateway.test",
            follow_redirects=True,
        )

    async def get(self, path: str, **query: str) -> PageOf:
        return PageOf(await self.http.get(path, params=query or None))

    async def post(self, path: str, fields: Mapping[str, str], **headers: str) -> PageOf:
        """A form that may stand on no page at all. Line ends go out as browsers send them."""
        sent = {name: value.replace("\n", "\r\n") for name, value in fields.items()}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return PageOf(await self.http.post(path, data=sent, headers=named))

    async def send(self, page: PageOf, button: str, drop: tuple[str, ...] = (), **filled: str) -> PageOf:
        """Fills in the form that has the button, and presses it; boxes of `drop` are not ticked."""
        form = page.form(button)
        fields = form.fields | dict([form.submits[button]] if button in form.submits else []) | filled
        fields = {name: value for name, value in fields.items() if name not in drop}
        if form.method == "get":
            return PageOf(await self.http.get(form.action, params=fields))
        return await self.post(form.action, fields)

    async def aclose(self) -> None:
        await self.http.aclose()


async def sign_in(node: Node, key: str) -> Visitor:
    """Somebody who is inside with the key."""
    visitor = Visitor(node)
    page = await visitor.send(await visitor.get("/console/sign-in"), "Sign in", key=key)
    assert page.status == 200, page.text
    return visitor
