"""Lookups of numbers: what they tell, what is asked and how often, for it costs money; over real sockets."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, text

from gateway.demo.twilio import ACCOUNT_SID, AUTH_TOKEN, Asked, TwilioDouble
from gateway.domain.number_lookup import Report
from gateway.domain.room import Room
from gateway.errors import Overloaded
from gateway.lookup import twilio as provider
from gateway.store import number_lookups as store
from gateway.store import recalling
from gateway.store.tables import contact_facts, contacts, lookup_days, number_lookups
from tests.enrich.conftest import PHONE, errors, resolve, rows, settled
from tests.support.clock import until
from tests.support.crm import Crm
from tests.support.node import Node, running_node

pytestmark = pytest.mark.anyio

ABROAD = "+4930123456"
LINE, NAME = "line_type_intelligence", "caller_name"
HOUR, DAY = 3_600, 86_400


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    with TwilioDouble() as running:
        yield running


def account(twilio: TwilioDouble) -> dict[str, str]:
    return {
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": AUTH_TOKEN,
        "twilio_lookup_url": twilio.url,
    }


@pytest.fixture
async def node(any_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    async with running_node(any_database, **account(twilio)) as made:
        yield made


@pytest.fixture
async def lite(sqlite_database: str, twilio: TwilioDouble) -> AsyncIterator[Node]:
    """For what does not depend on the database."""
    async with running_node(sqlite_database, **account(twilio)) as made:
        yield made


@asynccontextmanager
async def held(twilio: TwilioDouble) -> AsyncIterator[threading.Event]:
    """No answer comes before the end of the block, or before the event is set."""
    twilio.gate = threading.Event()
    try:
        yield twilio.gate
    finally:
        twilio.gate.set()
        twilio.gate = None


async def over(node: Node) -> None:
    await until(lambda: not len(node.gateway.lookups), "lookups are over")
    await settled(node)


async def age(node: Node, seconds: int) -> None:
    """What is kept was told so much earlier."""
    await over(node)
    view = await node.gateway.directory.organization("acme")
    assert view is not None
    kept_rows = await rows(node, number_lookups)
    async with node.gateway.store.transaction() as tx:
        for row in kept_rows:
            kept = await store.read(tx.conn, view.organization.cipher, "acme", bytes(row.person))
            record = type(kept.record)(
                {
                    name: type(told)(told.at - seconds * 1000, told.values, told.error)
                    for name, told in kept.record.packages.items()
                },
                None if kept.record.invalid_at is None else kept.record.invalid_at - seconds * 1000,
            )
            sealed = view.organization.cipher.seal(
                f"lookup|{bytes(row.person).hex()}", "record", store._encode(record)
            )
            await tx.conn.execute(
                text("UPDATE number_lookups SET record = :r, asked_at = asked_at - :ms WHERE person = :p"),
                {"r": sealed, "ms": seconds * 1000, "p": row.person},
            )


async def set_up(node: Node, **settings: Any) -> None:
    answer = await node.call("PATCH", "/api/organizations/acme", json=settings)
    assert answer.status_code == 200, answer.text


async def used(node: Node) -> int:
    return sum(row.used for row in await rows(node, lookup_days))


# What it tells.


async def test_a_caller_known_only_by_the_number(node: Node, twilio: TwilioDouble) -> None:
    found = await resolve(node, "(317) 555-0142")
    assert (found["status"], found["source"], found["errors"]) == ("found", "fresh", [])
    contact = found["contact"]
    assert (contact["caller_name"], contact["name"]) == ("Sergio Suarez", "Sergio Suarez")
    assert (contact["line_type"], contact["carrier"]) == ("nonFixedVoip", "Twilio - SMS/MMS-SVR")
    assert set(contact["provenance"].values()) == {"lookup"}
    assert "caller_name: Sergio Suarez\nline_type: nonFixedVoip\n" in found["context"]
    again = await resolve(node)
    assert again["contact"] == contact and again["source"] == "fresh"
    assert twilio.charged() == {(PHONE, LINE): 1, (PHONE, NAME): 1}
    assert len(twilio.asked) == await used(node) == 1


async def test_whose_word_counts(lite: Node, twilio: TwilioDouble, crm: Crm) -> None:
    await crm.join(lite)
    crm.knows(PHONE, name="Ada Example")
    contact = (await resolve(lite))["contact"]
    assert (contact["name"], contact["caller_name"]) == ("Ada Example", "Sergio Suarez")
    assert contact["provenance"] == {
        "name": "crm", "caller_name": "lookup", "line_type": "lookup", "carrier": "lookup",
    }  # fmt: skip
    await over(lite)
    [row] = await rows(lite, contacts)
    assert {fact.source for fact in await rows(lite, contact_facts)} >= {"lookup"}
    assert contact["id"] == row.id


async def test_a_line_without_a_name_is_nobody(node: Node, twilio: TwilioDouble, crm: Crm) -> None:
    """Outside +1 there is no name to be had: no question for it, and whom nobody knows is created."""
    await crm.join(node, create_contacts=True)
    found = await resolve(node, ABROAD)
    assert (found["status"], found["errors"]) == ("not_found", [])
    assert found["contact"]["line_type"] == "nonFixedVoip"
    assert (found["contact"]["id"], found["contact"]["name"]) == (None, None)
    assert twilio.charged() == {(ABROAD, LINE): 1}
    await over(node)
    assert ABROAD in crm.contacts


async def test_a_nameless_number_makes_no_contact(lite: Node, twilio: TwilioDouble) -> None:
    twilio.say(PHONE, NAME, caller_name=None, caller_type=None)
    found = await resolve(lite)
    assert (found["status"], found["contact"]["carrier"]) == ("not_found", "Twilio - SMS/MMS-SVR")
    await over(lite)
    assert await rows(lite, contacts) == await rows(lite, contact_facts) == []


async def test_a_number_that_does_not_exist_is_told_for_a_month(node: Node, twilio: TwilioDouble) -> None:
    twilio.nobody(PHONE)
    for _ in range(2):
        found = await resolve(node)
        assert (found["status"], found["contact"]) == ("unknown", None)
        assert found["errors"] == [{"source": "lookup", "error": "invalid"}]
    await age(node, 29 * DAY)
    await resolve(node)
    assert len(twilio.asked) == 1
    await age(node, 2 * DAY)
    await resolve(node)
    assert len(twilio.asked) == 2


async def test_an_error_of_one_package_is_asked_for_anew_after_an_hour(
    lite: Node, twilio: TwilioDouble
) -> None:
    cases = (
        ("+13175550101", LINE, 60601, "found", "not_approved"),
        ("+13175550102", NAME, 60607, "not_found", "not_covered"),
        ("+13175550103", NAME, 60600, "unknown", "package_failed"),
    )
    for phone, package, code, status, word in cases:
        twilio.say(phone, package, error_code=code)
        for _ in range(2):
            found = await resolve(lite, phone)
            assert (found["status"], errors(found)) == (status, [word])
            assert found["contact"] is not None
    await age(lite, HOUR + 1)
    for phone, package, *_ in cases:
        await resolve(lite, phone)
        asked = {name: count for (number, name), count in twilio.charged().items() if number == phone}
        assert asked == {LINE: 1, NAME: 1} | {package: 2}


async def test_what_is_a_month_old_is_asked_for_anew(node: Node, twilio: TwilioDouble) -> None:
    await resolve(node)
    await age(node, 30 * DAY - 60)
    contact = (await resolve(node))["contact"]
    assert contact["ages"]["line_type"] >= 30 * DAY - 60
    assert len(twilio.asked) == 1
    await age(node, 60)
    assert (await resolve(node))["contact"]["ages"]["line_type"] < 60
    assert len(twilio.asked) == 2


async def test_each_field_is_asked_for_anew_in_its_own_time(node: Node, twilio: TwilioDouble) -> None:
    """Only the package with a field that is out of date is bought; what is in date is told meanwhile, and
    when asking fails."""
    await resolve(node)
    await set_up(node, lookup_cache_days={"caller_name": 90, "line_type": 20, "carrier": 5})
    shown = (await node.call("GET", "/api/organizations/acme")).json()
    assert shown["lookup_cache_days"] == {"caller_name": 90, "line_type": 20, "carrier": 5}
    await age(node, 5 * DAY - 60)
    await resolve(node)
    assert len(twilio.asked) == 1
    await age(node, 120)
    twilio.instead = instead(503)
    contact = (await resolve(node))["contact"]
    assert (contact["line_type"], contact["carrier"]) == ("nonFixedVoip", None)
    assert contact["caller_name"] == "Sergio Suarez"
    twilio.instead = None
    twilio.say(PHONE, LINE, type="mobile", carrier_name="Example Wireless")
    contact = (await resolve(node))["contact"]
    assert (contact["line_type"], contact["carrier"]) == ("mobile", "Example Wireless")
    assert contact["ages"]["line_type"] < 60 < DAY < contact["ages"]["caller_name"]
    assert [one.fields for one in twilio.asked] == [(LINE, NAME), (LINE,), (LINE,)]
    await set_up(node, lookup_cache_days={"caller_name": 1})
    await resolve(node)
    assert twilio.asked[-1].fields == (NAME,)


async def test_days_that_cannot_be_are_named(lite: Node, twilio: TwilioDouble) -> None:
    await lite.new_key("admin")
    for chosen, field in (
        ({"carrier": 366}, "carrier"),
        ({"caller_name": 91}, "caller_name"),
        ({"x": 1}, "x"),
    ):
        body = {"lookup_cache_days": chosen}
        answer = await lite.call("PATCH", "/api/organizations/acme", json=body)
        assert answer.status_code == 422
        assert [one["field"] for one in answer.json()["details"]] == [f"lookup_cache_days.{field}"]


async def test_what_is_no_number_is_never_asked_for(lite: Node, twilio: TwilioDouble) -> None:
    for phone in ("anonymous", "+266696687", "", "911", "12345", "no number"):
        assert (await resolve(lite, phone))["status"] == "unknown"
    assert twilio.asked == [] and await rows(lite, number_lookups) == []


async def test_the_organizations_own_numbers_are_not_looked_up(lite: Node, twilio: TwilioDouble) -> None:
    await resolve(lite, ABROAD)
    await set_up(lite, own_numbers=[PHONE])
    await resolve(lite)
    assert twilio.charged() == {(ABROAD, LINE): 1}


# What it costs.


async def test_a_hundred_callers_with_one_number_are_one_question(node: Node, twilio: TwilioDouble) -> None:
    async with held(twilio) as gate:
        asking = [asyncio.create_task(resolve(node, deadline_ms=5_000)) for _ in range(100)]
        await until(lambda: twilio.asked, "the question is out")
        gate.set()
        found = await asyncio.gather(*asking)
    assert {one["contact"]["caller_name"] for one in found} == {"Sergio Suarez"}
    await resolve(node)
    assert (len(twilio.asked), await used(node)) == (1, 1)


async def test_two_nodes_ask_once(postgres_database: str, twilio: TwilioDouble) -> None:
    async with (
        running_node(postgres_database, **account(twilio)) as one,
        running_node(postgres_database, **account(twilio)) as two,
    ):
        numbers = [f"+1317555{n:04}" for n in range(100, 110)]
        async with held(twilio) as gate:
            asking = [
                asyncio.create_task(resolve(node, number, deadline_ms=8_000))
                for number in numbers
                for node in (one, two)
            ]
            await until(lambda: len(twilio.asked) == len(numbers), "all questions are out")
            gate.set()
            found = await asyncio.gather(*asking)
        assert {one["status"] for one in found} == {"found"}
        assert set(Counter(twilio.charged()).values()) == {1}
        assert (len(twilio.asked), await used(one)) == (len(numbers), len(numbers))


async def test_a_claim_that_everybody_gets_asks_twice(
    postgres_database: str, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: nobody looks whether another asks."""

    async def unseen(*_: Any) -> store.Standing:
        return store.Standing()

    async def granted(*_: Any) -> bool:
        return True

    monkeypatch.setattr(store, "read", unseen)
    monkeypatch.setattr(store, "claim", granted)
    async with (
        running_node(postgres_database, **account(twilio)) as one,
        running_node(postgres_database, **account(twilio)) as two,
    ):
        async with held(twilio) as gate:
            asking = [asyncio.create_task(resolve(node, deadline_ms=5_000)) for node in (one, two)]
            await until(lambda: len(twilio.asked) == 2, "both have asked")
            gate.set()
            await asyncio.gather(*asking)
    assert twilio.charged()[PHONE, LINE] == 2


