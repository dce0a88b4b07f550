"""Proof E5: an erased person, and an erased organization, are gone: from the API, from what is still to be
sent, and from the raw files of the database.

Payloads are encrypted, so the files are searched for the ciphertext as it stood there before, and for what
stands there in the clear: keys that a client made of the number, and the hash in the index of people.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, func, select

from gateway.demo.twilio import TwilioDouble
from gateway.manage import erasures
from gateway.store import contact_facts as facts
from gateway.store import engine, erased_people, kept_of_people
from gateway.store.engine import Database
from gateway.store.tables import (
    attempts,
    connector_contacts,
    connector_creates,
    connector_requests,
    contact_facts,
    deliveries,
    event_people,
    events,
    metadata,
    number_lookups,
    resolutions,
    target_stats,
)
from tests.enrich.conftest import resolve, rows, settled
from tests.enrich.test_numbers import NAME, account, over
from tests.support.clock import until as until_now
from tests.support.crm import Crm, json_answer
from tests.support.everywhere import in_tables
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire, answer

pytestmark = pytest.mark.anyio

ANNA = "+13175550142"
BERT = "+13175550199"
SECOND = "+13175550143"
OFFICE = "+13175550100"
LISTS = ("/api/events", "/api/deliveries", "/api/audit", "/api/contacts", "/api/jobs")
WORDS = "my-words-on-the-phone"
PEOPLE = 20


@pytest.fixture
def twilio() -> Iterator[TwilioDouble]:
    """Knows the line of everybody, and the name of all but Anna's second number."""
    with TwilioDouble() as running:
        running.say(SECOND, NAME, caller_name=None, caller_type=None)
        yield running


async def erase(node: Node, phone: str = ANNA, **more: Any) -> dict[str, Any]:
    body = {"phone": phone, "reason": "asked for it", **more}
    answered = await node.call("POST", "/api/erasures", json=body)
    assert answered.status_code == 200, answered.text
    found: dict[str, Any] = answered.json()
    return found


async def until(condition: Callable[[], Awaitable[bool]], what: str) -> None:
    async with asyncio.timeout(10):
        while not await condition():
            await asyncio.sleep(0.02)


async def plant(node: Node, receiver: Receiver) -> list[str]:
    """Calls of Anna and of others, delivered, with receivers that repeat what they got; ids of Anna's."""
    receiver.respond(200, body=f"thank you, {ANNA}: {WORDS}".encode())
    await node.webhook(receiver.url())
    ids = []
    for number in range(PEOPLE):
        phone = ANNA if number % 4 == 0 else BERT
        data = {"call_id": f"call_{number}", "from": phone, "transcript": [f"{WORDS}-{number}"] * 20}
        sent = await node.send(
            "test.call", data, ordering_key=phone, external_id=f"{phone[1:]}-{number}", priority="high"
        )
        if phone == ANNA:
            ids.append(sent["id"])
    await receiver.wait_for(PEOPLE)

    async def delivered() -> bool:
        return all(row["status"] == "delivered" for row in await node.deliveries())

    await until(delivered, "everything is delivered")
    return ids


async def traces(node: Node, ids: list[str]) -> list[bytes]:
    """What the database holds of these events: pieces of ciphertext, keys in the clear, the person's hash."""
    view = await node.gateway.directory.living("acme")
    found = [ANNA.encode(), ANNA[1:].encode() + b"-", view.organization.cipher.person(ANNA)]
    of_them = select(deliveries.c.id).where(deliveries.c.event_id.in_(ids))
    async with node.gateway.store.reading() as conn:
        rows = (await conn.execute(select(events.c.payload).where(events.c.id.in_(ids)))).scalars().all()
        records = await conn.execute(select(attempts.c.record).where(attempts.c.delivery_id.in_(of_them)))
        sealed = [*rows, *records.scalars()]
    assert len(sealed) == 2 * len(ids)
    return found + [
        bytes(blob)[start : start + 48] for blob in sealed for start in range(3, len(blob) - 48, 48)
    ]


