"""The gateway's own events are told exactly once, also when the gateway dies between what happens and the
telling: both are one transaction."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.receiver import Receiver
from tests.support.under_load import Stage, open_stage

pytestmark = [pytest.mark.proof, pytest.mark.anyio]

KINDS = ["sqlite", "postgresql"]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


async def add_ear(stage: Stage, *types: str) -> None:
    body = stage.webhook("/ear") | {"events": list(types)}
    answer = await stage.call("POST", "/api/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    stage.sink.trust("/ear", answer.json()["secret"])


async def events_of(stage: Stage, type_: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await stage.call("GET", f"/api/events?type={type_}")).json()["data"]
    return found


def heard(stage: Stage) -> set[str]:
    """The ids of the events that the ear has heard of."""
    return {receipt.event_id for receipts in stage.sink.accepted.values() for receipt in receipts}


async def told(stage: Stage, type_: str) -> tuple[int, int]:
    """How many events of the type there are, and how many of them have arrived."""
    made = {event["id"] for event in await events_of(stage, type_)}
    await stage.sink.wait_until(lambda: made <= heard(stage), timeout=20)
    return len(made), len(heard(stage))


@pytest.mark.parametrize("when", ["before_commit", "after_commit"])
@pytest.mark.parametrize("kind", KINDS)
async def test_death_while_a_webhook_is_made(kind: str, when: str, tmp_path: Path) -> None:
    async with open_stage(kind, tmp_path, rate=None, count=1) as stage:
        await stage.start(kill_at=f"webhook.{when}:2")
        await add_ear(stage, "webhook.created")
        with pytest.raises(httpx.TransportError):
            await stage.call("POST", "/api/webhooks", json=stage.webhook("/second"))
        await stage.died()
        await stage.end_leases()
        await stage.start()
        made = len((await stage.call("GET", "/api/webhooks")).json()["data"]) - 1
        assert made == (when == "after_commit")
        assert await told(stage, "webhook.created") == (made, made)
        print(f"own events ({kind}, webhook.{when}): {made} webhook made, told of {made} times")
        await stage.crash()


async def disabled_and_told(
    kind: str, place: str, directory: Path, broken_as: str | None = None
) -> tuple[bool, int, int]:
    """A webhook is disabled by a 410, the gateway dies at the place and comes back: whether it is disabled,
    how many events there are of that, and how many have arrived."""
    async with Receiver() as receiver, open_stage(kind, directory, rate=None, count=1) as stage:
        receiver.respond(410)
        await stage.start(kill_at=place, broken_as=broken_as)
        await add_ear(stage, "webhook.disabled")
        body = {"url": receiver.url(), "events": ["a.b"]}
        hook = (await stage.call("POST", "/api/webhooks", json=body)).json()
        await stage.call("POST", "/api/events", json={"type": "a.b", "data": {}})
        await stage.died()
        await stage.end_leases()
        await stage.start()
        await receiver.wait_for(1 if place.startswith("attempt") else 2, timeout=20)
        disabled = await _until_disabled(stage, hook["id"])
        return disabled, *await told(stage, "webhook.disabled")


async def _until_disabled(stage: Stage, webhook_id: str) -> bool:
    async with asyncio.timeout(20):
        while True:
            seen = (await stage.call("GET", f"/api/webhooks/{webhook_id}")).json()
            if seen["disabled_reason"] == "gone":
                return True
            await asyncio.sleep(0.05)


PLACES = ["record.before_update:1", "record.after_update:1", "attempt.after_record:1"]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_death_while_a_webhook_is_disabled(kind: str, place: str, tmp_path: Path) -> None:
    assert await disabled_and_told(kind, place, tmp_path) == (True, 1, 1)
    print(f"own events ({kind}, {place}): disabled once, told once")


async def test_telling_in_a_transaction_of_its_own_is_found(tmp_path: Path) -> None:
    """The control."""
    found = await disabled_and_told("sqlite", "attempt.after_record:1", tmp_path, "tells_later")
    assert found == (True, 0, 0), "nobody hears of it any more"
