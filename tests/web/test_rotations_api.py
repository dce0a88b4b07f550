"""`POST /api/webhooks/{id}/rotate-secret` and `…/finish`: what is taken, refused, shown, and repeated."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from gateway.manage.secrets import MOST_ENDED
from gateway.store.tables import secrets as secrets_table
from tests.support.clock import until
from tests.support.node import Node, running_node
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

IMPORTED = "whsec_" + base64.b64encode(b"r" * 32).decode()


@pytest.fixture
async def node(sqlite_database: str) -> AsyncIterator[Node]:
    async with running_node(sqlite_database) as node:
        yield node


@pytest.fixture
async def hook(node: Node) -> dict[str, Any]:
    return await node.webhook("https://example.com/hook")


async def rotate(node: Node, hook: dict[str, Any], **kw: Any) -> httpx.Response:
    return await node.call("POST", f"/api/webhooks/{hook['id']}/rotate-secret", **kw)


async def test_an_empty_body_gives_a_day(node: Node, hook: dict[str, Any]) -> None:
    answer = await rotate(node, hook)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", made["secret"])
    assert made["secret"] != hook["secret"]
    assert (made["rotation"]["state"], made["rotation"]["leading"]) == ("started", "old")
    started, ends = made["rotation"]["started_at"], made["rotation"]["ends_at"]
    assert started[11:] == ends[11:], "a whole day"
    shown = (await node.call("GET", f"/api/webhooks/{hook['id']}")).json()
    assert shown == {key: value for key, value in made.items() if key != "secret"}
    [listed] = (await node.call("GET", "/api/webhooks")).json()["data"]
    assert listed == shown


async def test_an_imported_secret_is_not_shown_and_must_be_another_one(
    node: Node, hook: dict[str, Any]
) -> None:
    answer = await rotate(node, hook, json={"secret": IMPORTED})
    assert (answer.status_code, answer.json()["secret"]) == (200, None)
    for secret in (IMPORTED, hook["secret"]):
        again = await rotate(node, hook, json={"secret": secret, "force": True})
        assert again.status_code == 422
        assert [detail["field"] for detail in again.json()["details"]] == ["secret"]
        assert secret not in again.text


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("grace_period_seconds", -1), ("grace_period_seconds", 604_801), ("grace_period_seconds", "60"),
        ("secret", "short"), ("secret", "whsec_!"), ("force", "yes"), ("colour", "red"),
    ],
)  # fmt: skip
async def test_what_is_not_right_is_refused_by_name(
    node: Node, hook: dict[str, Any], field: str, value: Any
) -> None:
    answer = await rotate(node, hook, json={field: value})
    assert answer.status_code == 422
    assert [detail["field"] for detail in answer.json()["details"]] == [field]
    shown = (await node.call("GET", f"/api/webhooks/{hook['id']}")).json()
    assert shown["rotation"] is None


@pytest.mark.parametrize("seconds", [1, 604_800])
async def test_the_bounds_of_the_period_are_taken(node: Node, hook: dict[str, Any], seconds: int) -> None:
    answer = await rotate(node, hook, json={"grace_period_seconds": seconds})
    assert answer.json()["rotation"] is not None


async def test_a_second_rotation_is_refused_until_the_first_is_finished(
    node: Node, hook: dict[str, Any]
) -> None:
    await rotate(node, hook)
    refused = await rotate(node, hook)
    assert (refused.status_code, refused.json()["error"]) == (409, "rotation_in_progress")
    finish = f"/api/webhooks/{hook['id']}/rotate-secret/finish"
    for _ in range(2):  # the second changes nothing
        finished = await node.call("POST", finish)
        assert (finished.status_code, finished.json()["rotation"]) == (200, None)
        assert "secret" not in finished.json()
    assert (await rotate(node, hook)).status_code == 200
    forced = await rotate(node, hook, json={"force": True, "grace_period_seconds": 0})
    assert (forced.status_code, forced.json()["rotation"]) == (200, None)


async def test_a_repeated_request_answers_the_same_secret_and_rotates_once(any_database: str) -> None:
    async with running_node(any_database) as node:
        hook = await node.webhook("https://example.com/hook")
        first, again = [await rotate(node, hook, headers={"Idempotency-Key": "one"}) for _ in range(2)]
        assert again.headers["Idempotent-Replayed"] == "true"
        assert again.json() == first.json()


async def test_only_the_admins_of_its_organization_may(node: Node, hook: dict[str, Any]) -> None:
    for role, status in (("viewer", 403), ("operator", 403), ("admin", 200)):
        assert (await rotate(node, hook, key=await node.new_key(role))).status_code == status
    stranger = await node.new_key("admin", org="other")
    assert (await rotate(node, hook, key=stranger)).status_code == 404


async def test_of_many_secrets_that_ended_the_latest_are_kept_to_be_masked(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        hook = await node.webhook(receiver.url())
        body = {"force": True, "grace_period_seconds": 0}
        rotated = [(await rotate(node, hook, json=body)).json()["secret"] for _ in range(MOST_ENDED + 3)]
        secrets = [hook["secret"], *rotated]
        org = await node.gateway.directory.living("acme")
        kept = [secret.value for secret in org.webhooks[hook["id"]].secrets]
        assert kept == secrets[-MOST_ENDED - 1 :], "the one that signs, and so many before it"
        async with node.gateway.store.looking_up() as conn:
            rows = (await conn.execute(select(func.count()).select_from(secrets_table))).scalar_one()
        assert rows == len(kept)
        receiver.respond(200, body=" ".join([secrets[-1], secrets[-2], secrets[4]]).encode())
        sent = await node.send()
        await receiver.wait_for(1)
        await until(lambda: node.gateway.dispatcher.kept == 0, "recorded")
        [delivery] = await node.deliveries(event_id=sent["id"])
        [attempt] = (await node.delivery(delivery["id"]))["attempts"]
        assert attempt["response_body"] == "[secret] [secret] [secret]"
