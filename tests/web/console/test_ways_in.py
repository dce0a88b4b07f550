"""Into the console and out of it: keys, links that open once, and what ends a session."""

from __future__ import annotations

import asyncio

import pytest

from gateway.clock import SystemClock
from gateway.domain.console import IDLE_MS, SESSION_MS
from gateway.errors import Overloaded
from gateway.manage.keys import DEFAULT_SCOPES
from gateway.store import console
from gateway.store.tables import console_links, console_sessions
from tests.support.everywhere import in_tables
from tests.support.inside import PageOf, Visitor, sign_in
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio


class ShiftedClock(SystemClock):
    """Wall time that a test moves; leases and waiting go by the real one."""

    shift = 0

    def now(self) -> int:
        return super().now() + self.shift

    def turn(self, milliseconds: int) -> None:
        self.shift += milliseconds


async def link(node: Node, role: str = "operator", **how: object) -> str:
    asked = {"role": role, "actor": "Ada at the front desk"} | {
        name: how.pop(name) for name in ("expires_in",) if name in how
    }
    answer = await node.call("POST", "/api/console-links", json=asked, **how)
    assert answer.status_code == 201, answer.text
    assert answer.json()["url"].startswith("http://127.0.0.1:8080/console/enter/")
    return str(answer.json()["url"]).removeprefix("http://127.0.0.1:8080")


def is_inside(page: PageOf) -> bool:
    return page.is_inside


async def test_a_key_lets_in_to_where_one_wanted_to_go(node: Node) -> None:
    visitor = Visitor(node)
    page = await visitor.get("/console/o/acme/callers?window=24h")
    assert str(page.response.url.path) == "/console/sign-in"
    key = await node.new_key("viewer", name="dashboard")
    page = await visitor.send(page, "Sign in", key=f" {key} ")
    assert str(page.response.url) == "http://gateway.test/console/o/acme/callers?window=24h"
    assert is_inside(page), page.text
    assert "dashboard viewer" in page.text
    page = await visitor.send(page, "Sign out")
    assert "You are signed out." in page.text
    assert not is_inside(await visitor.get("/console/o/acme/"))


@pytest.mark.parametrize(
    "to", ["//evil.test/x", "https://evil.test", "/\\evil.test", "javascript:alert(1)", "/\n"]
)
async def test_it_leads_nowhere_else(node: Node, to: str) -> None:
    visitor = Visitor(node)
    key = await node.new_key("viewer")
    answer = await visitor.http.post(
        "/console/sign-in", data={"key": key, "next": to}, follow_redirects=False
    )
    assert answer.headers["location"] == "/console/"


async def test_keys_that_let_nobody_in(node: Node) -> None:
    visitor = Visitor(node)
    form = await visitor.get("/console/sign-in")
    revoked = await node.new_key("admin")
    key_id = (await node.call("GET", "/api/keys")).json()["data"][0]["id"]
    assert (await node.call("DELETE", f"/api/keys/{key_id}")).status_code == 204
    bare = await node.new_key(None, scopes=["manage", "payload:read"])
    for key, status, why in (
        ("", 401, "unknown, revoked or expired"),
        ("hum_live_nonsense", 401, "unknown, revoked or expired"),
        ("ä" * 500, 401, "unknown, revoked or expired"),
        (revoked, 401, "unknown, revoked or expired"),
        (bare, 403, "scope console"),
    ):
        page = await visitor.send(form, "Sign in", key=key)
        assert (page.status, why in page.text) == (status, True), page.text
        assert page.all("p", role="alert")
        assert not visitor.http.cookies
        assert key == "" or key not in page.response.text


async def test_a_platform_key_sees_every_organization_and_one_of_an_organization_only_its_own(
    node: Node,
) -> None:
    await node.new_key("viewer", "other")
    own = await sign_in(node, await node.new_key("admin"))
    assert str((await own.get("/console")).response.url.path) == "/console/o/acme/"
    for path in ("/console/o/other/", "/console/o/*/", "/console/o/nobody/", "/console/o/a%20b/"):
        assert (await own.get(path)).status == 404
    platform = await sign_in(node, node.key)
    page = await platform.get("/console/")
    assert {"acme", "other"} <= page.links.keys()
    assert (await platform.get(page.links["other"])).status == 200
    assert (await platform.get("/console/o/*/")).status == 200
    assert (await platform.get("/console/o/nobody/")).status == 404


async def test_a_link_opens_once_and_only_when_somebody_enters(node: Node) -> None:
    path = await link(node)
    visitor = Visitor(node)
    for _ in range(3):  # looking uses nothing up
        page = await visitor.get(path)
    page = await visitor.send(page, "Enter")
    assert is_inside(page), page.text
    assert "Ada at the front desk operator" in page.text
    again = Visitor(node)
    page = await again.send(await again.get(path), "Enter")
    assert page.status == 401
    assert "used already" in page.text
    assert not again.http.cookies
    entries = (await node.call("GET", "/api/audit")).json()["data"]
    assert [(e["action"], e["actor"]) for e in entries[:2]] == [
        ("enterConsole", "Ada at the front desk"),
        ("createConsoleLink", entries[1]["key_id"]),
    ]
    assert entries[1]["details"] == {
        "fields": ["actor", "role"], "role": "operator", "for": "Ada at the front desk",
    }  # fmt: skip


