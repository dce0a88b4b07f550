"""A real browser on pages of the gateway, watched: what a page says, asks for, breaks or tries elsewhere.

Playwright drives a Chromium that is installed already; it never fetches one. The fixture `browser` in
tests/conftest.py gives one process to each module of tests, and `watching` a context with an empty profile
to each page under test.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Error,
    Page,
    Request,
    async_playwright,
)

VARIABLE = "HUM_TEST_CHROMIUM"
TIMEOUT_MS = 10_000
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# Chromium asks its maker's hosts at every start, unless told not to; and no name but the loopback's resolves.
_FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1 , EXCLUDE [::1]",
)
_REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  reportViolation(`${event.effectiveDirective} refused ${event.blockedURI} on ${event.documentURI}`);
}, true);
"""
# Two turns of the page's event loop: what was queued before has been told by then.
_TWO_TURNS = "() => new Promise((done) => setTimeout(() => setTimeout(done)))"
# Chromium puts every answer of 400 and more into the console. A page may well show a refusal.
_ANSWERED = "error: Failed to load resource: the server responded with a status of "


def find_chromium() -> Path | None:
    """The one HUM_TEST_CHROMIUM names, else the first in PATH. FileNotFoundError when it names no file."""
    named = os.environ.get(VARIABLE)
    if named and not Path(named).is_file():
        raise FileNotFoundError(f"{VARIABLE} names {named}, which is no file")
    found = named or next(filter(None, map(shutil.which, _NAMES)), None)
    return Path(found) if found else None


@asynccontextmanager
async def running_browser(chromium: Path) -> AsyncIterator[Browser]:
    """Without Chromium's sandbox: neither root nor most containers can set it up, and the pages are ours."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=chromium, args=_FLAGS, chromium_sandbox=False, timeout=60_000
        )
        try:
            yield browser
        finally:
            await browser.close()


@dataclass
class Watched:
    """A page, its context, and what was seen of every page and frame in that context."""

    base_url: str
    context: BrowserContext
    page: Page
    console: list[str] = field(default_factory=list)  # "type: text"
    errors: list[str] = field(default_factory=list)  # exceptions that nobody caught
    dialogs: list[str] = field(default_factory=list)  # "type: message" of alert, confirm, prompt
    violations: list[str] = field(default_factory=list)  # of a content security policy: event, console line
    elsewhere: list[str] = field(default_factory=list)  # "METHOD URL" of requests to other origins
    # URLs of pop-ups and tabs. Playwright tells of them late: wait with `context.expect_page()`.
    opened: list[str] = field(default_factory=list)
    accept_dialogs: bool = False  # or dismiss them

    async def goto(self, path: str) -> None:
        """Opens a path of the base URL and waits until it is loaded."""
        await self.page.goto(self.base_url + path)

    async def amiss(self) -> list[str]:
        """All that a sound page does not do, one line each: empty when nothing was seen of errors, dialogs,
        violations and requests elsewhere. Errors in the console count, answers of 400 and more do not."""
        await self._settle()
        return [
            *(f"page error: {error}" for error in self.errors),
            *(f"dialog: {dialog}" for dialog in self.dialogs),
            *(f"violation: {violation}" for violation in self.violations),
            *(f"request elsewhere: {request}" for request in self.elsewhere),
            *(f"console: {line}" for line in self.console if _is_mistake(line)),
        ]

    async def _settle(self) -> None:
        for page in self.context.pages:
            await page.wait_for_load_state()
            await page.evaluate(_TWO_TURNS)


@asynccontextmanager
async def watching(browser: Browser, base_url: str) -> AsyncIterator[Watched]:
    """A blank page in a context of its own: cookies, storage and cache are empty. What it requests from any
    origin but that of `base_url` (scheme, host, port) is written down and broken off; a redirection to
    elsewhere is written down. Chromium's cache does not work beside this."""
    context = await browser.new_context(service_workers="block")
    context.set_default_timeout(TIMEOUT_MS)
    foreign = _foreign(base_url)
    try:
        await context.route(foreign, lambda route: route.abort("blockedbyclient"))
        watched = Watched(base_url, context, await context.new_page())
        await context.expose_function("reportViolation", lambda line: watched.violations.append(line))
        await context.add_init_script(_REPORT_VIOLATIONS)
        _listen(watched, foreign)
        yield watched
    finally:
        await context.unroute_all(behavior="ignoreErrors")
        await context.close()


def _foreign(base_url: str) -> re.Pattern[str]:
    """Matches the URLs that leave the base URL's origin. Playwright runs it as a JavaScript expression."""
    origin = re.escape(base_url.rstrip("/")).replace("http", "(?:http|ws)", 1)
    return re.compile(rf"^(?!{origin}(?:[/?#]|$))(?!data:|blob:|about:)")


def _listen(watched: Watched, foreign: re.Pattern[str]) -> None:
    def asked(request: Request) -> None:
        if foreign.match(request.url):
            watched.elsewhere.append(f"{request.method} {request.url}")

    def connected(url: str) -> None:
        if foreign.match(url):
            watched.elsewhere.append(f"CONNECT {url}")

    def said(message: ConsoleMessage) -> None:
        watched.console.append(f"{message.type}: {message.text}")
        if message.type == "error" and "Content Security Policy" in message.text:
            watched.violations.append(message.text)

    async def interrupted(dialog: Dialog) -> None:
        watched.dialogs.append(f"{dialog.type}: {dialog.message}")
        with contextlib.suppress(Error):  # its page may be gone
            await (dialog.accept() if watched.accept_dialogs else dialog.dismiss())

    def opened(page: Page) -> None:
        watched.opened.append(page.url)
        page.on("websocket", lambda socket: connected(socket.url))

    watched.page.on("websocket", lambda socket: connected(socket.url))
    watched.context.on("request", asked)
    watched.context.on("console", said)
    watched.context.on("weberror", lambda error: watched.errors.append(str(error.error)))
    watched.context.on("dialog", interrupted)
    watched.context.on("page", opened)


def _is_mistake(line: str) -> bool:
    told_already = "Content Security Policy" in line
    return line.startswith("error: ") and not line.startswith(_ANSWERED) and not told_already
