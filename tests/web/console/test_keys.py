"""The page of keys: made and shown once, revoked; links for colleagues."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from gateway.clock import parse_time
from tests.support.inside import PageOf, Visitor, sign_in
from tests.support.node import Node

pytestmark = pytest.mark.anyio

KEYS = "/console/o/acme/keys"
DAY = 86_400_000


async def keys(node: Node, org: str = "acme") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await node.call("GET", "/api/keys", org=org)).json()["data"]
    return found


def shown(page: PageOf) -> str | None:
    """The secret on the page."""
    found = re.search(r'<code id="made">([^<]+)</code>', page.response.text)
    return None if found is None else found[1]


async def test_a_key_is_shown_once_and_works(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("admin"))
    form = await ada.get(KEYS)
    page = await ada.send(form, "Make the key", role="operator", name="The <b>bridge", expires_in="30")
    secret = shown(page)
    assert secret is not None
    assert (await node.call("GET", "/api/events", key=secret)).status_code == 200
    [made] = [one for one in await keys(node) if one["name"] == "The <b>bridge"]
    assert made["role"] == "operator"
    assert parse_time(made["expires_at"]) - parse_time(made["created_at"]) == 30 * DAY
    assert "shown this once" in page.text
    again = await ada.get(KEYS)
    assert "The <b>bridge" in again.text
    assert again.all("b") == []
    assert secret not in again.response.text
    # The form sent twice is one key.
    twice = await ada.send(form, "Make the key", role="operator", name="The <b>bridge", expires_in="30")
    assert shown(twice) == secret
    assert len(await keys(node)) == 2


async def test_a_mistake_is_named_and_what_was_filled_in_stays(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("admin"))
    page = await ada.get(KEYS)
    for days, said in (
        ("soon", "must be a whole number"),
        ("-3", "must be at least"),
        ("99999", "must be at most"),
    ):
        wrong = await ada.send(page, "Make the key", role="admin", name="kept", expires_in=days)
        assert (wrong.status, said in wrong.text) == (422, True), days
        assert wrong.all("p", id="wrong-expires_in-1")
        fields = wrong.form("Make the key").fields
        assert (fields["role"], fields["name"], fields["expires_in"]) == ("admin", "kept", days)
    wrong = await ada.send(page, "Make the link", actor=" ", role="operator", expires_in="500")
    assert wrong.status == 422
    assert wrong.all("p", id="wrong-actor-1")
    assert wrong.all("p", id="wrong-expires_in-1")
    fields = wrong.form("Make the link").fields
    assert (fields["role"], fields["expires_in"]) == ("operator", "500")
    assert len(await keys(node)) == 1


async def test_a_revoked_key_is_refused_and_whoever_came_in_with_it_is_out(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("admin", name="Ada's"))
    ben_key = await node.new_key("viewer", name="Ben's")
    ben = await sign_in(node, ben_key)
    form = await ada.get(KEYS)
    page = await ada.send(form, "Revoke Ben's")
    assert "The key is revoked" in page.text
    assert "Revoke Ben's" not in page.buttons
    [before] = [one["revoked_at"] for one in await keys(node) if one["name"] == "Ben's"]
    assert before is not None
    assert (await node.call("GET", "/api/events", key=ben_key)).status_code == 401
    assert "Sign in" in (await ben.get("/console/o/acme/")).buttons
    await ada.send(form, "Revoke Ben's")
    assert [one["revoked_at"] for one in await keys(node) if one["name"] == "Ben's"] == [before]
    assert "you too" in page.text  # beside her own
    assert "Sign in" in (await ada.send(page, "Revoke Ada's")).buttons


async def test_a_link_lets_a_colleague_in_once_and_ends_with_the_key_behind_it(node: Node) -> None:
    key = await node.new_key("admin", name="Ada's")
    ada = await sign_in(node, key)
    page = await ada.send(await ada.get(KEYS), "Make the link", actor="ben@example.com", role="operator")
    url = shown(page)
    assert url is not None
    assert "in 4 min" in page.text or "in 5 min" in page.text
    assert url not in (await ada.get(KEYS)).response.text
    ben = Visitor(node)
    inside = await _enter(ben, url)
    assert "ben@example.com" in inside.text
    assert "operator" in inside.text
    assert (await _enter(Visitor(node), url)).status == 401
    [mine] = [one for one in await keys(node) if one["name"] == "Ada's"]
    assert (await node.call("DELETE", f"/api/keys/{mine['id']}")).status_code == 204
    assert "Sign in" in (await ben.get("/console/o/acme/")).buttons


async def _enter(visitor: Visitor, url: str) -> PageOf:
    return await visitor.send(await visitor.get(httpx.URL(url).path), "Enter")


async def test_only_admins_see_and_make_keys(node: Node) -> None:
    ada = await sign_in(node, await node.new_key("admin", name="Ada's"))
    form = await ada.get(KEYS)
    [mine] = await keys(node)
    for role in ("viewer", "operator"):
        eve = await sign_in(node, await node.new_key(role))
        page = await eve.get("/console/o/acme/")
        assert "Keys" not in page.links
        assert (await eve.get(KEYS)).status == 403
        token = {"token": page.form("Sign out").fields["token"]}
        made = await eve.post(KEYS, form.form("Make the key").fields | token | {"role": "admin"})
        assert (made.status, shown(made)) == (403, None)
        link = await eve.post("/console/o/acme/console-links", {"actor": "eve", "role": "admin"} | token)
        assert (link.status, shown(link)) == (403, None)
        assert (await eve.post(f"{KEYS}/{mine['id']}/revoke", token)).status == 403
    # Nor does an admin make a key of the platform.
    page = await ada.post(KEYS, form.form("Make the key").fields | {"of": "platform", "scopes": "manage"})
    assert (page.status, shown(page)) == (403, None)
    assert [one["role"] for one in await keys(node)] == ["operator", "viewer", "admin"]
    assert all(one["revoked_at"] is None for one in await keys(node))


async def test_a_platform_session_makes_platform_keys_over_all(node: Node) -> None:
    root = await sign_in(node, await node.new_key(None, scopes=["manage", "console", "events:write"]))
    await node.new_key("viewer", name="of acme")
    here = await root.get(KEYS)
    assert "Make the platform key" not in here.buttons
    page = await root.get(here.links["over all organizations"])
    assert "of acme" in page.text
    assert page.links["acme"] == KEYS
    assert "Make the key" not in page.buttons
    assert "Make the link" not in page.buttons
    boxes = {box["value"]: box for box in page.all("input", name="scopes")}
    assert "disabled" in boxes["payload:read"]
    assert "checked" in boxes["manage"]
    fields = page.form("Make the platform key").fields
    path = "/console/o/*/keys"

    async def make(*scopes: str, once: str) -> PageOf:
        sent = {**fields, "once": once, "name": "core", "scopes": list(scopes)}
        return PageOf(await root.http.post(path, data=sent))

    none = await make(once="a")
    assert (none.status, "tick one at least" in none.text) == (422, True)
    more = await make("manage", "payload:read", once="b")
    assert (more.status, "a key cannot give scopes that it has not" in more.text) == (403, True)
    made = await make("manage", "events:write", once="c")
    assert shown(made) is not None
    [key] = [one for one in await keys(node, "*") if one["name"] == "core"]
    assert (key["platform"], key["scopes"]) == (True, ["manage", "events:write"])
    # The role admin reads payloads, which this session may not.
    refused = await root.send(here, "Make the key", role="admin", name="too much")
    assert (refused.status, shown(refused)) == (403, None)
    assert "payload:read" in refused.text
    assert refused.form("Make the key").fields["name"] == "too much"
