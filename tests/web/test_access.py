"""Who may do what, read from the OpenAPI document: every operation × every key that must not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.datastructures import Headers
from starlette.types import Scope

from gateway.clock import SystemClock
from gateway.manage.keys import ROLES, SCOPES
from gateway.store.api_keys import ApiKey
from gateway.web import auth, routes
from gateway.web.api import OPERATIONS
from gateway.web.auth import OPERATOR, PLATFORM_ONLY, Principal
from gateway.web.operation import Endpoint
from tests.support.node import Node, running_node
from tests.support.things import DOCUMENT, example_of, make, noun_of

pytestmark = pytest.mark.anyio

REFUSED = {401, 403, 404}
ACME = {"X-HUM-Org": "acme"}


class ShiftedClock(SystemClock):
    """The machine's clock, some time later."""

    later = 0

    def now(self) -> int:
        return super().now() + self.later


@dataclass(frozen=True)
class Asked:
    """An operation as the document has it: the address of something that exists in `acme` and, where there
    is an id in it, of something that does not."""

    id: str
    method: str
    address: str
    elsewhere: str | None
    role: str
    scope: str
    body: Any


def secured() -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation of everything that needs an API key."""
    return [
        (path, method.upper(), operation)
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if operation["security"] == [{"apiKey": []}]
    ]


def rank(role: str) -> int:
    """Where the role stands among those of organizations' keys; the platform's is above them all."""
    return (*ROLES, PLATFORM_ONLY).index(role)


async def everything(node: Node) -> list[Asked]:
    found = []
    await node.send()  # the organization is there
    for path, method, operation in secured():
        has_id = "{id}" in path
        address = path.replace("{id}", await make(node, noun_of(path))) if has_id else path
        elsewhere = path.replace("{id}", "evt_nothing") if has_id else None
        role, scope = operation["x-hum-role"], operation["x-hum-scope"]
        found.append(
            Asked(operation["operationId"], method, address, elsewhere, role, scope, example_of(operation))
        )
    return found


@dataclass(frozen=True)
class Keys:
    """Keys that must not, each named."""

    dead: dict[str, str]
    of_another: str
    of_role: dict[str, str]
    of_scope: dict[str, str]


async def make_keys(node: Node, clock: ShiftedClock) -> Keys:
    expired = await node.new_key("admin", expires_in=60)
    expired_platform = await node.new_key(None, scopes=["all"], expires_in=60)
    revoked = []
    for body in ({"role": "admin", "org_id": "acme"}, {"platform": True, "scopes": ["all"]}):
        made = (await node.call("POST", "/api/keys", json=body)).json()
        alive = await node.call("GET", "/api/keys", key=made["key"], headers=ACME)
        assert alive.status_code == 200
        assert (await node.call("DELETE", f"/api/keys/{made['id']}")).status_code == 204
        revoked.append(made["key"])
    clock.later = 61_000
    return Keys(
        dead={
            "unknown": "hum_live_" + "x" * 32, "malformed": "§", "a password": "secret", "cut": node.key[:-1],
            "longer": node.key + "x", "expired": expired, "expired platform": expired_platform,
            "revoked": revoked[0], "revoked platform": revoked[1],
        },
        of_another=await node.new_key("admin", "other"),
        of_role={role: await node.new_key(role) for role in ROLES},
        of_scope={scope: await node.new_key(None, scopes=[scope]) for scope in SCOPES},
    )  # fmt: skip


Attempt = tuple[str, str, str | None, str | None]  # what it is, address, Authorization, X-HUM-Org


def attempts(node: Node, asked: Asked, keys: Keys) -> Iterator[Attempt]:
    """Everything that must be refused for one operation."""
    here = asked.address
    for org in (None, "acme"):
        yield "no key", here, None, org
        for authorization in ("Bearer", "Bearer ", f"Basic {node.key}", node.key):
            yield "malformed header", here, authorization, org
        for name, key in keys.dead.items():
            yield f"{name} key", here, f"Bearer {key}", org
    yield "key in the query", f"{here}?key={node.key}&api_key={node.key}", None, "acme"
    yield "another's key", here, f"Bearer {keys.of_another}", "acme"
    if asked.elsewhere is not None:
        yield "another's key, unnamed", here, f"Bearer {keys.of_another}", None
    for role in ROLES[: rank(asked.role)]:
        yield f"role {role}", here, f"Bearer {keys.of_role[role]}", None
        if asked.elsewhere is not None:  # who may not ask does not learn what there is
            yield f"role {role}", asked.elsewhere, f"Bearer {keys.of_role[role]}", None
    for scope in set(SCOPES) - {asked.scope}:
        yield f"scope {scope}", here, f"Bearer {keys.of_scope[scope]}", "acme"


async def status_of(node: Node, asked: Asked, attempt: Attempt) -> int:
    _, address, authorization, org = attempt
    given = {"Authorization": authorization, "X-HUM-Org": org}
    headers = {name: value.encode() for name, value in given.items() if value is not None}
    answer = await node.http.request(asked.method, address, headers=headers, json=asked.body)
    assert answer.status_code < 500, (asked.id, answer.text)
    return answer.status_code


async def holes(
    node: Node, clock: ShiftedClock, kinds: tuple[str, ...] = ("",)
) -> tuple[list[tuple[str, str, int]], int, int]:
    """Requests that were not refused: operation, what it was, status; how many were made, to how many
    operations. Only attempts whose name begins as one of `kinds`."""
    operations = await everything(node)
    keys = await make_keys(node, clock)
    found, count = [], 0
    for asked in operations:
        for attempt in attempts(node, asked, keys):
            if not attempt[0].startswith(kinds):
                continue
            status = await status_of(node, asked, attempt)
            count += 1
            if status not in REFUSED:
                found.append((asked.id, attempt[0], status))
    return found, count, len(operations)


@pytest.mark.proof
async def test_every_key_that_must_not_is_refused_everywhere(any_database: str) -> None:
    clock = ShiftedClock()
    async with running_node(any_database, clock=clock) as node:
        found, count, operations = await holes(node, clock)
    assert not found
    assert operations == len(OPERATIONS)
    kind = any_database.partition(":")[0]
    print(f"E4: {operations} operations refuse {count} requests of keys that must not ({kind})")


async def test_those_who_may_are_let_in(sqlite_database: str) -> None:
    """Or else refusing would prove nothing."""
    async with running_node(sqlite_database) as node:
        keys = await make_keys(node, ShiftedClock())
        for asked in sorted(await everything(node), key=_last_what_goes):
            roles = ROLES[rank(asked.role) :]
            allowed = [(keys.of_role[role], None) for role in roles]
            for key, org in [*allowed, (keys.of_scope[asked.scope], "acme")]:
                if asked.method == "DELETE" and key != keys.of_scope[asked.scope]:
                    continue  # the thing can go once
                answer = await node.call(
                    asked.method, asked.address, key=key, json=asked.body,
                    headers={} if org is None else {"X-HUM-Org": org},
                )  # fmt: skip
                # A role that a scope alone has not.
                brings_more = asked.id in ("createKey", "createConsoleLink") and org is not None
                assert brings_more or answer.status_code not in REFUSED, (asked.id, answer.text)


def _last_what_goes(asked: Asked) -> tuple[bool, bool]:
    """Reading and making first, then what deletes, the organization last of all."""
    return (asked.method == "DELETE", asked.id == "eraseOrganization")


async def found_holes(database: str, *kinds: str) -> list[tuple[str, str]]:
    """Operation and attempt of everything that was let in, of the attempts whose names begin so."""
    clock = ShiftedClock()
    async with running_node(database, clock=clock) as node:
        found, _, _ = await holes(node, clock, kinds)
    return [(operation, what) for operation, what, _ in found]


async def test_a_role_or_scope_that_is_not_checked_is_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control, for each operation: it asks less than the document says."""
    changed = [replace(one, role="viewer", scope="events:write") for one in OPERATIONS]
    monkeypatch.setattr(routes, "OPERATIONS", changed)
    found = await found_holes(sqlite_database, "role ", "scope ")
    assert {operation for operation, _ in found} == {one.id for one in OPERATIONS}
    assert {what for _, what in found} >= {"role viewer", "role operator", "scope events:write"}


