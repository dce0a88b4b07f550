"""Proofs E2 and E3: ciphertext opens nowhere but where it was sealed; planted secrets are found nowhere."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from gateway.store.cipher import Cipher
from tests.support.node import Node, running_node
from tests.support.receiver import Received, Receiver, Wire, answer

pytestmark = pytest.mark.anyio

WORDS = "words-of-a-call"


async def delivered(node: Node, count: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(20):
        while True:
            rows = await node.deliveries()
            if len(rows) == count and all(row["status"] == "delivered" for row in rows):
                return rows
            await asyncio.sleep(0.02)


MOVES = {
    "another row": "UPDATE events SET payload = (SELECT e.payload FROM events AS e WHERE e.id = :other)"
    " WHERE id = :one",
    "another organization": "UPDATE events SET org_id = 'globex' WHERE id = :one",
    "another field": "UPDATE events SET payload = (SELECT max(record) FROM attempts) WHERE id = :one",
}


async def opens(database: str, move: str) -> bool:
    """Whether words of a call are still shown after what is stored was moved."""
    async with running_node(database) as node, Receiver() as receiver:
        await node.webhook(receiver.url())
        one = await node.send(data={"words": f"{WORDS}-1"})
        other = await node.send(data={"words": f"{WORDS}-2"})
        await node.call("POST", "/api/events", json={"type": "a.b", "data": {}}, org="globex")
        await delivered(node, 2)
        async with node.gateway.store.transaction() as tx:
            values = {"one": one["id"], "other": other["id"]}
            statement = text(MOVES[move])
            names = statement.compile().params
            await tx.conn.execute(statement, {name: values[name] for name in names})
        org = "globex" if "organization" in move else "acme"
        shown = await node.call("GET", f"/api/events/{one['id']}", org=org)
        assert (shown.status_code == 200) == (WORDS in shown.text)
        return WORDS in shown.text


@pytest.mark.proof
@pytest.mark.parametrize("move", MOVES)
async def test_ciphertext_that_was_moved_does_not_open(any_database: str, move: str) -> None:
    assert not await opens(any_database, move)
    print(f"E2: moved to {move}, a payload does not open through the API")


async def test_ciphertext_that_is_bound_to_nothing_opens_elsewhere(
    sqlite_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(Cipher, "_bind", lambda self, row, field: b"")
    assert await opens(sqlite_database, "another row")


PLANTED = 50


async def plant(node: Node, receiver: Receiver) -> list[str]:
    """Secrets, header values and transcripts, each of its own kind; a receiver that repeats all it hears."""

    async def echo(wire: Wire, request: Received) -> bool:
        said = "\n".join(f"{name}: {value}" for name, value in request.headers).encode() + request.body
        return await answer(200, headers=[("X-Echo", request.header("X-Token") or "")], body=said)(
            wire, request
        )

    receiver.behave(echo)
    planted = []
    for number in range(PLANTED // 5):
        token = f"token-{number}-kept-from-everybody"
        address = f"path-{number}-nobody-knows"
        hook = await node.webhook(
            receiver.url(f"/{address}"), [f"kind.n{number}"], headers={"X-Token": token}
        )
        phone = f"+1317555{number:04}"
        transcript = f"transcript-{number}-of-a-call"
        await node.send(f"kind.n{number}", {"from": phone, "transcript": transcript})
        planted += [token, address, hook["secret"], phone, transcript]
    return planted


async def everywhere(node: Node, directory: Path, log: str) -> dict[str, bytes]:
    """Where a secret must not be: files, log, metrics, error pages."""
    found = {path.name: path.read_bytes() for path in directory.glob("gateway.db*") if path.is_file()}
    found["log"] = log.encode()
    found["metrics"] = (await node.http.get("/metrics")).content
    for number, (method, path, body) in enumerate(
        (
            ("GET", "/api/events/evt_none", None),
            ("POST", "/api/webhooks", {"url": 5}),
            ("PUT", "/api/keys", {}),
        )
    ):
        found[f"error page {number}"] = (await node.call(method, path, json=body)).content
    return found


@pytest.mark.proof
async def test_planted_secrets_are_found_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "gateway"):
        planted, places = await planted_and_places(tmp_path, caplog)
    assert len(planted) == PLANTED
    leaks = [(place, one) for place, content in places.items() for one in planted if one.encode() in content]
    assert leaks == []
    print(
        f"E3: {PLANTED} planted secrets, numbers and transcripts, echoed by receivers:"
        f" in none of {len(places)} places"
    )


async def planted_and_places(
    directory: Path, caplog: pytest.LogCaptureFixture
) -> tuple[list[str], dict[str, bytes]]:
    async with running_node(f"sqlite:///{directory / 'gateway.db'}") as node, Receiver() as receiver:
        planted = await plant(node, receiver)
        rows = await delivered(node, PLANTED // 5)
        echoed = [(await node.delivery(row["id"]))["attempts"][0]["response_body"] for row in rows]
        assert all("transcript-" in body for body in echoed)
        assert not [
            body for body in echoed for one in planted if one.startswith(("token", "whsec")) and one in body
        ]
        said = "\n".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        return planted, await everywhere(node, directory, said)


async def test_what_is_stored_in_the_clear_is_found(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: a cipher that does nothing."""
    monkeypatch.setattr(Cipher, "seal", lambda self, row, field, plaintext: self._prefix + plaintext)
    monkeypatch.setattr(Cipher, "open", lambda self, row, field, sealed: sealed[3:])
    planted, places = await planted_and_places(tmp_path, caplog)
    stored = b"".join(content for name, content in places.items() if name.startswith("gateway.db"))
    assert sum(one.encode() in stored for one in planted) == PLANTED
