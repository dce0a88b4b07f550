"""`/docs` in a real browser over a real socket; and that the watching sees what a hostile page would do."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.support.browser import watching
from tests.support.node import running_node
from tests.support.receiver import Receiver
from tests.support.served import served_node

pytestmark = pytest.mark.anyio

POLICY = ("Content-Security-Policy", "default-src 'none'")


@pytest.fixture
async def other() -> AsyncIterator[Receiver]:
    """Another origin, which must never be asked for anything."""
    async with Receiver() as other:
        yield other


@pytest.fixture
async def site() -> AsyncIterator[Receiver]:
    async with Receiver() as site:
        yield site


def serve(site: Receiver, html: str, *headers: tuple[str, str]) -> None:
    site.respond(headers=[("Content-Type", "text/html"), *headers], body=html.encode())


async def test_the_page_is_shown_and_nothing_is_amiss(browser: Browser, sqlite_database: str) -> None:
    async with (
        running_node(sqlite_database) as node,
        served_node(node) as url,
        watching(browser, url) as docs,
    ):
        await docs.goto("/docs")
        assert await docs.page.title() == "HUM gateway API"
        await docs.page.locator('a[href="#createWebhook"]').first.click()
        assert docs.page.url == f"{url}/docs#createWebhook"
        assert await docs.page.locator("#createWebhook").is_visible()
        assert await docs.amiss() == []
        assert (docs.console, docs.opened) == ([], [])


async def test_a_script_that_runs_is_seen(browser: Browser, site: Receiver) -> None:
    serve(site, "<script>alert(document.domain); confirm('sure?'); none.such</script>")
    async with watching(browser, site.url("")) as seen:
        await seen.goto("/")
        assert await seen.amiss() == [
            "page error: none is not defined",
            "dialog: alert: 127.0.0.1",
            "dialog: confirm: sure?",
        ]


@pytest.mark.parametrize("accept", [True, False])
async def test_a_dialog_is_answered_as_told(browser: Browser, site: Receiver, accept: bool) -> None:
    serve(site, "<script>document.title = confirm('sure?')</script>")
    async with watching(browser, site.url("")) as seen:
        seen.accept_dialogs = accept
        await seen.goto("/")
        assert await seen.page.title() == str(accept).lower()


async def test_a_policy_that_refuses_is_seen(browser: Browser, site: Receiver) -> None:
    serve(site, "<p onclick='alert(1)'>a</p><script>alert(2)</script><img src='/image'>", POLICY)
    async with watching(browser, site.url("")) as seen:
        await seen.goto("/")
        await seen.page.locator("p").click()
        amiss = await seen.amiss()
        assert seen.dialogs == []
        assert all(line.startswith("violation: ") for line in amiss), amiss
        for what in ("script-src-elem refused inline", "script-src-attr refused inline", "img-src refused"):
            assert [line for line in amiss if line.startswith(f"violation: {what}")], what


async def test_what_leaves_the_origin_is_seen_and_broken_off(
    browser: Browser, site: Receiver, other: Receiver
) -> None:
    script = f"""
      fetch("{other.url("/fetched")}").catch(() => 0);
      navigator.sendBeacon("{other.url("/beacon")}", "x");
      new WebSocket("{other.url("/socket", scheme="ws")}");
      open("{other.url("/opened")}");
    """
    serve(
        site,
        f"<img src='{other.url('/image')}'><img src='https://elsewhere.example/x'><script>{script}</script>",
    )
    async with watching(browser, site.url("")) as seen:
        async with seen.context.expect_page():
            await seen.goto("/")
        await seen.amiss()
        wanted = {
            f"GET {other.url('/image')}", f"GET {other.url('/fetched')}", f"GET {other.url('/opened')}",
            f"POST {other.url('/beacon')}", "GET https://elsewhere.example/x",
            f"CONNECT {other.url('/socket', scheme='ws')}",
        }  # fmt: skip
        assert set(seen.elsewhere) == wanted
        assert len(seen.opened) == 1
    assert {request.path for request in other.requests} <= {"/socket"}


async def test_a_redirection_to_elsewhere_is_seen(browser: Browser, site: Receiver, other: Receiver) -> None:
    site.respond(302, headers=[("Location", other.url("/there"))])
    async with watching(browser, site.url("")) as seen:
        await seen.goto("/")
        assert await seen.amiss() == [f"request elsewhere: GET {other.url('/there')}"]


async def test_each_page_starts_with_nothing(browser: Browser, site: Receiver) -> None:
    serve(site, "<script>document.title = document.cookie + localStorage.a</script>", ("Set-Cookie", "a=1"))
    for _ in range(2):
        async with watching(browser, site.url("")) as seen:
            await seen.goto("/")
            assert await seen.page.title() == "a=1undefined"
            await seen.page.evaluate("localStorage.a = 2")
