"""The same call told many times at once, to several processes, and across a crash: one activity."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from connectors.kit.claims import Claims
from connectors.kit.trial import Trial
from tests.connectors import file_crm
from tests.connectors.file_crm import FileCrm, activities
from tests.connectors.process import ConnectorProcess

pytestmark = [pytest.mark.proof, pytest.mark.anyio]

AT_ONCE = 10


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30, trust_env=False) as made:
        yield made


def connector(directory: Path, **settings: str) -> ConnectorProcess:
    ledger = str(directory / "ledger.db")
    file = str(directory / "crm.jsonl")
    return ConnectorProcess(file_crm.__file__, directory, "--ledger", ledger, FILE_CRM=file, **settings)


def told(call_id: str, revision: int = 1) -> bytes:
    return json.dumps({"call": {"id": call_id, "revision": revision}, "contact": None}).encode()


async def tell_many(
    client: httpx.AsyncClient, processes: list[ConnectorProcess], calls: list[str]
) -> dict[str, set[str]]:
    """Each call ten times at once, spread over the processes; which activities were answered."""
    answered: dict[str, set[str]] = {call_id: set() for call_id in calls}

    async def tell(call_id: str, process: ConnectorProcess) -> None:
        answer = await process.send(client, "call.sync", told(call_id))
        assert answer.status_code == 200, answer.text
        answered[call_id].add(answer.json()["activity_id"])

    for group in (calls[first : first + 5] for first in range(0, len(calls), 5)):  # httpx is slow over 50
        await asyncio.gather(
            *(tell(call_id, processes[n % len(processes)]) for n in range(AT_ONCE) for call_id in group)
        )
    return answered


async def prove(client: httpx.AsyncClient, directory: Path, calls: list[str]) -> None:
    file = directory / "crm.jsonl"
    with connector(directory) as first, connector(directory) as second:
        answered = await tell_many(client, [first, second], calls)
        assert answered == activities(file)
        assert {len(found) for found in answered.values()} == {1}
        for call_id in calls:
            late = await second.send(client, "call.sync", told(call_id, 3))
            older = await first.send(client, "call.sync", told(call_id, 2))
            assert {late.json()["activity_id"], older.json()["activity_id"]} == answered[call_id]
    told_at_last = {line["call"]: line["revision"] for line in file_crm.lines(file)}
    assert told_at_last == dict.fromkeys(calls, 3)
    print(
        f"{len(calls)} calls, each told {AT_ONCE} times at once to 2 processes, then later and older: "
        f"{sum(map(len, activities(file).values()))} activities, {len(file_crm.lines(file))} writes"
    )


async def test_ten_times_at_once_over_two_processes(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await prove(client, tmp_path, [f"call_{n}" for n in range(5)])


@pytest.mark.long
async def test_ten_times_at_once_long(client: httpx.AsyncClient, tmp_path: Path) -> None:
    await prove(client, tmp_path, [f"call_{n}" for n in range(100)])


@pytest.mark.parametrize("claims", ["held", "not held"])
async def test_without_claims_there_would_be_many(
    claims: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: two ledgers on one file, with claims and with none."""
    if claims == "not held":
        monkeypatch.setattr(Claims, "hold", lambda self, name: contextlib.nullcontext())
    file = tmp_path / "crm.jsonl"
    values = {"FILE_CRM": str(file), "FILE_CRM_DIES": "", "FILE_CRM_SEARCHES": "yes"}
    async with (
        Trial(FileCrm(values), tmp_path / "l.db") as one,
        Trial(FileCrm(values), tmp_path / "l.db") as two,
    ):
        await asyncio.gather(*((one, two)[n % 2].log_call({"id": "call_1"}) for n in range(AT_ONCE)))
    made = len(activities(file)["call_1"])
    print(f"claims {claims}: {AT_ONCE} times at once made {made}")
    assert (made == 1) == (claims == "held")


@pytest.mark.parametrize("searches", ["yes", "no"])
async def test_a_crash_between_the_crms_answer_and_the_ledger(
    client: httpx.AsyncClient, tmp_path: Path, searches: str
) -> None:
    """Where the CRM can be asked for a call, nothing is doubled; the control is one that cannot."""
    with connector(tmp_path, FILE_CRM_DIES="yes", FILE_CRM_SEARCHES=searches) as process:
        with pytest.raises(httpx.TransportError):
            await process.send(client, "call.sync", told("call_1"))
        assert process.process.wait(timeout=30) == 9
    with connector(tmp_path, FILE_CRM_SEARCHES=searches) as process:
        answer = await process.send(client, "call.sync", told("call_1"))
    made = activities(tmp_path / "crm.jsonl")["call_1"]
    assert answer.json()["activity_id"] in made
    print(f"a crash before the ledger knew, find_call {searches}: {len(made)} activities")
    assert len(made) == (1 if searches == "yes" else 2)
