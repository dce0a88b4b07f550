"""E6: a hundred scripts in every field that is stored, every page of the console in a real Chromium, and
nothing runs. What the controls break is the escaping, with the policy and without it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from jinja2 import Environment
from playwright.async_api import Browser

from gateway.web.console import around, drawing
from gateway.web.console.pages import PAGES
from tests.support.browser import Watched, watching
from tests.support.filled import ORG, filled_node
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.support.scripts import SCRIPTS
from tests.support.served import served_node

pytestmark = [pytest.mark.anyio, pytest.mark.proof]

OF_A_KIND = 3
"""How many pages of one kind are opened in the quick form; the first hold all scripts."""

_ID = re.compile(r"\b[a-z]{3}_[0-9a-z]+\b|%2B\d+|\+\d{8,}")


async def enter(node: Node, seen: Watched, actor: str = SCRIPTS[0]) -> None:
    """By a link, as a person whose name is a script too."""
    asked = {"role": "admin", "actor": actor[:128]}
    made = await node.call("POST", "/api/console-links", json=asked, org=ORG)
    assert made.status_code == 201, made.text
    await seen.goto(urlsplit(made.json()["url"]).path)
    await seen.page.wait_for_url(f"**/console/o/{ORG}/")


async def sign_in(seen: Watched, key: str) -> None:
    """As the platform."""
    await seen.context.clear_cookies()
    await seen.goto("/console/sign-in")
    await seen.page.fill("#key", key)
    await seen.page.get_by_role("button", name="Sign in").click()
    await seen.page.wait_for_url("**/console/")


def kind_of(path: str) -> str:
    """The page without its ids, and of its query the names alone."""
    parts = urlsplit(path)
    names = sorted({pair.partition("=")[0] for pair in parts.query.split("&") if pair})
    return _ID.sub("*", parts.path) + "?" + "&".join(names)


async def crawl(seen: Watched, most: Callable[[str], int], *further: str) -> Counter[str]:
    """Opens what the pages lead to, so many of a kind; the pages opened, by their kind."""
    begin = urlsplit(seen.page.url).path
    waiting, known, opened = [begin, *further], {begin}, Counter[str]()
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(path)
        if opened[kind] >= most(kind):
            continue
        opened[kind] += 1
        await seen.goto(path)
        for link in await seen.page.eval_on_selector_all("a[href]", "all => all.map(a => a.href)"):
            parts = urlsplit(link)
            there = parts.path + (f"?{parts.query}" if parts.query else "")
            ours = link.startswith(seen.base_url + "/console") and "format=" not in parts.query  # a file
            if ours and there not in known:
                known.add(there)
                waiting.append(there)
    return opened


async def proved(browser: Browser, database: str, most: Callable[[str], int]) -> None:
    async with (
        filled_node(database) as (node, filling),
        served_node(node) as url,
        watching(browser, url) as seen,
    ):
        await enter(node, seen)
        opened = await crawl(seen, most, f"/console/o/{ORG}/erasures/{filling.erasure}")
        text = await seen.page.inner_text("body")
        assert SCRIPTS[0] in text, "the name of whoever is inside is a script, and is read as a text"
        await sign_in(seen, node.key)
        opened += await crawl(seen, lambda kind: 0 if f"/o/{ORG}/" in kind else most(kind))
        assert await seen.amiss() == []
        assert seen.opened == []
        never = [page.path for page in PAGES if page.method == "GET" and not _was(page.path or "/", opened)]
        assert never == [], "pages that no link leads to are not looked at"
        print(
            f"E6: {len(SCRIPTS)} scripts in {len(filling.fields)} kinds of fields "
            f"({filling.fields.total():,} times), {opened.total()} pages of {len(opened)} kinds opened: "
            f"0 dialogs, 0 violations, 0 requests elsewhere"
        )


def _was(path: str, opened: Counter[str]) -> bool:
    form = re.sub(r"\\\{\w+\\\}", r"[^/?]+", re.escape(path))
    return any(re.fullmatch(f"/console{form}", kind.partition("?")[0]) for kind in opened)


async def test_no_script_runs_on_any_page(browser: Browser, sqlite_database: str) -> None:
    await proved(browser, sqlite_database, lambda kind: OF_A_KIND)


@pytest.mark.long
async def test_no_script_runs_on_any_page_at_length(browser: Browser, any_database: str) -> None:
    await proved(browser, any_database, lambda kind: len(SCRIPTS))


async def test_scripts_run_where_nothing_is_escaped(
    browser: Browser, sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The controls. With the policy a page that does not escape is broken, and nothing runs."""
    made = drawing.environment()
    bare = made.overlay(autoescape=False)
    assert isinstance(bare, Environment)
    monkeypatch.setattr(drawing, "environment", lambda: bare)
    async with (
        filled_node(sqlite_database, SCRIPTS[:8]) as (node, _),
        served_node(node) as url,
    ):
        async with watching(browser, url) as seen:
            await enter(node, seen)
            await seen.goto(f"/console/o/{ORG}/")
            assert await seen.amiss() != []
            assert seen.dialogs == []
            held = len(seen.violations)
        monkeypatch.setitem(around.HEADERS, "Content-Security-Policy", "default-src 'unsafe-inline' *")
        async with watching(browser, url) as seen:
            await enter(node, seen)
            await seen.goto(f"/console/o/{ORG}/")
            await seen.amiss()
            assert seen.dialogs != []
            print(f"E6 control: not escaped, {held} violations and nothing runs; without the policy "
                  f"{len(seen.dialogs)} dialogs")  # fmt: skip


async def test_a_page_of_another_site_can_do_nothing(browser: Browser, sqlite_database: str) -> None:
    """It can neither show the console in a frame, nor send its forms, nor read the cookie."""
    async with (
        running_node(sqlite_database) as node,
        Receiver() as site,
        served_node(node) as url,
        watching(browser, url) as seen,
    ):
        await node.new_key("admin", ORG)
        await enter(node, seen, "Ada")
        assert await seen.page.evaluate("document.cookie") == ""
        [cookie] = await seen.context.cookies()
        assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
        state = await seen.context.storage_state()
        another = await browser.new_context(storage_state=state)
        page = await another.new_page()
        form = f"<form method=post action='{url}/console/sign-out'><input name=token value=x></form>"
        script = "<script>document.forms[0].requestSubmit()</script>"
        site.respond(headers=[("Content-Type", "text/html")], body=(form + script).encode())
        evil = site.url("/evil").replace("127.0.0.1", "localhost")
        async with page.expect_navigation(url=f"{url}/console/**"):
            await page.goto(evil)
        assert "from another site" in await page.inner_text("body")
        await page.goto(f"{url}/console/o/{ORG}/")
        assert await page.get_by_text("Sign out").is_visible(), "still inside"
        frame = f"<iframe src='{url}/console/o/{ORG}/'></iframe>"
        site.respond(headers=[("Content-Type", "text/html")], body=frame.encode())
        await page.goto(evil)
        [_, framed] = page.frames
        assert "HUM gateway" not in await framed.content(), "nor is it shown in a frame"
        await another.close()
