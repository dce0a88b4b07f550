"""Somebody with a browser: keeps cookies, reads pages, fills in their forms.

ada = await sign_in(node, await node.new_key("viewer"))
page = await ada.get("/console/o/acme/callers")
page = await ada.send(page, "Preview", phone="+13175550142")
"""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

import httpx

from tests.support.node import Node

_EMPTY = {"input", "br", "link", "meta", "img", "hr", "line", "circle", "polyline", "rect", "path"}
_BLOCKS = {
    "p", "div", "li", "td", "th", "tr", "h1", "h2", "h3", "dt", "dd", "pre", "button", "a", "label", "option",
    "strong", "summary", "legend", "caption",
}  # fmt: skip


@dataclass
class FormOnPage:
    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[str] = field(default_factory=list)
    submits: dict[str, tuple[str, str]] = field(default_factory=dict)
    """By the button's text: the name and value that it adds."""


class PageOf(HTMLParser):
    """A page as its reader sees it."""

    def __init__(self, response: httpx.Response) -> None:
        super().__init__(convert_charrefs=True)
        self.response = response
        self.status = response.status_code
        self.forms: list[FormOnPage] = []
        self.links: dict[str, str] = {}
        self.tags: list[tuple[str, dict[str, str]]] = []
        self._texts: list[str] = []
        self._open: list[tuple[str, dict[str, str], int]] = []
        self._form: FormOnPage | None = None
        self._select: tuple[str, bool] | None = None
        if response.headers.get("content-type", "").startswith("text/html"):
            self.feed(response.text)

    @property
    def text(self) -> str:
        """All of its text, blanks between blocks made one."""
        return " ".join("".join(self._texts).split())

    def all(self, tag: str, **attributes: str) -> list[dict[str, str]]:
        wanted = attributes.items()
        return [found for name, found in self.tags if name == tag and wanted <= found.items()]

    def form(self, button: str) -> FormOnPage:
        """The form with this button."""
        for form in self.forms:
            if button in form.buttons:
                return form
        raise AssertionError(f"no form with {button!r} among {[form.buttons for form in self.forms]}")

    @property
    def buttons(self) -> list[str]:
        return [button for form in self.forms for button in form.buttons]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value if value is not None else "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag in _BLOCKS:
            self._texts.append(" ")
        if tag == "form":
            self._form = FormOnPage(given.get("action", ""), given.get("method", "get"))
            self.forms.append(self._form)
        elif tag == "input" and self._form is not None and "name" in given:
            if given.get("type") not in ("checkbox", "radio") or "checked" in given:
                self._form.fields[given["name"]] = given.get("value", "")
        elif tag == "select" and "name" in given:
            self._select = (given["name"], False)
        elif tag == "option":
            self._option(given)
        if tag not in _EMPTY:
            self._open.append((tag, given, len(self._texts)))

    def _option(self, given: dict[str, str]) -> None:
        if self._select is None or self._form is None:
            return
        name, chosen = self._select
        if "selected" in given or not chosen:
            self._form.fields[name] = given.get("value", "\0text")
            self._select = (name, True)

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            name, given, begin = self._open.pop()
            if name == tag:
                self._ended(tag, given, "".join(self._texts[begin:]))
                break
        if tag in _BLOCKS:
            self._texts.append(" ")

    def _ended(self, tag: str, given: dict[str, str], text: str) -> None:
        plain = " ".join(text.split())
        if tag == "form":
            self._form = None
        elif tag == "a" and "href" in given:
            self.links.setdefault(plain, given["href"])
        elif tag == "button" and self._form is not None:
            self._form.buttons.append(plain)
            if "name" in given:
                self._form.submits[plain] = (given["name"], given.get("value", ""))
        elif tag == "textarea" and self._form is not None and "name" in given:
            self._form.fields[given["name"]] = text.removeprefix("\n")
        elif tag == "option" and self._form is not None and self._select is not None:
            if self._form.fields.get(self._select[0]) == "\0text":
                self._form.fields[self._select[0]] = plain
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        self._texts.append(data)


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

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> PageOf:
        """A form that may stand on no page at all."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return PageOf(await self.http.post(path, data=fields, headers=sent))

    async def send(self, page: PageOf, button: str, **filled: str) -> PageOf:
        """Fills in the form that has the button, and presses it."""
        form = page.form(button)
        fields = form.fields | dict([form.submits[button]] if button in form.submits else []) | filled
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