def in_files(directory: Path, wanted: list[bytes]) -> list[tuple[str, int]]:
    """Which of these stand in which of the database's files."""
    files = [path for path in directory.glob("gateway.db*") if path.suffix != ".key" and path.is_file()]
    assert directory / "gateway.db" in files
    return [(path.name, wanted.index(one)) for path in files for one in wanted if one in path.read_bytes()]


@pytest.mark.proof
async def test_an_erased_person_is_gone_from_the_files(tmp_path: Path) -> None:
    async with running_node(f"sqlite:///{tmp_path / 'gateway.db'}") as node, Receiver() as receiver:
        ids = await plant(node, receiver)
        wanted = await traces(node, ids)
        others = len((await node.call("GET", "/api/events", params={"limit": 200})).json()["data"]) - len(ids)
        assert len({index for _, index in in_files(tmp_path, wanted)}) == len(wanted), (
            "planted, but not found"
        )
        found = await erase(node)
        assert (found["matched"], found["done"], found["status"]) == (len(ids), len(ids), "done")
        left = in_files(tmp_path, wanted)
        assert await node.gateway.services.removal.clean_log()
        assert left == []
        kept = [row for row in await node.deliveries() if row["event_id"] not in ids]
        shown = [(await node.delivery(row["id"]))["payload"] for row in kept]
        assert len(shown) == others
        assert all(payload["data"]["from"] == BERT for payload in shown), "somebody else's is gone, too"
    assert in_files(tmp_path, wanted) == []
    print(f"E5: {len(wanted)} traces of {len(ids)} events in the files before, 0 after; {others} others kept")


@pytest.mark.parametrize("fault", ["no secure_delete", "no checkpoint"])
async def test_what_is_only_deleted_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """The control."""
    if fault == "no secure_delete":
        weaker = tuple(p.replace("secure_delete=ON", "secure_delete=OFF") for p in engine._SQLITE_PRAGMAS)
        monkeypatch.setattr(engine, "_SQLITE_PRAGMAS", weaker)
    else:

        async def nothing(self: Database) -> bool:
            return True

        monkeypatch.setattr(Database, "checkpoint", nothing)
    async with running_node(f"sqlite:///{tmp_path / 'gateway.db'}") as node, Receiver() as receiver:
        wanted = await traces(node, ids := await plant(node, receiver))
        await erase(node)
        assert in_files(tmp_path, wanted), ids


@pytest.mark.proof
async def test_an_erased_person_is_gone_from_the_api(any_database: str) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        ids = await plant(node, receiver)
        assert (await erase(node, dry_run=True))["matched"] == len(ids)
        assert (await node.call("GET", f"/api/events/{ids[0]}")).json()["payload"] == "kept"
        found = await erase(node)
        assert found["done"] == len(ids)
        assert (await erase(node, dry_run=True))["matched"] == 0
        lists = ("/api/events", "/api/deliveries", "/api/audit", "/api/webhooks")
        texts = [(await node.call("GET", path, params={"limit": 200})).text for path in lists]
        for id_ in ids:
            shown = await node.call("GET", f"/api/events/{id_}")
            assert (shown.json()["payload"], shown.json()["data"]) == ("expired", None)
            texts.append(shown.text)
            for row in await node.deliveries(event_id=id_):
                delivery = await node.delivery(row["id"])
                assert delivery["payload"] is None
                texts.append(json.dumps(delivery))
        assert not [text for text in texts if ANNA in text or ANNA[1:] in text or WORDS in text]
        async with node.gateway.store.reading() as conn:
            left = (await conn.execute(select(event_people.c.event_id))).scalars().all()
        assert not set(left) & set(ids)
        log = (await node.call("GET", "/api/audit", params={"action": "erasePerson"})).json()["data"]
        assert [entry["details"]["dry_run"] for entry in log] == [True, False, True]
        assert len({entry["details"]["person"] for entry in log}) == 1
        print(f"E5: {len(ids)} events of a person gone from {len(texts)} answers")


