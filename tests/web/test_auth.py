"""Who asks and what they may do: every operation, from the list of operations itself."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.clock import SystemClock
from gateway.manage.keys import ROLES, SCOPES
from gateway.web.api import OPERATIONS as ALL
from gateway.web.operation import Operation
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver
from tests.support.things import make, noun_of

pytestmark = pytest.mark.anyio

EVENT = {"type": "test.event", "data": {"word": "confidential"}}

# Those of the platform alone have no role of organizations' keys; `test_access` has them all.
OPERATIONS = [operation for operation in ALL if operation.role != "platform"]


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


async def path_of(node: Node, operation: Operation, ids: dict[str, str]) -> str:
    """The operation's path with the id of a thing that exists."""
    if "{id}" not in operation.path:
        return operation.path
    noun = noun_of(operation.path)
    if noun not in ids:
        ids[noun] = await make(node, noun)
    return operation.path.replace("{id}", ids[noun])


def refused(answer: httpx.Response, status: int, code: str, what: object) -> None:
    assert (answer.status_code, answer.json()["error"]) == (status, code), (what, answer.text)
    assert "acme" not in answer.json()["message"].replace("/api/", ""), what
    assert (answer.headers.get("WWW-Authenticate") == "Bearer") == (status == 401), what


async def test_every_operation_refuses_every_wrong_key(node: Node, clock: ShiftedClock) -> None:
    ids: dict[str, str] = {}
    expired = await node.new_key("admin", expires_in=60)
    revoked = await node.new_key("admin", name="revoke me")
    listed = (await node.call("GET", "/api/keys", headers={"X-HUM-Org": "acme"})).json()["data"]
    key_id = next(key["id"] for key in listed if key["name"] == "revoke me")
    assert (await node.call("GET", "/api/events", key=revoked)).status_code == 200
    assert (await node.call("DELETE", f"/api/keys/{key_id}")).status_code == 204
    assert (await node.call("GET", "/api/events", key=expired)).status_code == 200
    paths = {operation.id: await path_of(node, operation, ids) for operation in OPERATIONS}
    keys = {role: await node.new_key(role) for role in ROLES}
    other = await node.new_key("admin", "other")
    clock.later = 61_000
    checks = 0
    for operation in OPERATIONS:
        path, missing = paths[operation.id], operation.path.replace("{id}", "evt_nothing")

        async def ask(key: str, to: str = path, by: Operation = operation, **headers: str) -> httpx.Response:
            return await node.call(by.method, to, key=key, headers=headers)

        no_key = await node.http.request(operation.method, path, headers={"X-HUM-Org": "acme"})
        refused(no_key, 401, "api_key_required", operation.id)
        for name, header in (("scheme", f"Basic {node.key}"), ("empty", "Bearer "), ("bare", node.key)):
            bad = await node.http.request(operation.method, path, headers={"Authorization": header})
            refused(bad, 401, "api_key_required", (operation.id, name))
        for name, key in (("garbage", "hum_live_x"), ("revoked", revoked), ("expired", expired)):
            refused(await ask(key), 401, "api_key_invalid", (operation.id, name))
        foreign = await ask(other, **{"X-HUM-Org": "acme"})
        refused(foreign, 403, "wrong_organization", operation.id)
        if "{id}" in operation.path:
            unseen = await ask(other)  # one whose body is refused first has told nothing either
            if unseen.status_code != 422:
                refused(unseen, 404, "not_found", operation.id)
        for role in ROLES[: ROLES.index(operation.role)]:
            for to in {path, missing}:  # the role first: who may not ask does not learn what there is
                answer = await ask(keys[role], to)
                refused(answer, 403, "insufficient_scope", (operation.id, role))
        for role in ROLES[ROLES.index(operation.role) :]:
            if operation.method != "DELETE":
                assert (await ask(keys[role])).status_code not in (401, 403, 404), (operation.id, role)
        checks += 1
    print(f"{checks} operations refuse every key that may not use them")
    for noun in ("webhooks", "events", "deliveries"):
        still = await node.call("GET", f"/api/{noun}/{ids[noun]}")
        assert still.status_code == 200, "a refused request has changed something"


async def test_a_platform_key_does_what_its_scopes_say(node: Node) -> None:
    ids: dict[str, str] = {}
    paths = {operation.id: await path_of(node, operation, ids) for operation in OPERATIONS}
    for scope in SCOPES:
        key = await node.new_key(None, scopes=[scope])
        for operation in OPERATIONS:
            allowed = operation.scope == scope
            if allowed and operation.method == "DELETE":
                continue  # the things are still needed
            headers = {"X-HUM-Org": "acme"}
            answer = await node.call(operation.method, paths[operation.id], key=key, headers=headers)
            if allowed:
                assert answer.status_code not in (401, 403), (operation.id, scope)
            else:
                refused(answer, 403, "insufficient_scope", (operation.id, scope))
    made = (await node.call("POST", "/api/keys", json={"platform": True})).json()
    assert made["scopes"] == ["events:write", "callers:resolve", "manage"]
    everything = (await node.call("POST", "/api/keys", json={"platform": True, "scopes": ["all"]})).json()
    assert everything["scopes"] == list(SCOPES)
    greedy = {"platform": True, "scopes": ["payload:read"]}
    answer = await node.call("POST", "/api/keys", key=made["key"], json=greedy)
    refused(answer, 403, "insufficient_scope", "nobody gives away more than they have")


