"""Proof E5: an erased person, and an erased organization, are gone: from the API, from what is still to be
sent, and from the raw files of the database.

Payloads are encrypted, so the files are searched for the ciphertext as it stood there before, and for what
stands there in the clear: keys that a client made of the number, and the hash in the index of people.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from gateway.manage import erasures
from gateway.store import engine
from gateway.store.engine import Database
from gateway.store.tables import attempts, deliveries, event_people, events, metadata
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire, answer

pytestmark = pytest.mark.anyio

ANNA = "+13175550142"
BERT = "+13175550199"
WORDS = "my-words-on-the-phone"
PEOPLE = 20


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
