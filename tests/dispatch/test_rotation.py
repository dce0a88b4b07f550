"""Rotation of a secret on the wire: what a receiver gets in the grace period and after, and what is known of
it by the next attempt, by other nodes, and by the next start."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.clock import SystemClock
from gateway.domain.secret import MASK
from gateway.manage import rotations as manage
from gateway.store import rotations as rows
from gateway.store.tables import install, metadata, rotations, secrets
from tests.support.clock import until
from tests.support.keyed import Keyed, led_by, signers
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver

pytestmark = pytest.mark.anyio

HOUR = 3_600_000


class ShiftedClock(SystemClock):
    """The machine's clock, some time later."""

    later = 0

    def now(self) -> int:
        return super().now() + self.later


@dataclass
class Scene:
    """A webhook on a receiver, and the names of the secrets it has had: old, new, newer."""

    node: Node
    receiver: Receiver
    clock: ShiftedClock
    hook: dict[str, Any]
    secrets: dict[str, str]
    keyed: Keyed = field(init=False)

    def __post_init__(self) -> None:
        self.keyed = Keyed(self.secrets, {"old"})
        self.receiver.behave(self.keyed)

    async def rotate(self, grace: int = 3600, *, name: str = "new", **fields: Any) -> dict[str, Any]:
        answer = await self.call("rotate-secret", {"grace_period_seconds": grace, **fields})
        self.secrets[name] = answer["secret"]
        return answer

    async def call(self, what: str, body: Any = None) -> dict[str, Any]:
        answer = await self.node.call("POST", f"/api/webhooks/{self.hook['id']}/{what}", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def shown(self) -> Any:
        answer = await self.node.call("GET", f"/api/webhooks/{self.hook['id']}")
        return answer.json()["rotation"]

    async def deliver(self) -> dict[str, Any]:
        """Sends an event and waits until its first attempt is recorded: the delivery with its attempts."""
        sent = await self.node.send()
        [delivery] = await self.node.deliveries(event_id=sent["id"])
        found: dict[str, Any] = {}

        async def made() -> bool:
            found.update(await self.node.delivery(delivery["id"]))
            return bool(found["attempts"]) and found["status"] != "in_flight"  # read one after the other

        await eventually(made, "an attempt")
        return found

    @property
    def latest(self) -> Received:
        return self.receiver.requests[-1]


async def eventually(condition: Callable[[], Awaitable[bool]], what: str, *, timeout: float = 10.0) -> None:
    """As `until`, for what a database has to be asked."""
    deadline = time.monotonic() + timeout
    while not await condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {timeout} s: {what}")
        await asyncio.sleep(0.01)


class scene:  # noqa: N801 - used as a function
    """`async with scene(database) as s`; further arguments are the webhook's."""

    def __init__(self, database: str, *, retry_schedule: str = "86400", **fields: Any) -> None:
        self.clock = ShiftedClock()
        self.receiver = Receiver()
        self.nodes = running_node(database, clock=self.clock, retry_schedule=retry_schedule)
        self.fields = fields

    async def __aenter__(self) -> Scene:
        await self.receiver.__aenter__()
        node = await self.nodes.__aenter__()
        hook = await node.webhook(self.receiver.url(), **self.fields)
        return Scene(node, self.receiver, self.clock, hook, {"old": hook["secret"]})

    async def __aexit__(self, *problem: Any) -> None:
        await self.nodes.__aexit__(*problem)
        await self.receiver.__aexit__(*problem)


async def test_in_the_grace_period_both_sign_and_the_old_one_leads_until_half(any_database: str) -> None:
    async with scene(any_database) as s:
        answer = await s.rotate(2 * 3600)
        assert answer["rotation"]["state"] == "started"
        assert (answer["rotation"]["leading"], answer["rotation"]["confirmed"]) == ("old", False)
        s.keyed.knows = {"old", "new"}
        await s.deliver()
        assert signers(s.latest, s.secrets) == {"old", "new"}
        assert led_by(s.latest, s.secrets) == "old"
        s.clock.later = HOUR + 60_000
        await s.deliver()
        assert signers(s.latest, s.secrets) == {"old", "new"}
        assert led_by(s.latest, s.secrets) == "new", "from half of the period on"
        await eventually(lambda: _is(s, "confirmed"), "confirmed")
        s.clock.later = 2 * HOUR + 60_000
        await s.deliver()
        assert (signers(s.latest, s.secrets), led_by(s.latest, s.secrets)) == ({"new"}, "new")
        assert await s.shown() is None


async def _is(s: Scene, state: str) -> bool:
    return bool((await s.shown())["state"] == state)


@pytest.mark.parametrize("status", [401, 403, 400, 422, 500])
@pytest.mark.parametrize("knows", ["old", "new"])
async def test_a_receiver_with_one_secret_gets_each_delivery_at_its_first_attempt(
    sqlite_database: str, knows: str, status: int
) -> None:
    async with scene(sqlite_database) as s:
        await s.rotate()
        s.keyed.knows, s.keyed.refuses_with = {knows}, status
        for half in (0, HOUR * 3 // 4):
            s.clock.later = half
            for _ in range(2):
                delivery = await s.deliver()
                assert (delivery["status"], delivery["attempts_made"]) == ("delivered", 1)
        # The old one is asked for with the new at first from half on; the new one only at the very first.
        assert s.keyed.refused == (2 if knows == "old" else 1)


async def test_both_exchanges_are_one_attempt(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate()
        s.keyed.knows = {"new"}
        delivery = await s.deliver()
        first, second = s.receiver.requests
        for name in ("X-HUM-Attempt", "X-HUM-Delivery", "webhook-id", "webhook-timestamp"):
            assert first.header(name) == second.header(name)
        assert first.header("X-HUM-Attempt") == "1"
        assert first.body == second.body
        assert (led_by(first, s.secrets), led_by(second, s.secrets)) == ("old", "new")
        ones, others = [(q.header("webhook-signature") or "").split() for q in (first, second)]
        assert ones == others[::-1], "the leading one stands first, for receivers that look no further"
        [attempt] = delivery["attempts"]
        assert (attempt["number"], attempt["status_code"], attempt["swapped_from"]) == (1, 200, "old")
        assert dict(attempt["request_headers"])["X-HUM-Signature"] == second.header("X-HUM-Signature")
        await s.deliver()
        assert len(s.receiver.requests) == 3, "what it takes was not remembered"
        [attempt] = (await s.node.delivery((await s.node.deliveries())[1]["id"]))["attempts"]
        assert attempt["swapped_from"] is None


async def test_both_exchanges_share_one_timeout(sqlite_database: str) -> None:
    async with scene(sqlite_database, timeout_ms=1000) as s:
        await s.rotate()
        s.keyed.knows, s.keyed.delay = {"new"}, 0.7
        [attempt] = (await s.deliver())["attempts"]
        assert len(s.receiver.requests) == 2
        assert (attempt["error"], attempt["status_code"], attempt["swapped_from"]) == ("timeout", None, "old")
        assert 950 <= attempt["duration_ms"] < 1300, "the second had a timeout of its own"


async def test_neither_secret_fits_the_final_answer_is_recorded_and_ordinary_failures_are_not_doubled(
    sqlite_database: str,
) -> None:
    async with scene(sqlite_database) as s:
        await s.rotate()
        s.keyed.knows = set()
        delivery = await s.deliver()
        [attempt] = delivery["attempts"]
        assert (delivery["status"], attempt["status_code"], attempt["swapped_from"]) == (
            "pending",
            401,
            "old",
        )
        assert len(s.receiver.requests) == 2
        s.keyed.knows, s.keyed.refuses_with = {"old"}, 500
        await s.deliver()
        s.keyed.knows = set()  # it has taken the old one: this 500 is not about signatures
        before = len(s.receiver.requests)
        await s.deliver()
        assert len(s.receiver.requests) == before + 1


async def test_a_receiver_that_answers_500_and_changes_over_misses_one_attempt_and_no_more(
    any_database: str,
) -> None:
    async with scene(any_database, retry_schedule="1,86400") as s:
        s.keyed.refuses_with = 500
        await s.rotate()
        await s.deliver()
        s.keyed.knows = {"new"}
        await s.deliver()
        await until(lambda: len(s.receiver.requests) == 4, "retried with both")
        after = await s.deliver()
        assert (after["attempts_made"], len(s.receiver.requests)) == (1, 5)
        assert all(d["status"] == "delivered" for d in await s.node.deliveries())


async def test_what_the_receiver_takes_is_known_after_a_restart(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate()
        s.keyed.knows, s.keyed.refuses_with = {"new"}, 400
        await s.deliver()
        assert s.keyed.refused == 1
        await s.node.gateway.stop(0.5)
        async with running_node(any_database) as again:
            s.node = again
            await s.deliver()
            assert s.keyed.refused == 1
            assert (await s.shown())["confirmed"] is True


async def test_other_nodes_hear_what_the_receiver_takes(postgres_database: str) -> None:
    async with scene(postgres_database) as s, running_node(postgres_database) as other:
        await s.rotate()
        s.keyed.knows = {"new"}
        await s.deliver()

        async def heard() -> bool:
            view = await other.gateway.directory.organization("acme")
            assert view is not None
            rotation = view.webhooks[s.hook["id"]].rotation
            return rotation is not None and rotation.takes == "new"

        await eventually(heard, "what the receiver takes")
        other.key = s.node.key
        s.node = other
        await s.deliver()
        assert s.keyed.refused == 1, "the other node asked with the old one"


@pytest.mark.parametrize("state", ["retried", "held", "disabled"])
async def test_what_waited_past_the_end_is_not_signed_with_the_old_one(any_database: str, state: str) -> None:
    async with scene(any_database, retry_schedule="1") as s:
        await s.rotate(3600)
        headers = [("Retry-After", "1")] if state == "held" else []
        s.receiver.respond(404 if state == "retried" else 503, headers=headers)
        await s.deliver()
        if state == "disabled":
            await s.call("disable")
        s.keyed.knows = {"old", "new"}
        s.receiver.behave(s.keyed)
        s.clock.later = HOUR + 1000
        if state == "disabled":
            await s.call("enable")
        first, *later = await s.receiver.wait_for(2, timeout=10)
        assert signers(first, s.secrets) == {"old", "new"}
        assert [(signers(q, s.secrets), led_by(q, s.secrets)) for q in later] == [({"new"}, "new")]


async def test_a_rotation_while_a_webhook_is_held_is_used_when_it_goes_on(sqlite_database: str) -> None:
    async with scene(sqlite_database) as s:
        s.receiver.respond(429, headers=[("Retry-After", "1")])
        await s.deliver()
        await s.rotate(3600)
        s.keyed.knows = {"new"}
        s.receiver.behave(s.keyed)
        await s.receiver.wait_for(3, timeout=10)
        await until(lambda: s.node.gateway.dispatcher.kept == 0, "everything recorded")
        [delivery] = await s.node.deliveries()
        assert (delivery["status"], delivery["attempts_made"]) == ("delivered", 2)


async def test_a_leaked_secret_signs_nothing_from_the_answer_on(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.deliver()
        answer = await s.rotate(0)
        assert answer["rotation"] is None
        s.keyed.knows = {"new"}
        delivery = await s.deliver()
        assert (delivery["status"], signers(s.latest, s.secrets)) == ("delivered", {"new"})
        assert s.keyed.refused == 0


async def test_finish_ends_the_grace_period_even_between_two_exchanges(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate(3600)
        s.clock.later = HOUR * 3 // 4  # the new one leads
        s.keyed.knows, s.keyed.delay = {"old"}, 0.5
        sending = asyncio.create_task(s.deliver())
        await s.receiver.wait_for(1)
        assert (await s.call("rotate-secret/finish"))["rotation"] is None
        delivery = await sending
        assert len(s.receiver.requests) == 1, "sent with a secret that has ended"
        assert delivery["attempts"][0]["status_code"] == 401
        s.keyed.knows, s.keyed.delay = {"new"}, 0
        assert (await s.deliver())["status"] == "delivered"
        assert signers(s.latest, s.secrets) == {"new"}


async def test_an_attempt_that_was_sent_before_the_rotation_began_is_asked_for_again(
    any_database: str,
) -> None:
    async with scene(any_database) as s:
        s.keyed.delay = 2.0  # longer than a rotation takes on a busy machine
        s.keyed.knows = {"new"}  # deployed before the answer to the request with the old one
        sending = asyncio.create_task(s.deliver())
        await s.receiver.wait_for(1)
        await s.rotate()
        delivery = await sending
        first, second = s.receiver.requests
        assert (signers(first, s.secrets), signers(second, s.secrets)) == ({"old"}, {"old", "new"})
        assert (delivery["status"], delivery["attempts_made"]) == ("delivered", 1)
        assert delivery["attempts"][0]["swapped_from"] == "old"
        assert (await s.shown())["confirmed"] is True


async def test_force_keeps_the_secret_that_the_receiver_took_last(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate()
        refused = await s.node.call("POST", f"/api/webhooks/{s.hook['id']}/rotate-secret")
        assert (refused.status_code, refused.json()["error"]) == (409, "rotation_in_progress")
        await s.rotate(force=True, name="newer")
        await s.deliver()
        assert signers(s.latest, s.secrets) == {"old", "newer"}, "the one nobody has ever used stayed"
        s.keyed.knows = {"newer"}
        await s.deliver()
        await eventually(lambda: _is(s, "confirmed"), "confirmed")
        await s.rotate(force=True, name="newest")
        await s.deliver()
        assert signers(s.latest, s.secrets) == {"newer", "newest"}
        assert led_by(s.latest, s.secrets) == "newer"


async def test_another_origin_gets_the_new_secret_only(any_database: str) -> None:
    async with scene(any_database) as s, Receiver() as moved:
        await s.rotate()
        path = f"/api/webhooks/{s.hook['id']}"
        same = await s.node.call("PATCH", path, json={"url": s.receiver.url("/elsewhere")})
        assert same.json()["rotation"] is not None, "the same origin"
        answer = await s.node.call("PATCH", path, json={"url": moved.url("/")})
        assert answer.json()["rotation"] is None
        await s.deliver()
        assert signers(moved.requests[-1], s.secrets) == {"new"}


async def test_a_receiver_that_prints_secrets_finds_both_masked(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate(3600)
        s.keyed.echo = f"old {s.secrets['old']} new {s.secrets['new']}".encode()
        expected = f"old {MASK} new {MASK}"
        assert (await s.deliver())["attempts"][0]["response_body"] == expected
        s.clock.later = 2 * HOUR  # ended, but a receiver that still has it may print it
        assert (await s.deliver())["attempts"][0]["response_body"] == expected


async def test_no_secret_stands_in_a_row_in_the_log_or_in_a_later_answer(
    any_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", logger="gateway")  # every attempt has its line
    async with scene(any_database) as s:
        await s.rotate(3600)
        s.keyed.knows = {"new"}
        s.keyed.echo = "".join(s.secrets.values()).encode()
        await s.deliver()
        await s.node.call("POST", f"/api/webhooks/{s.hook['id']}/rotate-secret")
        shown = [(await s.node.call("GET", path)).text for path in ("/api/webhooks", "/api/deliveries")]
        async with s.node.gateway.store.reading() as conn:
            for table in metadata.sorted_tables:
                shown += [repr(tuple(row)) for row in await conn.execute(select(table))]
    everything = "\n".join([*shown, caplog.text])
    assert "attempt" in caplog.text
    for secret in s.secrets.values():
        assert secret not in everything
        assert secret.removeprefix("whsec_") not in everything


async def test_a_rotation_leaves_a_row_while_it_lasts_and_a_secret_for_a_day(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate(3600)
        store, announce = s.node.gateway.store, s.node.gateway.own_events.announce
        now = s.clock.now()
        await manage.look(store, announce, now)
        assert await _count(s, rotations) == 1
        await manage.look(store, announce, now + HOUR)
        assert await _count(s, rotations) == 0
        assert await manage.forget_secrets(store, now + HOUR + rows.MASKED_AFTER_END_MS - 60_000) == 0
        assert await manage.forget_secrets(store, now + HOUR + rows.MASKED_AFTER_END_MS) == 1
        assert await _count(s, secrets) == 1
        s.clock.later = 26 * HOUR
        s.keyed.knows = {"new"}
        assert (await s.deliver())["status"] == "delivered"


async def test_deleting_the_webhook_ends_everything(any_database: str) -> None:
    async with scene(any_database) as s:
        await s.rotate(3600)
        assert (await s.node.call("DELETE", f"/api/webhooks/{s.hook['id']}")).status_code == 204
        assert await _count(s, rotations) == 0
        later = s.clock.now() + rows.MASKED_AFTER_END_MS
        assert await manage.forget_secrets(s.node.gateway.store, later) == 2
        assert await _count(s, secrets) == 0


async def _count(s: Scene, table: Any) -> int:
    async with s.node.gateway.store.reading() as conn:
        return int((await conn.execute(select(func.count()).select_from(table))).scalar_one())


async def test_instances_that_take_turns_cost_a_write_now_and_then_only(sqlite_database: str) -> None:
    async with scene(sqlite_database) as s:
        await s.rotate()
        await s.deliver()
        before = await _version(s)
        for number in range(20):
            s.keyed.knows = {"new" if number % 2 else "old"}
            assert (await s.deliver())["attempts_made"] == 1
        assert await _version(s) - before <= 6, "each turn was told to all nodes"


async def _version(s: Scene) -> int:
    async with s.node.gateway.store.reading() as conn:
        return int((await conn.execute(select(install.c.config_version))).scalar_one())


async def test_people_hear_of_a_rotation_and_once_of_one_that_nobody_has_taken(any_database: str) -> None:
    async with scene(any_database, events=["call.*"]) as s, Receiver() as desk:
        await s.node.webhook(desk.url(), ["secret.rotated", "webhook.rotation_unconfirmed"])
        await s.rotate(3600)
        [told] = await desk.wait_for(1)
        assert told.json()["type"] == "secret.rotated"
        assert told.json()["data"]["webhook_id"] == s.hook["id"]
        assert not any(secret.encode() in told.body for secret in s.secrets.values())
        store, announce = s.node.gateway.store, s.node.gateway.own_events.announce
        late = s.clock.now() + HOUR * 3 // 4
        await manage.look(store, announce, late - 60_000)
        assert len(desk.requests) == 1
        await asyncio.gather(*(manage.look(store, announce, late) for _ in range(3)))
        await s.node.gateway.stop(1.0)
        async with running_node(any_database) as again:
            for _ in range(2):
                await manage.look(again.gateway.store, again.gateway.own_events.announce, late + 1)
            await desk.wait_for(2)
            await until(lambda: again.gateway.dispatcher.kept == 0, "nothing more")
        warning = desk.requests[1].json()
        assert warning["type"] == "webhook.rotation_unconfirmed"
        assert warning["data"]["takes"] is None
        assert len(desk.requests) == 2, "warned more than once"