async def test_what_is_pending_is_never_sent(any_database: str) -> None:
    """Neither what waits in memory, with its payload, nor what was on the wire and is answered afterwards."""
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def slowly(wire: Wire, request: Received) -> bool:
        arrived.set()
        await may_answer.wait()
        return await answer(500, body=request.body)(wire, request)

    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.behave(slowly)
        await node.webhook(receiver.url(), retry_schedule=[1])
        for _ in range(3):  # a new webhook gets one at a time: two wait in memory
            await node.send("test.call", {"from": ANNA, "words": WORDS})
        await arrived.wait()
        assert (await erase(node))["cancelled"] == 3
        last = await node.send("test.call", {"from": BERT})
        may_answer.set()
        receiver.respond(200)

        async def delivered() -> bool:
            return (await node.deliveries(event_id=last["id"]))[0]["status"] == "delivered"

        await until(delivered, "what came afterwards is delivered")
        bodies = [request.body for request in await receiver.wait_for(2)]
        assert sum(ANNA.encode() in body for body in bodies) == 1, "sent after it was erased"
        rows = [row for row in await node.deliveries() if row["event_id"] != last["id"]]
        assert {row["status"] for row in rows} == {"cancelled"}
        whole = [await node.delivery(row["id"]) for row in rows]
        [attempt] = [attempt for delivery in whole for attempt in delivery["attempts"]]
        assert attempt["status_code"] == 500
        assert WORDS not in json.dumps(whole)