async def test_an_operation_without_any_check_is_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: one operation takes everybody for the operator."""
    original = Endpoint._principal

    async def nobody_asks(self: Endpoint, scope: Scope, headers: Headers) -> Principal:
        if self._operation.id == "listKeys":
            return OPERATOR
        return await original(self, scope, headers)

    monkeypatch.setattr(Endpoint, "_principal", nobody_asks)
    found = await found_holes(sqlite_database, "no key", "another's key")
    assert {operation for operation, _ in found} == {"listKeys"}
    assert "no key" in {what for _, what in found}


async def test_an_organization_that_is_not_checked_is_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a key acts for whichever organization the header names."""
    monkeypatch.setattr(auth, "refuse_foreign", lambda principal, headers: None)
    named = lambda principal, headers, *, reading: headers.get("x-hum-org", principal.org_id)  # noqa: E731
    monkeypatch.setattr(auth, "organization_of", named)
    assert "another's key" in {what for _, what in await found_holes(sqlite_database, "another")}


async def test_a_dead_key_that_is_taken_is_found(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nobody looks whether a key still lives."""
    monkeypatch.setattr(ApiKey, "valid", lambda self, now: True)
    found = await found_holes(sqlite_database, "expired", "revoked")
    assert {"expired key", "revoked key", "revoked platform key"} <= {what for _, what in found}


@pytest.mark.proof
async def test_a_revoked_key_is_refused_within_five_seconds(any_database: str) -> None:
    """By the node that revoked it and, on PostgreSQL, by another, which has the key in its memory."""
    async with running_node(any_database) as first:
        if any_database.startswith("sqlite"):
            await _revoked_in_time(first, [first])
            return
        async with running_node(any_database) as second:
            await _revoked_in_time(first, [first, second])


async def _revoked_in_time(first: Node, nodes: list[Node]) -> None:
    waits: list[float] = []
    for body in ({"role": "admin", "org_id": "acme"}, {"platform": True, "scopes": ["all"]}):
        made = (await first.call("POST", "/api/keys", json=body)).json()

        async def status(node: Node, key: str = made["key"]) -> int:
            return (await node.call("GET", "/api/keys", key=key, headers=ACME)).status_code

        for node in nodes:
            assert await status(node) == 200
            await node.gateway.directory.refresh()
            assert await status(node) == 200
        started = time.monotonic()
        assert (await first.call("DELETE", f"/api/keys/{made['id']}")).status_code == 204
        for node in nodes:
            async with asyncio.timeout(5):
                while await status(node) != 401:
                    await asyncio.sleep(0.01)
        waits.append(time.monotonic() - started)
    print(f"E4: a revoked key is refused by {len(nodes)} node(s) after {max(waits):.2f} s")
