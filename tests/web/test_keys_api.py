"""`/api/keys`: made, shown once, listed without their text, expired, revoked, replayed for ten minutes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.clock import SystemClock, parse_time
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

MINUTE = 60_000


class ShiftedClock(SystemClock):
    """The machine's clock, some time later."""

    later = 0

    def now(self) -> int:
        return super().now() + self.later


@pytest.fixture
def clock() -> ShiftedClock:
    return ShiftedClock()


@pytest.fixture
async def node(sqlite_database: str, clock: ShiftedClock) -> AsyncIterator[Node]:
    async with running_node(sqlite_database, clock=clock) as node:
        yield node


async def listed(node: Node, **kw: Any) -> list[dict[str, Any]]:
    answer = await node.call("GET", "/api/keys", params={"limit": 200}, **kw)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_a_key_is_shown_once_and_works(node: Node) -> None:
    body = {"role": "operator", "name": "Zoë's script", "expires_in": 3600}
    answer = await node.call("POST", "/api/keys", json=body)
    made = answer.json()
    assert answer.status_code == 201
    assert re.fullmatch(r"hum_live_[A-Za-z0-9]{32}", made["key"])
    assert (made["org_id"], made["role"], made["name"]) == ("acme", "operator", "Zoë's script")
    assert (made["platform"], made["scopes"], made["revoked_at"]) == (False, [], None)
    assert parse_time(made["expires_at"]) - parse_time(made["created_at"]) == 3_600_000
    assert (await node.call("GET", "/api/events", key=made["key"])).status_code == 200
    again = await node.call("GET", "/api/keys")
    assert made["key"] not in again.text
    [shown] = again.json()["data"]
    assert shown == {name: value for name, value in made.items() if name != "key"}
    assert made["key"].startswith(shown["hint"].rstrip("…"))
    assert len(shown["hint"]) < 16


async def test_who_sees_and_ends_which_keys(node: Node) -> None:
    mine, theirs = await node.new_key("admin", "acme"), await node.new_key("admin", "other")
    everybody = await listed(node, org=None)
    assert [key["org_id"] for key in everybody] == ["other", "acme", None]
    assert [key["org_id"] for key in await listed(node, org="*")] == ["other", "acme", None]
    assert [key["org_id"] for key in await listed(node)] == ["acme"]
    assert [key["org_id"] for key in await listed(node, key=mine)] == ["acme"]
    for key in everybody[0], everybody[2]:
        answer = await node.call("DELETE", f"/api/keys/{key['id']}", key=mine)
        assert (answer.status_code, answer.json()["error"]) == (404, "not_found")
    assert (await node.call("DELETE", f"/api/keys/{everybody[1]['id']}", key=mine)).status_code == 204
    assert (await node.call("GET", "/api/keys", key=mine)).status_code == 401
    assert (await node.call("GET", "/api/keys", key=theirs)).status_code == 200
    [ended] = await listed(node)
    assert ended["revoked_at"] is not None


async def test_an_admin_makes_keys_for_the_own_organization_only(node: Node) -> None:
    admin = await node.new_key("admin")
    made = await node.call("POST", "/api/keys", key=admin, json={"role": "viewer"})
    assert (made.status_code, made.json()["org_id"]) == (201, "acme")
    for body in ({"role": "viewer", "org_id": "other"}, {"platform": True}):
        answer = await node.call("POST", "/api/keys", key=admin, json=body)
        assert answer.status_code == 403, body
    assert len(await listed(node, org="*")) == 3


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "role"), ({"role": "root"}, "role"), ({"role": "viewer", "scopes": ["manage"]}, "scopes"),
        ({"platform": True, "role": "viewer"}, "role"), ({"platform": True, "scopes": ["some"]}, "scopes[0]"),
        ({"role": "viewer", "expires_in": 59}, "expires_in"), ({"role": "viewer", "name": "n" * 101}, "name"),
        ({"role": "viewer", "expires_in": 1e9}, "expires_in"), ({"role": "viewer", "name": "a\nb"}, "name"),
        ({"role": "viewer", "org_id": "a b"}, "org_id"),
    ],
)  # fmt: skip
async def test_what_does_not_fit_together_is_refused(node: Node, body: Any, field: str) -> None:
    answer = await node.call("POST", "/api/keys", json=body)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_request")
    assert [detail["field"] for detail in answer.json()["details"]] == [field]
    assert await listed(node) == []


async def test_a_key_must_be_for_somebody(node: Node) -> None:
    answer = await node.call("POST", "/api/keys", json={"role": "viewer"}, org=None)
    assert [detail["field"] for detail in answer.json()["details"]] == ["org_id"]


async def test_a_key_ends_when_it_expires(node: Node, clock: ShiftedClock) -> None:
    key = await node.new_key("viewer", expires_in=60)
    for later, status in ((0, 200), (59_000, 200), (60_100, 401)):
        clock.later = later
        assert (await node.call("GET", "/api/events", key=key)).status_code == status, later


async def test_a_repeated_request_makes_one_key_and_shows_it_for_ten_minutes(
    any_database: str, clock: ShiftedClock
) -> None:
    async with running_node(any_database, clock=clock) as node:
        body, headers = {"role": "viewer"}, {"Idempotency-Key": "make-1"}
        together = [node.call("POST", "/api/keys", json=body, headers=headers) for _ in range(100)]
        answers = await asyncio.gather(*together)
        assert {(a.status_code, a.content) for a in answers} == {(201, answers[0].content)}
        assert sum("Idempotent-Replayed" in a.headers for a in answers) == 99
        assert len(await listed(node)) == 1
        made = answers[0].json()

        async def repeat() -> Any:
            return (await node.call("POST", "/api/keys", json=body, headers=headers)).json()

        clock.later = 9 * MINUTE
        assert await repeat() == made
        clock.later = 11 * MINUTE
        assert await repeat() == made | {"key": None}
        other = await node.call("POST", "/api/keys", json={"role": "admin"}, headers=headers)
        assert (other.status_code, other.json()["error"]) == (409, "idempotency_conflict")
        elsewhere = await node.call("POST", "/api/keys", json=body, headers=headers, org="other")
        assert elsewhere.json()["org_id"] == "other"
        clock.later = 25 * 60 * MINUTE
        assert (await repeat())["id"] != made["id"]