async def test_the_budget_of_a_day(node: Node, twilio: TwilioDouble) -> None:
    await resolve(node, ABROAD)
    await set_up(node, lookup_budget=3)
    found = await asyncio.gather(
        *(resolve(node, f"+1317555{n:04}", deadline_ms=5_000) for n in range(100, 110))
    )
    over_it = [one for one in found if errors(one) == ["budget"]]
    assert (len(twilio.asked), len(over_it)) == (3, 8)
    assert {one["status"] for one in over_it} == {"unknown"}
    assert (await resolve(node, ABROAD))["contact"]["line_type"] == "nonFixedVoip"
    await set_up(node, lookup_budget=0)
    assert errors(await resolve(node, "+13175550190")) == []
    assert (len(twilio.asked), await used(node)) == (3, 3)


async def fifty_at_once(url: str, twilio: TwilioDouble) -> tuple[int, int]:
    """So many questions and so much used of a budget of 5 when 50 numbers come at once; on PostgreSQL at two
    nodes."""
    before = len(twilio.asked)
    async with AsyncExitStack() as stack:
        nodes = [await stack.enter_async_context(running_node(url, **account(twilio)))]
        await resolve(nodes[0], ABROAD, deadline_ms=10_000)
        await set_up(nodes[0], lookup_budget=5)
        if url.startswith("postgresql"):
            nodes.append(await stack.enter_async_context(running_node(url, **account(twilio))))
        numbers = [f"+1317555{n:04}" for n in range(100, 150)]
        asking = (
            resolve(nodes[n % len(nodes)], phone, deadline_ms=10_000) for n, phone in enumerate(numbers)
        )
        found = await asyncio.gather(*asking)
        for node in nodes:
            await over(node)
        assert {word for one in found for word in errors(one)} <= {"budget", "rate_limited"}
        return len(twilio.asked) - before, await used(nodes[0])