async def test_of_many_who_come_with_one_link_one_enters(any_database: str) -> None:
    async with running_node(any_database) as node:
        path = await link(node)
        everybody = [Visitor(node) for _ in range(12)]
        pages = await asyncio.gather(
            *(one.post("/console/enter", {"link": path.rpartition("/")[2]}) for one in everybody)
        )
        assert sorted(page.status for page in pages) == [200] + [401] * 11


async def test_what_is_done_inside_is_the_persons(node: Node) -> None:
    visitor = Visitor(node)
    await visitor.send(await visitor.get(await link(node, "viewer")), "Enter")
    page = await visitor.get("/console/o/acme/callers")
    assert "Preview" not in page.buttons, "a viewer may not"
    assert (await visitor.get("/console/o/other/")).status == 404


async def test_who_may_make_links(node: Node) -> None:
    body = {"role": "admin", "actor": "Ada"}
    for key, status in (
        (await node.new_key("operator"), 403),
        (await node.new_key("admin"), 201),
        (await node.new_key(None, scopes=["manage", "payload:read", "events:write"]), 403),
        (await node.new_key(None, scopes=["console", "payload:read"]), 403),
        (await node.new_key(None, scopes=["console", "payload:read", "events:write"]), 403),
        (await node.new_key(None, scopes=["console", "payload:read", "events:write", "manage"]), 403),
        (await node.new_key(None, scopes=[*DEFAULT_SCOPES, "console", "payload:read"]), 201),
    ):
        org = {"X-HUM-Org": "acme"}
        answer = await node.call("POST", "/api/console-links", json=body, key=key, headers=org)
        assert answer.status_code == status, answer.text


async def test_sessions_end(any_database: str) -> None:
    async with running_node(any_database) as node:
        key = await node.new_key("admin")
        key_id = (await node.call("GET", "/api/keys")).json()["data"][0]["id"]
        made = await node.call("POST", "/api/keys", json={"role": "admin"})
        maker = made.json()
        path = await link(node, key=maker["key"])
        by_key, by_link = await sign_in(node, key), Visitor(node)
        await by_link.send(await by_link.get(path), "Enter")
        for visitor in (by_key, by_link):
            assert is_inside(await visitor.get("/console/o/acme/"))
        await node.call("DELETE", f"/api/keys/{key_id}")
        assert "You were signed out" in (await by_key.get("/console/o/acme/")).text
        assert is_inside(await by_link.get("/console/o/acme/"))
        await node.call("DELETE", f"/api/keys/{maker['id']}")
        assert not is_inside(await by_link.get("/console/o/acme/")), "the key that made the link is gone"


async def test_a_session_ends_with_time(any_database: str) -> None:
    clock = ShiftedClock()
    async with running_node(any_database, clock=clock) as node:
        visitor = await sign_in(node, await node.new_key("admin"))
        away = await sign_in(node, await node.new_key("admin"))
        at_work = 0
        while at_work < SESSION_MS - IDLE_MS:
            clock.turn(IDLE_MS - 120_000)
            at_work += IDLE_MS - 120_000
            assert is_inside(await visitor.get("/console/o/acme/"))
        assert not is_inside(await away.get("/console/o/acme/"))
        clock.turn(IDLE_MS + 1_000)
        assert not is_inside(await visitor.get("/console/o/acme/"))
        late = await link(node, expires_in=30)
        clock.turn(31_000)
        page = await visitor.send(await visitor.get(late), "Enter")
        assert (page.status, "too old" in page.text) == (401, True)


async def test_an_erased_organizations_people_are_out(node: Node) -> None:
    visitor, path = Visitor(node), await link(node)
    await visitor.send(await visitor.get(path), "Enter")
    unused = await link(node)
    assert (await node.call("DELETE", "/api/organizations/acme")).status_code < 300
    assert not is_inside(await visitor.get("/console/o/acme/"))
    assert (await visitor.send(await visitor.get(unused), "Enter")).status == 401
    async with node.gateway.store.reading() as conn:
        for table in (console_sessions, console_links):
            assert (await conn.execute(table.select())).all() == []


async def test_no_token_is_stored(node: Node) -> None:
    path = await link(node)
    visitor, key = Visitor(node), await node.new_key("viewer")
    await sign_in(node, key)
    await visitor.send(await visitor.get(await link(node)), "Enter")
    wanted = [path.rpartition("/")[2], key, *visitor.http.cookies.values()]
    assert len(wanted) == 3
    assert await in_tables(node, [one.encode() for one in wanted]) == {}


async def test_a_link_that_could_not_let_in_still_does_later(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is used up together with the session that it begins."""
    path = await link(node)
    visitor = Visitor(node)

    async def away(*_: object) -> None:
        raise Overloaded("the database is away", retry_after=1)

    with monkeypatch.context() as broken:
        broken.setattr(console, "add_session", away)
        page = await visitor.send(await visitor.get(path), "Enter")
        assert (page.status, page.is_inside) == (503, False)
    assert (await visitor.send(await visitor.get(path), "Enter")).is_inside