async def test_an_erasure_that_breaks_off_goes_on(any_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_node(any_database) as node:
        for _ in range(7):
            await node.send("test.call", {"from": ANNA})
        monkeypatch.setattr(erasures, "BATCH", 2)
        once, done = erasures._once, []

        async def breaks(*args: Any) -> Any:
            if len(done) == 2:
                raise RuntimeError("broken on purpose")
            done.append(await once(*args))
            return done[-1]

        monkeypatch.setattr(erasures, "_once", breaks)
        broken = await node.call(
            "POST", "/api/erasures", json={"phone": ANNA}, headers={"Idempotency-Key": "k"}
        )
        assert broken.status_code == 500
        monkeypatch.setattr(erasures, "_once", once)
        again = await node.call(
            "POST", "/api/erasures", json={"phone": ANNA}, headers={"Idempotency-Key": "k"}
        )
        assert (again.json()["matched"], again.json()["done"]) == (3, 3)
        assert (await erase(node, dry_run=True))["matched"] == 0


async def plant_in_the_book(node: Node, crm: Crm) -> dict[str, Any]:
    """Anna under two numbers, whom a CRM knows under one, and the provider of telephone data under both; what
    people have written of her; a caller who is to be created; Bert, who is nobody's to touch."""
    await crm.join(node, create_contacts=True)
    for phone in (ANNA, BERT):
        crm.knows(phone, name=f"CRM {phone[-4:]}", notes=WORDS)
        await resolve(node, phone, deadline_ms=10_000)
    await over(node)
    body = {"name": "Anna by Hand", "notes": WORDS, "tags": ["vip"]}
    made = (await node.call("PATCH", f"/api/contacts/{ANNA}", json=body)).json()
    await node.call("PATCH", f"/api/contacts/{BERT}", json={"notes": WORDS})
    crm.instead = json_answer({"found": False})  # which is no answer to a create
    await resolve(node, SECOND, deadline_ms=10_000)
    await over(node)
    await node.call("POST", f"/api/contacts/{ANNA}/merge", json={"from": SECOND})
    found: dict[str, Any] = made
    return found


async def sealed_of_anna(node: Node) -> list[bytes]:
    """Pieces of ciphertext, hashes and words in the clear that stand in the database because of her."""
    view = await node.gateway.directory.living("acme")
    cipher = view.organization.cipher
    hashes = [cipher.person(phone) for phone in (ANNA, SECOND)]
    async with node.gateway.store.reading() as conn:
        queries = [
            select(contact_facts.c.said).where(contact_facts.c.phone.in_((ANNA, SECOND))),
            select(connector_contacts.c.contact).where(connector_contacts.c.person.in_(hashes)),
            select(connector_requests.c.record).where(connector_requests.c.person.in_(hashes)),
            select(connector_creates.c.inquiry).where(connector_creates.c.person.in_(hashes)),
            select(number_lookups.c.record).where(number_lookups.c.person.in_(hashes)),
            select(resolutions.c.answer).where(resolutions.c.person.in_(hashes)),
        ]
        found = [[bytes(one) for one in (await conn.execute(query)).scalars() if one] for query in queries]
    assert all(found), "a kind is not planted"
    sealed = [one for some in found for one in some]
    clear = [phone[1:].encode() for phone in (ANNA, SECOND)] + [b"anna by hand"]
    pieces = [blob[start : start + 48] for blob in sealed for start in range(3, len(blob) - 48, 48)]
    return [*clear, *hashes, *pieces]


@pytest.mark.proof
async def test_an_erased_contact_is_gone_from_book_answers_logs_and_files(
    any_database: str, tmp_path: Path, twilio: TwilioDouble
) -> None:
    """Also from every table. What is counted for the dial stays, and names nobody."""
    async with (
        running_node(any_database, **account(twilio)) as node,
        Receiver() as receiver,
        Receiver() as crm_receiver,
    ):
        crm = Crm(crm_receiver)
        ids = await plant(node, receiver)
        await node.send("test.call", {"from": SECOND, "words": WORDS})
        contact = await plant_in_the_book(node, crm)
        wanted = await sealed_of_anna(node)
        planted = await in_tables(node, wanted)
        assert len(set().union(*planted.values())) == len(wanted), "planted, but not found"
        counted = await erase(node, SECOND, dry_run=True)
        assert counted["numbers"] == 2
        assert counted["found"] == {
            "events": len(ids) + 1, "deliveries": 0, "contacts": 1, "answers": 2, "creates": 1, "lookups": 2,
            "requests": counted["found"]["requests"], "resolutions": 2,
        }  # fmt: skip
        assert counted["found"]["requests"] >= 3
        found = await erase(node, SECOND)
        assert found["found"] | {"deliveries": 0} == counted["found"]
        assert (await erase(node, ANNA, dry_run=True))["found"] == dict.fromkeys(found["found"], 0)
        assert await in_tables(node, wanted) == {}
        dial = {row.name for row in await rows(node, target_stats) if row.target_id == "callers:acme"}
        assert {name.partition(":")[0] for name in dial} == {"known", "not_known"}
        for key in (ANNA, SECOND, contact["id"]):
            assert (await node.call("GET", f"/api/contacts/{key}")).status_code == 404
        left = (await node.call("GET", "/api/contacts")).json()["data"]
        assert [one["phone"] for one in left] == [BERT]
        assert left[0]["notes"] == WORDS
        searched = await node.call("POST", "/api/contacts/search", json={"q": "anna"})
        assert searched.json()["data"] == []
        texts = [(await node.call("GET", path, params={"limit": 200})).text for path in LISTS]
        assert not [text for text in texts if ANNA[1:] in text or SECOND[1:] in text or "Anna" in text]
        if any_database.startswith("sqlite"):
            assert not in_files(tmp_path, wanted)
        crm.instead, twilio.instead = answer(500), lambda asked: (500, b"", {})
        again = await resolve(node, ANNA, deadline_ms=10_000)
        assert (again["status"], again["contact"]) == ("unknown", None), "somebody still knows her"
    kind = any_database.partition(":")[0]
    print(
        f"E5: a contact under 2 numbers gone, {len(wanted)} traces in {len(planted)} tables before, 0 after"
        f" ({kind})"
    )


FORGOTTEN = ("contacts", "facts", "answers", "requests", "creates", "lookups", "resolutions")


def forget_to_forget(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    async def nothing(*_: Any) -> int:
        return 0

    if kind == "contacts":
        monkeypatch.setattr("gateway.store.contacts.remove", nothing)
    elif kind == "facts":
        monkeypatch.setattr(facts, "forget", nothing)
    else:
        kinds = {**kept_of_people.KINDS, kind: replace(kept_of_people.KINDS[kind], forget=nothing)}
        monkeypatch.setattr(kept_of_people, "KINDS", kinds)


@pytest.mark.parametrize("kind", FORGOTTEN)
async def test_a_kind_that_is_forgotten_to_forget_is_found(
    sqlite_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, twilio: TwilioDouble, kind: str
) -> None:
    """The control, in the answer, in the tables, and in the files."""
    assert {*kept_of_people.KINDS, "contacts", "facts"} == set(FORGOTTEN)
    forget_to_forget(monkeypatch, kind)
    async with running_node(sqlite_database, **account(twilio)) as node, Receiver() as crm_receiver:
        await plant_in_the_book(node, Crm(crm_receiver))
        wanted = await sealed_of_anna(node)
        await erase(node, SECOND)
        if kind != "facts":
            assert (await erase(node, SECOND, dry_run=True))["found"][kind] > 0
        assert await in_tables(node, wanted)
    assert in_files(tmp_path, wanted)


@pytest.mark.proof
async def test_a_late_answer_does_not_write_an_erased_person_back(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the answer to a question that was under way, nor a create, nor what the call was told; others'
    answers count all the while. Control: without the memory of who was erased, the person is back."""
    async with running_node(any_database) as node, Receiver() as crm_receiver:
        crm, gate = Crm(crm_receiver), asyncio.Event()
        await crm.join(node, create_contacts=True)
        for phone in (ANNA, BERT):
            crm.knows(phone, name="CRM", notes=WORDS)

        async def hold(request: Received) -> None:
            await gate.wait()

        async def during(phone: str) -> list[str]:
            """Who is in the book when an answer about both was under way while `phone` was erased."""
            gate.clear()
            crm.gate = hold
            for one in (ANNA, BERT, SECOND):
                await resolve(node, one, deadline_ms=50)
            await erase(node, phone)
            gate.set()
            await settled(node)
            return [one["phone"] for one in (await node.call("GET", "/api/contacts")).json()["data"]]

        there = await during(ANNA)
        assert ANNA not in there and BERT in there
        cipher = (await node.gateway.directory.living("acme")).organization.cipher
        assert await in_tables(node, [cipher.person(ANNA), ANNA[1:].encode()]) == {}
        await erase(node, BERT)
        async with node.gateway.store.transaction() as tx:
            for table in (connector_contacts, erased_people.table):
                await tx.conn.execute(delete(table))
        monkeypatch.setattr(erased_people, "remember", _nothing)
        back = await during(ANNA)
        assert ANNA in back
        left = await in_tables(node, [cipher.person(ANNA)])
        print(
            f"E5: a late answer after an erasure wrote 0 people back ({any_database.partition(':')[0]});"
            f" control without the memory: {back.count(ANNA)}, found in {len(left)} tables"
        )


@pytest.mark.proof
async def test_a_late_lookup_does_not_write_an_erased_person_back(
    any_database: str, monkeypatch: pytest.MonkeyPatch, twilio: TwilioDouble
) -> None:
    """The provider answers after the erasure; another's answer counts. Control: a claim that the erasure
    leaves behind lets the answer in."""
    async with running_node(any_database, **account(twilio)) as node:
        cipher = (await node.gateway.directory.ensure("acme"))[0].organization.cipher

        async def during(phone: str) -> list[str]:
            """Who is in the book when the provider answers after `phone` was erased."""
            asked, twilio.gate = len(twilio.asked), threading.Event()
            for one in (phone, BERT):
                await resolve(node, one, deadline_ms=50)
            await until_now(lambda: len(twilio.asked) > asked, "the question is out", timeout=20)
            await erase(node, phone)
            twilio.gate.set()
            await over(node)
            twilio.gate = None
            return [one["phone"] for one in (await node.call("GET", "/api/contacts")).json()["data"]]

        there = await during(ANNA)
        assert ANNA not in there and BERT in there
        assert await in_tables(node, [cipher.person(ANNA), ANNA[1:].encode()]) == {}
        forget_to_forget(monkeypatch, "lookups")
        third = "+13175550177"
        back = await during(third)
        assert third in back
        print(
            f"E5: a late lookup after an erasure wrote 0 people back ({any_database.partition(':')[0]});"
            f" control, a claim that is left behind: {back.count(third)}"
        )


async def _nothing(*_: Any) -> None: ...


async def test_the_next_day_they_may_call_again(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erased_people, "SLACK_MS", 0)
    async with running_node(sqlite_database) as node, Receiver() as crm_receiver:
        crm = Crm(crm_receiver)
        await crm.join(node)
        crm.knows(ANNA, name="CRM")
        await erase(node)
        await asyncio.sleep(0.002)
        await resolve(node, ANNA)
        await settled(node)
        assert (await node.call("GET", f"/api/contacts/{ANNA}")).json()["name"] == "CRM"


@pytest.mark.parametrize(
    ("data", "own"),
    [
        ({"direction": "inbound", "from": ANNA, "to": OFFICE}, OFFICE),
        ({"direction": "outbound", "from": OFFICE, "to": ANNA}, OFFICE),
    ],
)
async def test_the_offices_own_number_is_refused(
    sqlite_database: str, data: dict[str, str], own: str
) -> None:
    async with running_node(sqlite_database) as node:
        await node.send("test.call", data)
        for dry_run in (True, False):
            body = {"phone": own, "dry_run": dry_run}
            refused = await node.call("POST", "/api/erasures", json=body)
            assert (refused.status_code, refused.json()["error"]) == (409, "own_number")
        assert (await erase(node, ANNA))["found"]["events"] == 1
        await node.send("test.call", data)
        assert (await erase(node, own, force=True))["found"]["events"] == 1


async def test_a_listed_number_is_refused_whatever_events_say(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node:
        await node.send("test.call", {"from": OFFICE})
        here = "/api/organizations/acme"
        await node.call("PATCH", here, json={"own_numbers": [OFFICE]})
        for more in ({}, {"force": True}, {"dry_run": True}):
            refused = await node.call("POST", "/api/erasures", json={"phone": OFFICE, **more})
            assert (refused.status_code, refused.json()["error"]) == (409, "own_number")
        await node.call("PATCH", here, json={"own_numbers": None})
        assert (await erase(node, OFFICE))["found"]["events"] == 1


async def test_contact_erased_is_told(sqlite_database: str) -> None:
    async with running_node(sqlite_database) as node, Receiver() as receiver:
        await node.webhook(receiver.url(), ["contact.erased"])
        await node.send("test.call", {"from": ANNA})
        found = await erase(node)
        [request] = await receiver.wait_for(1)
        body = request.json()
        assert (body["type"], body["data"]["id"]) == ("contact.erased", found["id"])
        assert ANNA[1:] not in request.body.decode()


@pytest.mark.parametrize(
    "phone", ["3175550142", "+", "+1", "+0123456789", "tel:+13175550142", "+1317555014٢"]
)
async def test_only_a_whole_number_is_taken(sqlite_database: str, phone: str) -> None:
    async with running_node(sqlite_database) as node:
        answered = await node.call("POST", "/api/erasures", json={"phone": phone})
        assert (answered.status_code, answered.json()["details"][0]["field"]) == (422, "phone")


@pytest.mark.proof
async def test_an_erased_organization_is_gone_for_good(any_database: str, tmp_path: Path) -> None:
    async with running_node(any_database) as node, Receiver() as receiver:
        ids = await plant(node, receiver)
        wanted = await traces(node, ids)
        key = await node.new_key("admin")
        await node.call("GET", f"/api/events/{ids[0]}", key=key)
        await node.webhook("https://example.com/")
        other = await node.call("POST", "/api/events", json={"type": "a.b", "data": {}}, org="other")
        assert (await node.call("DELETE", "/api/organizations/acme", key=key)).status_code == 204
        assert (await node.call("GET", "/api/events", key=key)).status_code == 401, "its key still works"
        for method, path, body in (
            ("GET", "/api/events", None), ("GET", f"/api/events/{ids[0]}", None),
            ("POST", "/api/events", {"type": "a.b", "data": {}}),
            ("POST", "/api/webhooks", {"url": "https://example.com/", "events": ["*"]}),
            ("DELETE", "/api/organizations/acme", None), ("GET", "/api/organizations/acme", None),
        ):  # fmt: skip
            assert (await node.call(method, path, json=body)).status_code == 410, path
        removed = await node.gateway.services.removal.finish_organizations()
        assert removed > 3 * PEOPLE
        await node.gateway.services.removal.clean_log()
        assert await left_of(node, "acme") == {}
        assert await node.gateway.services.removal.finish_organizations() == 0
        assert (await node.call("GET", f"/api/events/{other.json()['id']}", org="other")).status_code == 200
        log = (await node.call("GET", "/api/audit", org="*")).json()["data"]
        assert [(e["org_id"], e["action"], e["object_id"]) for e in log if e["org_id"] == "*"] == [
            ("*", "eraseOrganization", "acme")
        ]
        listed = (await node.call("GET", "/api/organizations")).json()["data"]
        assert {org["id"]: org["erased_at"] is not None for org in listed} == {"acme": True, "other": False}
    if any_database.startswith("sqlite"):
        assert in_files(Path(any_database.removeprefix("sqlite:///")).parent, wanted) == []
    print(f"E5: an organization erased, {removed} rows removed ({any_database.partition(':')[0]})")


async def left_of(node: Node, org_id: str) -> dict[str, int]:
    """How many rows there are of an organization, by table."""
    found = {}
    async with node.gateway.store.reading() as conn:
        for table in metadata.sorted_tables:
            if "org_id" in table.c:
                query = select(func.count()).select_from(table).where(table.c.org_id == org_id)
                count = (await conn.execute(query)).scalar_one()
                if count:
                    found[table.name] = count
    return found


async def test_removing_an_organization_goes_on_after_a_restart(
    any_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manage.removal.BATCH", 3)
    monkeypatch.setattr("gateway.manage.removal.EVERY_SECONDS", 3600.0)
    async with running_node(any_database) as node, Receiver() as receiver:
        await plant(node, receiver)
        await node.call("DELETE", "/api/organizations/acme")
        before = await left_of(node, "acme")
        assert before["deliveries"] == PEOPLE
    async with running_node(any_database) as node:

        async def gone() -> bool:
            return await left_of(node, "acme") == {}

        await until(gone, "nothing is left")


@pytest.mark.parametrize("erased", ["person", "organization"])
async def test_the_platform_hears_nothing_more_of_what_was_erased(any_database: str, erased: str) -> None:
    """Of a delivery that was on the wire, of some that wait in memory, of one that waits for a retry."""
    arrived, may_answer = asyncio.Event(), asyncio.Event()

    async def slowly(wire: Wire, request: Received) -> bool:
        arrived.set()
        await may_answer.wait()
        return await answer(500, body=request.body)(wire, request)

    async with running_node(any_database) as node, Receiver() as receiver:
        receiver.behave(slowly)
        ear = {"url": receiver.url(), "events": ["test.call"], "retry_schedule": [1]}
        made = await node.call("POST", "/api/platform/webhooks", org=None, json=ear)
        path = f"/api/platform/webhooks/{made.json()['id']}/deliveries"
        for _ in range(3):
            await node.send("test.call", {"from": ANNA, "words": WORDS})
        await arrived.wait()
        if erased == "person":
            await erase(node)
        else:
            assert (await node.call("DELETE", "/api/organizations/acme")).status_code == 204
        may_answer.set()
        receiver.respond(200)
        other = {"type": "test.call", "data": {"from": BERT}}
        await node.call("POST", "/api/events", json=other, org="other")

        async def over() -> bool:
            rows = (await node.call("GET", path, org=None)).json()["data"]
            return len(rows) == 4 and all(row["status"] not in ("pending", "in_flight") for row in rows)

        await until(over, "nothing is pending")
        bodies = [request.body for request in await receiver.wait_for(2)]
        assert sum(WORDS.encode() in body for body in bodies) == 1, "sent after it was erased"
        rows = (await node.call("GET", path, org=None)).json()["data"]
        assert [row["status"] for row in rows if row["org_id"] == "*"].count("delivered") == 1
        for row in rows:
            shown = await node.call("GET", f"/api/deliveries/{row['id']}", org="*")
            assert shown.status_code == 200, shown.text
        if erased == "organization":
            await node.gateway.services.removal.finish_organizations()
            [left] = (await node.call("GET", path, org=None)).json()["data"]
            assert left["status"] == "delivered"
            async with node.gateway.store.looking_up() as conn:
                kept = set((await conn.execute(select(attempts.c.delivery_id))).scalars())
            assert kept == {left["id"]}, "what a receiver said of the others"
        shown = await node.call("GET", f"/api/deliveries/{rows[-1]['id']}", org="*")
        assert WORDS not in shown.text