async def test_payloads_are_for_those_who_may_read_them(node: Node) -> None:
    async with Receiver() as receiver:
        receiver.respond(200, body=b"confidential answer")
        await node.webhook(receiver.url())
        event = (await node.send(data=EVENT["data"]))["id"]
        [request] = await receiver.wait_for(1)
    delivery = request.header("X-HUM-Delivery")
    async with asyncio.timeout(5):
        while (await node.delivery(str(delivery)))["status"] != "delivered":
            pass
    org = {"X-HUM-Org": "acme"}
    readers = [node.key, *[await node.new_key(role) for role in ROLES]]
    for path in (f"/api/events/{event}", f"/api/deliveries/{delivery}"):
        for key in readers:
            shown = await node.call("GET", path, key=key, headers=org)
            assert "confidential" in shown.text, path
        blind = await node.call("GET", path, key=await node.new_key(None), headers=org)
        assert blind.status_code == 200
        assert "confidential" not in blind.text, path
        assert (blind.json().get("data"), blind.json().get("payload", "hidden")) in (
            (None, "hidden"), (None, None),
        )  # fmt: skip


@pytest.mark.parametrize(
    ("method", "named", "status", "code"),
    [
        ("GET", None, 400, "organization_required"), ("POST", None, 400, "organization_required"),
        ("GET", "", 400, "organization_required"), ("POST", "*", 400, "organization_required"),
        ("GET", "a b", 400, "invalid_organization"), ("GET", "a" * 65, 400, "invalid_organization"),
        ("POST", "..", 400, "invalid_organization"), ("POST", "é", 400, "invalid_organization"),
        ("GET", "nobody", 404, "organization_unknown"), ("GET", "*", 200, None), ("GET", "acme", 200, None),
        ("POST", "A-z_9.", 202, None), ("POST", "a" * 64, 202, None),
    ],
)  # fmt: skip
async def test_the_organization_header(
    node: Node, method: str, named: str | None, status: int, code: str | None
) -> None:
    await node.send()
    headers = {} if named is None else {"X-HUM-Org": named.encode()}
    kw: dict[str, Any] = {"json": EVENT} if method == "POST" else {}
    answer = await node.call(method, "/api/events", org=None, headers=headers, **kw)
    assert (answer.status_code, answer.json().get("error")) == (status, code)
    assert (answer.headers.get("X-HUM-Org-Created") == "true") == (status == 202)


async def test_reading_over_all_organizations(node: Node) -> None:
    for org in ("one", "two"):
        await node.call("POST", "/api/events", json=EVENT, org=org)
        await node.call("POST", "/api/webhooks", json={"url": "https://e.com/", "events": ["*"]}, org=org)
    for path in ("/api/events", "/api/webhooks"):
        shown = (await node.call("GET", path, org="*")).json()["data"]
        assert [entry["org_id"] for entry in shown] == ["two", "one"], path
        assert [e["org_id"] for e in (await node.call("GET", path, org="one")).json()["data"]] == ["one"]
    own = await node.call("GET", "/api/events", key=await node.new_key("admin", "one"), org="*")
    assert [e["org_id"] for e in own.json()["data"]] == ["one"]


async def test_the_first_write_makes_the_organization_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        answers = await asyncio.gather(
            *(node.call("POST", "/api/events", json=EVENT, org="fresh") for _ in range(100))
        )
        created = Counter(answer.headers.get("X-HUM-Org-Created") for answer in answers)
        assert {answer.status_code for answer in answers} == {202}
        assert created == {"true": 1, None: 99}


async def test_organizations_may_be_made_explicitly_only(sqlite_database: str) -> None:
    async with running_node(sqlite_database, create_orgs="explicit") as node:
        await node.new_key("viewer", "acme")
        assert (await node.call("POST", "/api/events", json=EVENT)).status_code == 202
        unknown = await node.call("POST", "/api/events", json=EVENT, org="typo")
        assert (unknown.status_code, unknown.json()["error"]) == (404, "organization_unknown")
        batch = {"events": [EVENT | {"org_id": "typo"}], "mode": "each"}
        [item] = (await node.call("POST", "/api/events/batch", json=batch, org=None)).json()["data"]
        assert (item["status"], item["error"]) == (404, "organization_unknown")
        assert (await node.call("POST", "/api/keys", json={"role": "viewer"}, org="typo")).status_code == 404


async def test_a_revoked_key_is_refused_by_every_node_within_five_seconds(postgres_database: str) -> None:
    async with running_node(postgres_database) as first, running_node(postgres_database) as second:
        made = (await first.call("POST", "/api/keys", json={"role": "viewer", "org_id": "acme"})).json()

        async def status() -> int:
            return (await second.call("GET", "/api/events", key=made["key"])).status_code

        assert await status() == 200
        await second.gateway.directory.refresh()
        assert await status() == 200
        started = time.monotonic()
        assert (await first.call("DELETE", f"/api/keys/{made['id']}")).status_code == 204
        assert (await first.call("GET", "/api/events", key=made["key"])).status_code == 401
        async with asyncio.timeout(5):
            while await status() == 200:
                pass
        print(f"E4: a revoked key is refused by the other node after {time.monotonic() - started:.2f} s")
