"""What keeps others out of the console: sessions, forms of one's own, cookies, headers."""

from __future__ import annotations

import re

import httpx
import pytest

from gateway.errors import Overloaded
from gateway.web.console.asking import Asking
from gateway.web.console.page import Page
from gateway.web.console.pages import PAGES
from tests.support.inside import Visitor, sign_in
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

CALLERS = "/console/o/acme/callers"
FILLED = {"phone": "+13175550142"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
OF_ORGANIZATIONS = [page for page in PAGES if "{org}" in page.path]
FORMS = [page for page in PAGES if page.method == "POST"]


def named(page: Page) -> str:
    return f"{page.method} {page.path or '-'}"


def address(page: Page, org: str = "acme") -> str:
    path = page.path.replace("{org}", org)
    return "/console" + re.sub(r"\{[a-z_]+\}", "whk_nothing", path)


def kept(response: httpx.Response) -> bool:
    """Whether it has what every answer of the console has."""
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "'unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["referrer-policy"] == "same-origin"
    return response.headers["cache-control"] == "no-store"


async def test_without_a_session_every_page_leads_to_the_way_in(node: Node) -> None:
    for cookie in (None, "nonsense", ""):
        visitor = Visitor(node)
        if cookie is not None:
            visitor.http.cookies.set("hum_console", cookie)
        for page in PAGES:
            answer = await visitor.http.request(
                page.method, address(page), follow_redirects=False, headers=FORM
            )
            assert (answer.status_code, kept(answer)) == (303, True), named(page)
            assert answer.headers["location"].startswith("/console/sign-in"), named(page)


async def test_nobody_gets_into_another_organization(ada: Visitor) -> None:
    for page in OF_ORGANIZATIONS:
        answer = await ada.http.request(page.method, address(page, "other"), headers=FORM)
        assert (answer.status_code, kept(answer)) == (404, True), named(page)
        assert "there is no such organization here" in answer.text, named(page)


async def test_every_form_must_be_of_the_session(
    node: Node, ada: Visitor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asked(*_: object) -> None:
        raise AssertionError("the form was believed")

    other = await sign_in(node, await node.new_key("admin"))
    token = (await ada.get(CALLERS)).form("Sign out").fields["token"]
    foreign = (await other.get(CALLERS)).form("Sign out").fields["token"]
    monkeypatch.setattr(Asking, "ask", asked)
    for page in FORMS:
        for fields in ({"x": "y"}, {"token": ""}, {"token": foreign}, {"token": token[:-1]}, {"token": "ä"}):
            found = await ada.post(address(page), fields)
            assert (found.status, "not of your session" in found.text) == (403, True), named(page)
        for headers in (
            {"origin": "https://evil.test"},
            {"origin": "null"},
            {"origin": "http://gateway.test.evil.test"},
            {"sec_fetch_site": "cross-site"},
            {"sec_fetch_site": "same-site"},
        ):
            found = await ada.post(address(page), {"token": token}, **headers)
            assert (found.status, "from another site" in found.text) == (403, True), named(page)
        for kind in ("application/json", "multipart/form-data; boundary=x", "text/plain"):
            answer = await ada.http.post(
                address(page), content=f"token={token}", headers={"content-type": kind}
            )
            assert answer.status_code == 400, named(page)


async def test_a_form_of_ones_own_is_believed(ada: Visitor) -> None:
    token = (await ada.get(CALLERS)).form("Sign out").fields["token"]
    for headers in ({}, {"origin": "http://gateway.test", "sec_fetch_site": "same-origin"}):
        page = await ada.post(CALLERS, FILLED | {"token": token}, **headers)
        assert (page.status, "+13175550142 not_found" in page.text) == (200, True)


async def test_forms_that_cannot_be_read(ada: Visitor) -> None:
    token = (await ada.get(CALLERS)).form("Sign out").fields["token"]
    for body, status in (
        (b"token=%ff", 400),
        (b"token=\xff", 400),
        (b"&".join(b"a=b" for _ in range(300)), 400),
        (b"token=" + token.encode() + b"&x=" + b"y" * 300_000, 413),
    ):
        answer = await ada.http.post(CALLERS, content=body, headers=FORM)
        assert (answer.status_code, kept(answer)) == (status, True), answer.text
        assert "Sign out" in answer.text


async def test_signing_in_and_out_is_not_done_from_elsewhere(node: Node, ada: Visitor) -> None:
    token = (await ada.get(CALLERS)).form("Sign out").fields["token"]
    for path, fields in (
        ("/console/sign-in", {"key": await node.new_key("viewer")}),
        ("/console/enter", {"link": "x"}),
        ("/console/sign-out", {"token": token}),
    ):
        assert (await ada.post(path, fields, origin="https://evil.test")).status == 403
    assert (await ada.post("/console/sign-out", {"token": "another"})).status == 403
    assert (await ada.get(CALLERS)).status == 200


async def test_the_cookie_without_and_with_tls(node: Node, sqlite_database: str) -> None:
    key = await node.new_key("viewer")
    answer = await node.http.post("/console/sign-in", data={"key": key})
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("hum_console=")
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    answer = await node.http.post("https://gateway.test/console/sign-in", data={"key": key})
    assert answer.headers["set-cookie"].startswith("__Host-hum_console=")
    assert {"HttpOnly", "Path=/", "SameSite=lax", "Secure"} <= set(answer.headers["set-cookie"].split("; "))
    assert "Domain" not in answer.headers["set-cookie"]


async def test_behind_a_public_address(sqlite_database: str) -> None:
    async with running_node(sqlite_database, public_url="https://hooks.example/base") as node:
        visitor = Visitor(node)
        visitor.http.base_url = httpx.URL("https://hooks.example")
        answer = await visitor.http.get("/console/o/acme/callers", follow_redirects=False)
        assert answer.headers["location"].startswith("/base/console/sign-in?next=%2Fo%2Facme%2Fcallers")
        page = await visitor.get("/console/sign-in")
        assert page.form("Sign in").action == "/base/console/sign-in"
        assert all(link["href"].startswith("/base/console/static/") for link in page.all("link"))
        made = await node.call("POST", "/api/console-links", json={"role": "viewer", "actor": "Ada"})
        assert made.json()["url"].startswith("https://hooks.example/base/console/enter/")
        # The proxy may show another host than the one that browsers know.
        answer = await visitor.http.post(
            "/console/sign-in", data={"key": await node.new_key("viewer")}, follow_redirects=False,
            headers={"origin": "https://hooks.example", "host": "10.0.0.7:8080"},
        )  # fmt: skip
        assert (answer.status_code, answer.headers["location"]) == (303, "/base/console/")


async def test_files_are_kept_by_browsers_and_nothing_else_is(node: Node, ada: Visitor) -> None:
    page = await ada.get(CALLERS)
    for link in page.all("link"):
        answer = await ada.http.get(link["href"])
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert (await ada.http.get(link["href"].partition("?")[0])).headers["cache-control"] == "no-cache"
    for path in ("/console/static/absent.css", "/console/static/..%2fserving.py", "/console/static/"):
        assert (await ada.http.get(path)).status_code == 404
    for path in ("/console/nothing", "/console/o/acme/nothing", "/console/o/acme/callers/"):
        answer = await ada.http.get(path)
        assert (answer.status_code, kept(answer)) == (404, True)


async def test_faults_show_an_id_and_nothing_of_themselves(
    ada: Visitor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret of the fault")

    async def away(*_: object) -> None:
        raise Overloaded("the database is away", retry_after=2)

    monkeypatch.setattr(Asking, "ask", broken)
    page = await ada.get(CALLERS)
    assert (page.status, kept(page.response), "secret of the fault" in page.response.text) == (
        500,
        True,
        False,
    )
    request_id = re.search(r"req_[a-z0-9]+", page.text)
    assert request_id is not None
    assert request_id[0] in str([record.__dict__ for record in caplog.records])
    monkeypatch.setattr(Asking, "ask", away)
    page = await ada.get(CALLERS)
    assert (page.status, page.response.headers["retry-after"]) == (503, "2")


async def test_a_forms_address_leads_to_its_page(ada: Visitor) -> None:
    """It stays in the browser's bar when the form's answer is shown."""
    for form, page in (
        ("contacts/search", "contacts"), ("settings/preview", "settings"), ("console-links", ""),
    ):  # fmt: skip
        found = await ada.get(f"/console/o/acme/{form}")
        assert (found.status, found.path) == (200, f"/console/o/acme/{page}")
    got = {page.path for page in PAGES if page.method == "GET"}
    for page in FORMS:
        if page.path not in got:
            before = page.path.rpartition("/")[0]
            known = got | {"/o/{org}"}
            assert before in known or before.rpartition("/")[0] in known, f"{page.path} leads nowhere"
