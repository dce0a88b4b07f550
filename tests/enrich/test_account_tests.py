"""Testing the account for lookups: what a person is told of it, what it costs, and what it changes; over real
sockets."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from socket import create_server
from typing import Any

import pytest

from gateway.demo.twilio import ACCOUNT_SID, AUTH_TOKEN, TwilioDouble
from gateway.domain.pace import Pace
from gateway.enrich.account_tests import MOST_IN_SHARED_PER_SECOND, MOST_PER_SECOND, NUMBER
from gateway.store.tables import lookup_days, number_lookups
from tests.enrich.conftest import errors, resolve, rows
from tests.enrich.test_numbers import account, held, instead
from tests.support.clock import until
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

PATH = "/api/organizations/acme/test-lookups"
OWN = {"account_sid": "ACown", "auth_token": "their-own-token"}


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


@pytest.fixture
async def lite(sqlite_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(sqlite_database, **account(twilio)) as made:
        await made.new_key("admin")  # so that the organization is there
        yield made


async def tested(node: Node) -> dict[str, Any]:
    answer = await node.call("POST", PATH)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def own_account(node: Node, **changes: str) -> None:
    given = {"lookup_credentials": OWN | changes}
    assert (await node.call("PATCH", "/api/organizations/acme", json=given)).status_code == 200


async def test_a_good_account_is_told_and_nothing_is_paid(any_database: str, twilio: TwilioDouble) -> None:
    async with running_node(any_database, **account(twilio)) as node:
        await node.new_key("admin")
        found = await tested(node)
        assert (found["ok"], found["account"], found["status_code"]) == (True, "installation", 200)
        assert (found["error"], found["error_detail"], found["provider_code"]) == (None, "", None)
        [asked] = twilio.asked
        assert (asked.phone, asked.fields, asked.raw_path) == (NUMBER, (), "/v2/PhoneNumbers/%2B12025550100")
        assert not twilio.charged()
        assert await rows(node, lookup_days) == await rows(node, number_lookups) == []
        twilio.nobody(NUMBER)  # whether the number exists says nothing of the account
        assert (await tested(node))["ok"]
        [entry, *_] = (await node.call("GET", "/api/audit")).json()["data"]
        assert (entry["action"], entry["object_id"]) == ("testLookups", "acme")


@pytest.mark.parametrize(
    ("refusal", "error", "said"),
    [
        ((401, 20003), "refused", "does not take the credentials"),
        ((403, 20003), "forbidden", "may not look up numbers"),
        ((403, 20005), "suspended", "not active"),
        ((401, 20005), "suspended", "not active"),
    ],
)
async def test_an_account_that_is_not_taken_says_why(
    lite: Node, twilio: TwilioDouble, refusal: tuple[int, int], error: str, said: str
) -> None:
    await own_account(lite)
    assert twilio.refused == 0  # saving it asks nobody
    twilio.refusal = refusal
    found = await tested(lite)
    assert (found["ok"], found["account"], found["error"]) == (False, "own", error)
    assert (found["status_code"], found["provider_code"]) == refusal
    assert said in found["error_detail"]
    twilio.account = (OWN["account_sid"], OWN["auth_token"])
    assert (await tested(lite))["ok"]


async def test_nobody_there_is_told_from_wrong_credentials(sqlite_database: str) -> None:
    with closing(create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    settings = {"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": AUTH_TOKEN}
    async with running_node(
        sqlite_database, **settings, twilio_lookup_url=f"http://127.0.0.1:{port}"
    ) as node:
        await node.new_key("admin")
        found = await tested(node)
        assert (found["ok"], found["status_code"], found["error"]) == (False, None, "connect_refused")
        assert found["error_detail"] != ""


async def test_the_target_guard_applies(sqlite_database: str) -> None:
    settings = {"twilio_account_sid": ACCOUNT_SID, "twilio_auth_token": AUTH_TOKEN}
    async with running_node(sqlite_database, **settings, twilio_lookup_url="http://169.254.169.254") as node:
        await node.new_key("admin")
        assert (await tested(node))["error"] == "target_denied"


async def test_a_provider_that_wants_to_be_left_alone_is(lite: Node, twilio: TwilioDouble) -> None:
    twilio.instead = instead(429, **{"retry-after": "30"})
    assert (await tested(lite))["error"] == "rate_limited"
    twilio.instead = None
    found = await tested(lite)
    assert (found["ok"], found["status_code"], found["error"]) == (False, None, "rate_limited")
    assert len(twilio.asked) == 1


async def test_without_an_account_that_is_said(sqlite_database: str, twilio: TwilioDouble) -> None:
    async with running_node(sqlite_database, twilio_lookup_url=twilio.url) as node:
        await node.new_key("admin")
        found = await tested(node)
        assert (found["ok"], found["account"], found["error"]) == (False, None, "no_credentials")
        assert twilio.asked == []


async def test_a_spared_provider_is_asked_all_the_same_and_spared_no_more(
    lite: Node, twilio: TwilioDouble
) -> None:
    twilio.instead = instead(503)
    for number in range(5):
        await resolve(lite, f"+1317555{number:04}")
    assert errors(await resolve(lite)) == ["breaker_open"]
    found = await tested(lite)
    assert (found["status_code"], found["error"]) == (503, "http_status")
    assert errors(await resolve(lite)) == ["breaker_open"]
    twilio.instead = None
    assert (await tested(lite))["ok"]
    assert (await resolve(lite))["status"] == "found"
    assert "hum_gateway_number_lookup_breakers_open 0.0" in lite.gateway.metrics.render().decode()


async def test_one_at_a_time_and_a_few_a_second(lite: Node, twilio: TwilioDouble) -> None:
    async with held(twilio) as gate:
        first = asyncio.create_task(lite.call("POST", PATH))
        await until(lambda: bool(twilio.asked), "the first is out")
        second = await lite.call("POST", PATH)
        assert (second.status_code, second.json()["error"]) == (429, "rate_limited")
        assert second.headers["retry-after"] == "1"
        gate.set()
        assert (await first).json()["ok"]
    tests = lite.gateway.services.account_tests
    tests._pace = Pace(MOST_PER_SECOND, lambda: 0.0)  # no time passes
    tests._shared = Pace(100, lambda: 0.0)
    several = [(await lite.call("POST", PATH)).status_code for _ in range(8)]
    assert several == [200] * MOST_PER_SECOND + [429] * (8 - MOST_PER_SECOND)
    assert len(twilio.asked) == 1 + MOST_PER_SECOND


async def test_an_account_that_is_shared_is_tested_seldom(lite: Node, twilio: TwilioDouble) -> None:
    """Whoever asks: all organizations together."""
    lite.gateway.services.account_tests._shared = Pace(MOST_IN_SHARED_PER_SECOND, lambda: 0.0)
    several = []
    for number in range(4):
        org = f"org{number}"
        key = await lite.new_key("admin", org)
        answer = await lite.call("POST", PATH.replace("acme", org), key=key)
        several.append(answer.status_code)
    assert several == [200, 200, 429, 429]
    assert len(twilio.asked) == MOST_IN_SHARED_PER_SECOND


async def test_a_customer_ends_no_sparing_of_an_account_that_is_shared(
    lite: Node, twilio: TwilioDouble
) -> None:
    key = await lite.new_key("admin", "other")
    twilio.instead = instead(503)
    for number in range(5):
        await resolve(lite, f"+1317555{number:04}")
    twilio.instead = None
    answer = await lite.call("POST", PATH.replace("acme", "other"), key=key)
    assert answer.json()["ok"]
    assert errors(await resolve(lite)) == ["breaker_open"]
    assert (await tested(lite))["ok"]  # with the platform's key
    assert (await resolve(lite))["status"] == "found"


async def test_who_may(lite: Node, twilio: TwilioDouble) -> None:
    viewer, operator = await lite.new_key("viewer"), await lite.new_key("operator")
    other = await lite.new_key("admin", "other")
    for key, path, status in (
        (viewer, PATH, 403),
        (other, PATH, 404),
        (operator, PATH.replace("acme", "other"), 404),
        (operator, PATH, 200),
    ):
        assert (await lite.call("POST", path, key=key)).status_code == status
    assert len(twilio.asked) == 1


async def test_it_tells_no_secret(lite: Node, twilio: TwilioDouble, caplog: pytest.LogCaptureFixture) -> None:
    await own_account(lite)
    with caplog.at_level(logging.DEBUG, "gateway"):
        found = await lite.call("POST", PATH)
    told = found.text + " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert "an account for lookups was tested" in told
    for secret in (*OWN.values(), ACCOUNT_SID, AUTH_TOKEN):
        assert secret not in told