@pytest.mark.proof
async def test_the_budget_holds_when_fifty_ask_at_once(
    any_database: str, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Control: a budget that is not charged with the claim is exceeded."""
    asked, charged = await fifty_at_once(any_database, twilio)
    assert (asked, charged) == (5, 5)

    claim = store.claim

    async def uncharged(conn: Any, wanted: Any, now: int, budget: int | None) -> bool:
        return await claim(conn, wanted, now, None)

    monkeypatch.setattr(store, "claim", uncharged)
    more, _ = await fifty_at_once(any_database, twilio)
    print(
        f"50 numbers at once, a budget of 5 ({any_database.partition(':')[0]}): {asked} asked for;"
        f" control, not charged with the claim: {more}"
    )
    assert more > 5


async def test_an_organization_shows_what_it_has_used_of_the_day(
    any_database: str, twilio: TwilioDouble
) -> None:
    async with running_node(any_database, **account(twilio)) as node:
        await resolve(node, org="other")
        await resolve(node)
        await resolve(node, ABROAD)
        shown = (await node.call("GET", "/api/organizations/acme")).json()
        assert shown["lookups_today"] == {"used": 2, "budget": 1_000}
        await set_up(node, lookup_budget=0)
        listed = (await node.call("GET", "/api/organizations", org=None)).json()["data"]
        assert {one["id"]: one["lookups_today"] for one in listed} == {
            "acme": {"used": 2, "budget": 0}, "other": {"used": 1, "budget": 1_000},
        }  # fmt: skip
    async with running_node(any_database, twilio_lookup_url=twilio.url) as node:
        shown = (await node.call("GET", "/api/organizations/other", org="other")).json()
        assert shown["lookups_today"] == {"used": 1, "budget": 0}


async def test_without_an_account_nothing_is_asked(any_database: str, twilio: TwilioDouble) -> None:
    async with running_node(any_database, twilio_lookup_url=twilio.url) as node:
        assert (await resolve(node))["contact"] is None
        assert twilio.asked == []
        twilio.account = ("ACown", "own-secret")
        own = {"account_sid": "ACown", "auth_token": "own-secret"}
        await set_up(node, lookup_credentials=own)
        assert (await resolve(node))["status"] == "found"
        shown = (await node.call("GET", "/api/organizations/acme")).text
        assert json.loads(shown)["has_lookup_credentials"] is True and "own-secret" not in shown
        assert errors(await resolve(node, org="other")) == []
        await set_up(node, lookup_credentials=None)
        await resolve(node, ABROAD)
        assert len(twilio.asked) == 1


async def test_one_organizations_answers_are_not_anothers(node: Node, twilio: TwilioDouble) -> None:
    await resolve(node)
    assert (await resolve(node, org="other"))["contact"]["caller_name"] == "Sergio Suarez"
    assert len(twilio.asked) == 2
    assert len({bytes(row.person) for row in await rows(node, number_lookups)}) == 2


# What goes wrong.


def instead(status: int, body: Any = None, **headers: str) -> Any:
    return lambda asked: (status, json.dumps(body).encode(), headers)


async def test_failures_have_a_word_and_are_not_kept_unless_they_are_paid(
    lite: Node, twilio: TwilioDouble
) -> None:
    charged = 0
    for number, (answer, word, costs) in enumerate(
        (
            (instead(429), "rate_limited", 0),
            (instead(500), "http_status", 1),
            (instead(401), "refused", 0),
        )
    ):
        phone = f"+1317555{100 + number:04}"
        twilio.instead = answer
        found = await resolve(lite, phone)
        assert (found["status"], found["contact"], errors(found)) == ("unknown", None, [word])
        await over(lite)
        charged += costs
        assert await used(lite) == charged
        twilio.instead = None
        assert (await resolve(lite, phone))["status"] == "found"
        charged += 1


def lie(**values: Any) -> Any:
    """An answer like the right one, but for this."""

    def answer(asked: Asked) -> Any:
        right = TwilioDouble.usual(TWILIO, asked)[1]
        return 200, json.dumps(json.loads(right) | values).encode(), {}

    return answer


TWILIO = TwilioDouble()  # does not run: it only knows what to say
BAD: dict[str, tuple[Any, float, str]] = {
    "slow": (None, 1.0, "timeout"),
    "hung": (None, 60.0, "timeout"),
    "5 MB": (instead(200, {"valid": True, "x": "x" * 5_000_000}), 0, "too_large"),
    "HTML": (lambda asked: (200, b"<html>Sign in</html>", {"content-type": "text/html"}), 0, "invalid_json"),
    "half": (lambda asked: (200, b'{"valid": tr', {}), 0, "invalid_json"),
    "list": (instead(200, []), 0, "invalid_answer"),
    "nothing asked for": (lie(caller_name=None), 0, "invalid_answer"),
    "a number for a name": (lie(caller_name={"caller_name": 7}), 0, "invalid_answer"),
    "not sure": (lie(valid="yes"), 0, "invalid_answer"),
    "somebody else": (lie(phone_number="+13175550199"), 0, "wrong_number"),
    "401": (instead(401), 0, "refused"),
    "302": (lambda asked: (302, b"", {"location": "https://example.com/"}), 0, "http_status"),
    "404": (instead(404), 0, "http_status"),
    "429": (instead(429), 0, "rate_limited"),
    "500": (instead(500), 0, "http_status"),
}
"""What the provider does, after how many seconds, and the word for it."""


async def face(node: Node, twilio: TwilioDouble, name: str, number: int) -> None:
    """A resolve in which the provider misbehaves so; it is new to the gateway, and must stay so."""
    node.gateway.lookups.accounts._known.clear()  # how it misbehaved before is forgotten
    twilio.instead, seconds, word = BAD[name]
    twilio.delay = lambda _: seconds
    found = await resolve(node, f"+1317555{number:04}", deadline_ms=700)
    assert (found["status"], found["source"], found["contact"]) == ("unknown", "none", None), name
    assert errors(found) == [word], name
    if seconds:
        await node.gateway.lookups.stop()  # as at the end of its time


@pytest.mark.proof
async def test_no_bad_answer_of_the_provider_makes_a_caller_or_is_kept(
    node: Node, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That it was paid and came to nothing is all that is remembered. Control: a reading that takes whatever
    comes for an answer."""
    for number, name in enumerate(BAD, 100):
        await face(node, twilio, name, number)
    await over(node)
    view = await node.gateway.directory.living("acme")
    async with node.gateway.store.reading() as conn:
        kept = [
            await store.read(conn, view.organization.cipher, "acme", bytes(row.person))
            for row in (await conn.execute(select(number_lookups))).all()
        ]
    assert len(kept) == len(BAD)
    assert not [told for one in kept for told in one.record.packages.values() if told.values]
    assert await rows(node, contacts) == await rows(node, contact_facts) == []
    monkeypatch.setattr(provider, "read", lambda *_: Report(True, {NAME: {"caller_name": "Eve"}}))
    caught = 0
    for number, name in enumerate(BAD, 200):
        try:
            await face(node, twilio, name, number)
        except AssertionError:
            caught += 1
    print(f"G5 {len(BAD)} bad answers of the provider: unknown, nothing kept; control caught {caught} times")
    assert caught >= len(BAD) - 2  # those that come too late are not read
    await over(node)
    assert len(await rows(node, contacts)) == caught


async def test_it_is_left_alone_when_it_says_so(lite: Node, twilio: TwilioDouble) -> None:
    twilio.instead = instead(429, **{"retry-after": "30"})
    assert errors(await resolve(lite)) == ["rate_limited"]
    twilio.instead = None
    assert errors(await resolve(lite)) == ["rate_limited"]
    assert len(twilio.asked) == 1


async def test_it_is_spared_when_it_does_not_answer(lite: Node, twilio: TwilioDouble) -> None:
    twilio.instead = instead(503)
    words = [errors(await resolve(lite, f"+1317555{n:04}"))[0] for n in range(100, 110)]
    assert words == ["http_status"] * 5 + ["breaker_open"] * 5
    assert len(twilio.asked) == 5
    assert await used(lite) == 5
    page = lite.gateway.metrics.render().decode()
    assert "hum_gateway_number_lookup_breaker_opened_total 1.0" in page
    assert "hum_gateway_number_lookup_breakers_open 1.0" in page
    twilio.instead = None
    for account_ in lite.gateway.lookups.accounts._known.values():
        account_.breaker._until = 0.0  # its pause is over
    assert (await resolve(lite))["status"] == "found"
    assert "hum_gateway_number_lookup_breakers_open 0.0" in lite.gateway.metrics.render().decode()


async def test_how_much_is_known_and_how_quickly_stands_in_the_metrics(
    node: Node, twilio: TwilioDouble, crm: Crm
) -> None:
    """Answers by source, whether they were kept or asked for, and the share of the deadline."""
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    await resolve(node, deadline_ms=5_000)
    await over(node)
    await resolve(node, deadline_ms=5_000)
    async with held(twilio):
        await resolve(node, ABROAD, deadline_ms=100)
    await over(node)
    value = node.gateway.metrics.registry.get_sample_value

    def counted(**labels: str) -> float | None:
        return value("hum_gateway_caller_source_seconds_count", labels)

    for kind in ("crm", "lookup"):
        assert counted(kind=kind, outcome="found", how="asked") == 1
        assert counted(kind=kind, outcome="found", how="kept") == 1
        assert counted(kind=kind, outcome="not_found", how="asked") == 1
    assert counted(kind="override", outcome="silent", how="kept") == 3
    share = {
        bound: value("hum_gateway_caller_deadline_share_bucket", {"le": bound}) for bound in ("0.75", "+Inf")
    }
    assert share == {"0.75": 2, "+Inf": 3}
    assert value("hum_gateway_caller_late_answers_total", {"status": "not_found"}) == 1
    assert value("hum_gateway_number_lookup_seconds_count", {"outcome": "known"}) == 2


async def test_too_many_at_once_are_not_asked(lite: Node, twilio: TwilioDouble) -> None:
    lite.gateway.lookups._room = Room(1)
    async with held(twilio) as gate:
        first = asyncio.create_task(resolve(lite, deadline_ms=5_000))
        await until(lambda: twilio.asked, "the first is out")
        assert errors(await resolve(lite, ABROAD)) == ["busy"]
        gate.set()
        assert (await first)["status"] == "found"


async def test_late_answers_are_kept(node: Node, twilio: TwilioDouble, crm: Crm) -> None:
    await crm.join(node)
    crm.knows(PHONE, name="Ada Example")
    async with held(twilio) as gate:
        found = await resolve(node, deadline_ms=1_500)
        assert (found["status"], found["source"], errors(found)) == ("found", "partial", ["timeout"])
        gate.set()
    await over(node)
    assert (await resolve(node))["contact"]["caller_name"] == "Sergio Suarez"
    assert len(twilio.asked) == 1


async def test_what_is_known_in_part_is_told_at_the_deadline(lite: Node, twilio: TwilioDouble) -> None:
    twilio.say(PHONE, NAME, error_code=60600)
    await resolve(lite)
    await age(lite, HOUR + 1)
    async with held(twilio):
        found = await resolve(lite, deadline_ms=200)
    assert (found["status"], errors(found)) == ("unknown", ["timeout"])
    assert found["contact"]["line_type"] == "nonFixedVoip"


async def test_nothing_is_asked_while_the_database_is_away(
    lite: Node, twilio: TwilioDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    await resolve(lite, ABROAD)
    twilio.asked.clear()

    async def away(*_: Any) -> Any:
        raise Overloaded("the database is away")

    for module, part in ((recalling, "of_callers"), (store, "read"), (store, "claim")):
        with monkeypatch.context() as broken:
            broken.setattr(module, part, away)
            assert set(errors(await resolve(lite))) == {"unavailable"}
    assert twilio.asked == []


async def test_who_is_erased_meanwhile_is_not_written_back(node: Node, twilio: TwilioDouble) -> None:
    async with held(twilio) as gate:
        asking = asyncio.create_task(resolve(node))
        await until(lambda: twilio.asked, "the question is out")
        erased = await node.call("POST", "/api/erasures", json={"phone": PHONE})
        assert erased.status_code in (200, 202), erased.text
        gate.set()
        await asking
    await over(node)
    assert await rows(node, number_lookups) == []
    assert await rows(node, contacts) == await rows(node, contact_facts) == []


async def test_an_erased_person_is_gone(node: Node, twilio: TwilioDouble) -> None:
    await resolve(node)
    await over(node)
    assert len(await rows(node, number_lookups)) == 1
    await node.call("POST", "/api/erasures", json={"phone": PHONE})
    assert await rows(node, number_lookups) == []


async def test_what_was_paid_for_outlives_the_contact_and_not_the_person(
    node: Node, twilio: TwilioDouble
) -> None:
    """Whoever is deleted from the book is out of it; the next call is told whom the network knows, without
    its being paid for again. An erasure forgets that too."""
    named = await resolve(node)
    await over(node)
    contact = (await node.call("PATCH", f"/api/contacts/{PHONE}", json={"notes": "tea"})).json()
    assert contact["provenance"]["name"] == "lookup"
    assert (await node.call("DELETE", f"/api/contacts/{PHONE}")).status_code == 204
    assert await rows(node, contacts) == await rows(node, contact_facts) == []
    assert len(await rows(node, number_lookups)) == 1
    again = await resolve(node)
    await over(node)
    assert (again["status"], again["contact"]["name"]) == ("found", named["contact"]["name"])
    assert (len(twilio.asked), await used(node)) == (1, 1), "paid once"
    assert (await node.call("GET", f"/api/contacts/{PHONE}")).status_code == 404
    await node.call("POST", "/api/erasures", json={"phone": PHONE})
    assert await rows(node, number_lookups) == []


async def test_what_has_expired_goes(node: Node, twilio: TwilioDouble) -> None:
    await resolve(node)
    await resolve(node, ABROAD)
    await over(node)
    first, _ = await rows(node, number_lookups)
    async with node.gateway.store.transaction() as tx:
        await tx.conn.execute(
            text("UPDATE number_lookups SET expires_at = 1 WHERE person = :p"), {"p": first.person}
        )
        await tx.conn.execute(text("INSERT INTO lookup_days (org_id, day, used) VALUES ('acme', 1, 9)"))
    assert await node.gateway.services.removal.tidy_answers() <= 2  # it goes on behind, too
    assert len(await rows(node, number_lookups)) == len(await rows(node, lookup_days)) == 1


async def test_what_is_kept_tells_nothing(
    lite: Node, twilio: TwilioDouble, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        await resolve(lite)
        twilio.instead = instead(200, {"valid": True, "phone_number": ABROAD})
        await resolve(lite, ABROAD)
        await over(lite)
    [row, *_] = await rows(lite, number_lookups)
    assert b"Suarez" not in bytes(row.record or b"") and PHONE.encode() not in bytes(row.record or b"")
    told = " ".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    for secret in (PHONE[1:], ABROAD[1:], "Suarez", AUTH_TOKEN, ACCOUNT_SID):
        assert secret not in told


def test_the_double_is_strict(twilio: TwilioDouble) -> None:
    assert Asked("+1", (), "/", {}).fields == ()
    assert twilio.charged() == {}
