"""Proof A2: a gateway that dies at any named place of its code leaves nothing lost and nothing half done.

Each case starts a gateway that ends itself with SIGKILL when it comes to the place (`gateway.checkpoints`),
drives it there, starts it again without the killer and asks the oracle. Every event goes to three webhooks.
The quick form does that once for each place, on one database and the other in turn; the long form twenty
times on both, at another time of coming there each time.
"""

from __future__ import annotations

import asyncio
import base64
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

import gateway
from gateway.checkpoints import PLACES
from tests.support.backfilling import filled_through_a_death
from tests.support.node import MASTER_KEY
from tests.support.oracle import Verdict
from tests.support.redelivery import through_a_death
from tests.support.under_load import Stage, open_stage

pytestmark = pytest.mark.proof

FAN_OUT = 3
DEATHS = 20
KINDS = ["sqlite", "postgresql"]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    return "asyncio", {"use_uvloop": True}


async def _events(stage: Stage) -> None:
    """Events until it dies; afterwards the rest of them, and again those that may be repeated."""
    stage.load.start()
    await stage.died()


async def _retries(stage: Stage) -> None:
    """The first attempts fail, so that their deliveries are claimed from the database when they fall due."""
    stage.sink.fail_next(20)
    stage.load.start()
    await stage.died()
    assert stage.load.acknowledged, "it died before it had anything to claim"
    assert stage.sink.refused, "nothing had failed"


async def _refused(stage: Stage) -> None:
    """Receivers that know the new secret only, when the old one still leads: each asks for a second exchange
    until it has accepted one."""
    for hook in (await stage.call("GET", "/api/webhooks")).json()["data"]:
        answer = await stage.call("POST", f"/api/webhooks/{hook['id']}/rotate-secret")
        stage.sink.trust(urlsplit(hook["url"]).path, answer.json()["secret"])
    stage.sink.expects_refusals = True
    stage.load.start()
    await stage.died()
    assert stage.sink.refused, "nobody had refused"


async def _stop(stage: Stage) -> None:
    """SIGTERM while the receiver is slow, so that there is something in memory to give back."""
    stage.load.start()
    await stage.sink.wait_until(lambda: stage.sink.received > 20, timeout=20)
    stage.sink.hold()
    await stage.load.finish()
    await stage.terminate()
    stage.sink.release()
    await stage.died()
    assert stage.deaths[-1].in_flight, "there was nothing to give back"


# How to come to a place; which time of coming there is the last in the quick form, late enough to leave work
# of every kind; and between which ones it is in the long form.
DRIVES: dict[str, tuple[Callable[[Stage], Awaitable[None]], int, tuple[int, int]]] = {
    "accept.before_insert": (_events, 6, (1, 10)),
    "accept.after_events": (_events, 6, (1, 10)),
    "accept.before_commit": (_events, 6, (1, 10)),
    "accept.after_commit": (_events, 6, (1, 10)),
    "attempt.before_send": (_events, 40, (1, 300)),
    "attempt.after_send": (_events, 40, (1, 300)),
    "attempt.between_exchanges": (_refused, 2, (1, FAN_OUT)),
    "attempt.before_record": (_events, 40, (1, 300)),
    "record.before_update": (_events, 8, (1, 8)),
    "record.after_update": (_events, 8, (1, 8)),
    "attempt.after_record": (_events, 40, (1, 300)),
    "claim.before_commit": (_retries, 2, (2, 4)),  # the first is the look at the start, which finds nothing
    "claim.after_commit": (_retries, 2, (2, 4)),
    "stop.before_return": (_stop, 1, (1, 1)),
}
OTHERS = {
    "key.before_commit", "key.after_commit", "webhook.before_commit", "webhook.after_commit",
    "job.before_commit", "job.after_commit", "lookup.before_keep",
    "rotation.before_commit", "rotation.after_commit", "migrate.before_commit", "rewrap.before_commit",
}  # fmt: skip


def test_every_place_is_in_the_code_and_has_a_case() -> None:
    package = Path(gateway.__file__).parent
    calls = re.findall(r'reached\("([^"]+)"\)', "\n".join(p.read_text() for p in package.rglob("*.py")))
    assert set(calls) == set(PLACES) == set(DRIVES) | OTHERS
    assert len(PLACES) >= 12


IN_TURN = [(KINDS[number % len(KINDS)], place) for number, place in enumerate(DRIVES)]
WHEN_IN_TURN = list(zip(KINDS, ["before_commit", "after_commit"], strict=True))


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "place"), IN_TURN)
async def test_death_on_the_way_of_an_event(kind: str, place: str, tmp_path: Path) -> None:
    _, nth, _ = DRIVES[place]
    print(f"A2 {kind} {place}: {await _on_the_way(kind, place, nth, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "when"), WHEN_IN_TURN)
async def test_death_while_a_webhook_is_made(kind: str, when: str, tmp_path: Path) -> None:
    print(f"A2 {kind} webhook.{when}: {await _webhook(kind, when, FAN_OUT, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "when"), WHEN_IN_TURN)
async def test_death_while_a_key_is_made(kind: str, when: str, tmp_path: Path) -> None:
    print(f"A2 {kind} key.{when}: {await _key(kind, when, 1, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "when"), WHEN_IN_TURN)
async def test_death_while_a_job_is_worked_on(kind: str, when: str, tmp_path: Path) -> None:
    print(f"A2 {kind} job.{when}: {await _job(kind, when, 3, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_death_while_numbers_are_asked_for(kind: str, tmp_path: Path) -> None:
    death = await filled_through_a_death(kind, tmp_path, "lookup.before_keep:12", count=14)
    death.check()
    print(f"A2 {kind} lookup.before_keep: {death}")


@pytest.mark.anyio
async def test_numbers_that_are_asked_for_again_are_found(tmp_path: Path) -> None:
    """The control: whoever takes over asks again for what the dead one has asked for."""
    death = await filled_through_a_death(
        "sqlite", tmp_path, "lookup.before_keep:2", count=4, taken_over_as="asks_again"
    )
    print(f"A2 control, what was asked for is forgotten: {len(death.twice)} asked for twice")
    assert death.twice


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "when"), WHEN_IN_TURN)
async def test_death_while_a_secret_is_rotated(kind: str, when: str, tmp_path: Path) -> None:
    print(f"A2 {kind} rotation.{when}: {await _rotation(kind, when, 1, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize("kind", KINDS)
async def test_death_while_the_database_is_migrated(kind: str, tmp_path: Path) -> None:
    print(f"A2 {kind} migrate.before_commit: {await _migration(kind, tmp_path)}")


@pytest.mark.anyio
@pytest.mark.parametrize(("kind", "nth"), [("sqlite", 3), ("postgresql", 2)])
async def test_death_while_the_master_key_changes(kind: str, nth: int, tmp_path: Path) -> None:
    print(f"E2 {kind} rewrap.before_commit:{nth}: {await _rewrap(kind, nth, tmp_path)}")


@pytest.mark.long
@pytest.mark.anyio
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("kind", KINDS)
async def test_twenty_deaths_at_each_place(kind: str, place: str, tmp_path: Path) -> None:
    chance = random.Random(f"20261120 {kind} {place}")
    deaths = []
    for number in range(DEATHS):
        directory = tmp_path / str(number)
        directory.mkdir()
        deaths.append(await _once(kind, place, chance, number, directory))
    visits = sorted(visit for visit, _ in deaths)
    total = _sum([verdict for _, verdict in deaths])
    print(f"A2 {kind} {place}: {len(deaths)} deaths at visits {visits[0]} to {visits[-1]}, {total}")


async def _once(
    kind: str, place: str, chance: random.Random, seed: int, directory: Path
) -> tuple[int, Verdict]:
    """One death there, at a visit chosen by chance; returns the visit too."""
    noun, when = place.split(".")
    match noun:
        case "webhook":
            nth = chance.randint(1, 5)
            return nth, await _webhook(kind, when, nth, directory)
        case "key":
            nth = chance.randint(1, 5)
            return nth, await _key(kind, when, nth, directory)
        case "job":
            nth = chance.randint(1, 5)
            return nth, await _job(kind, when, nth, directory)
        case "lookup":
            nth = chance.randint(1, 20)
            return nth, await _backfill(kind, place, nth, directory)
        case "rotation":
            nth = chance.randint(1, 5)
            return nth, await _rotation(kind, when, nth, directory)
        case "migrate":
            return 1, await _migration(kind, directory)
        case "rewrap":
            nth = chance.randint(1, 4)
            return nth, await _rewrap(kind, nth, directory)
    nth = chance.randint(*DRIVES[place][2])
    return nth, await _on_the_way(kind, place, nth, directory, seed=seed)


def _sum(verdicts: list[Verdict]) -> Verdict:
    """Verdicts that have passed, as one: only their counts are left to tell."""
    total = Verdict()
    for verdict in verdicts:
        total.acknowledged += verdict.acknowledged
        total.received += verdict.received
        total.duplicates += verdict.duplicates
        total.in_flight_at_crashes += verdict.in_flight_at_crashes
    return total


async def _on_the_way(kind: str, place: str, nth: int, directory: Path, *, seed: int = 1) -> Verdict:
    drive, _, _ = DRIVES[place]
    # A request that died with the gateway is sent again if it can be: always where accepting is the matter.
    share = 1.0 if place.startswith("accept") else 1 / 3
    async with open_stage(
        kind, directory, rate=None, count=120, connections=6, repeatable=share, seed=seed
    ) as stage:
        await stage.start(kill_at=f"{place}:{nth}")
        await stage.add_webhooks(FAN_OUT)
        await drive(stage)
        await stage.end_leases()
        await stage.start()
        return await _check(stage)


async def _webhook(kind: str, when: str, nth: int, directory: Path) -> Verdict:
    """Made or not, never half; the same request again makes it exactly once, with a secret that works."""
    async with open_stage(kind, directory, rate=None, count=20) as stage:
        await stage.start(kill_at=f"webhook.{when}:{nth}")
        await stage.add_webhooks(nth - 1)
        made = await _die_of_posting(stage, "/api/webhooks", stage.webhook("/last"))
        assert made == nth - (when == "before_commit")
        again = await _repeat(stage, "/api/webhooks", stage.webhook("/last"))
        assert await _count(stage, "/api/webhooks") == nth
        stage.sink.trust("/last", again["secret"])
        stage.load.start()
        verdict = await _check(stage)
        assert {accepted.deliveries for accepted in stage.load.acknowledged.values()} == {nth}
        return verdict


async def _key(kind: str, when: str, nth: int, directory: Path) -> Verdict:
    """Made or not; the same request again gives exactly one key, and it works."""
    body = {"platform": True, "scopes": ["events:write"]}
    async with open_stage(kind, directory, rate=None, count=20) as stage:
        await stage.start(kill_at=f"key.{when}:{nth}")
        await stage.add_webhooks(FAN_OUT)
        for _ in range(nth - 1):
            assert (await stage.call("POST", "/api/keys", json=body)).status_code == 201
        made = await _die_of_posting(stage, "/api/keys", body)
        assert made == nth + 1 - (when == "before_commit")  # and the one that makes them
        again = await _repeat(stage, "/api/keys", body)
        assert await _count(stage, "/api/keys") == nth + 1
        answer = await stage.call(
            "POST", "/api/events", json={"type": "load.tick"},
            headers={"Authorization": f"Bearer {again['key']}"},
        )  # fmt: skip
        assert answer.status_code == 422, "the key is known: only the missing data is complained of"
        stage.load.start()
        return await _check(stage)


async def _job(kind: str, when: str, nth: int, directory: Path) -> Verdict:
    """The part of the job is done or not, never half; the rest of it follows."""
    outcome = await through_a_death(kind, directory, f"job.{when}:{nth}", count=500)
    outcome.check()
    assert outcome.done_at_death == 100 * (nth - (when == "before_commit"))
    return outcome.verdict()


async def _backfill(kind: str, place: str, nth: int, directory: Path) -> Verdict:
    """A number is asked for once, whether its answer was written down or not."""
    death = await filled_through_a_death(kind, directory, f"{place}:{nth}", count=20)
    death.check()
    return Verdict(acknowledged=death.count, received=death.count)


async def _rotation(kind: str, when: str, nth: int, directory: Path) -> Verdict:
    """Rotated or not, never half: under load the old secret goes on being accepted, and the same request
    again gives exactly one new secret, which is accepted too."""
    async with open_stage(kind, directory, rate=100, count=80, connections=4) as stage:
        await stage.start(kill_at=f"rotation.{when}:{nth}")
        await stage.add_webhooks(FAN_OUT)
        [hook, *_] = (await stage.call("GET", "/api/webhooks", params={"order": "asc"})).json()["data"]
        path = f"/api/webhooks/{hook['id']}/rotate-secret"
        stage.load.start()
        for _ in range(nth - 1):  # the old secret leads: what the sink knows stays good
            assert (await stage.call("POST", path, json={"force": True})).status_code == 200
        with pytest.raises(httpx.TransportError):
            await stage.call("POST", path, json={"force": True}, headers={"Idempotency-Key": "once"})
        await stage.died()
        await stage.end_leases()
        await stage.start()
        found = (await stage.call("GET", f"/api/webhooks/{hook['id']}")).json()
        assert (found["rotation"] is None) is (when == "before_commit" and nth == 1)
        again = await stage.call("POST", path, json={"force": True}, headers={"Idempotency-Key": "once"})
        assert again.status_code == 200, again.text
        assert ("Idempotent-Replayed" in again.headers) is (when == "after_commit")
        stage.sink.expects_refusals = True
        stage.sink.trust("/hook-0", again.json()["secret"])
        return await _check(stage)


async def _migration(kind: str, directory: Path) -> Verdict:
    async with open_stage(kind, directory, rate=None, count=20, migrated=False) as stage:
        with pytest.raises(AssertionError, match="did not start"):
            await stage.start(kill_at="migrate.before_commit:1")
        assert await stage.tables() == set(), "half a schema"
        await stage.start()
        await stage.make_key_beside_gateway()
        await stage.add_webhooks(FAN_OUT)
        stage.load.start()
        return await _check(stage)


ORGANIZATIONS = 50
NEW_KEY = base64.b64encode(b"n" * 32).decode()


async def _rewrap(kind: str, nth: int, directory: Path) -> Verdict:
    """The master key changes under load. While data keys need the old one, no start without it; when the
    change has gone on to its end, everything is readable without it."""
    async with open_stage(kind, directory, rate=None, count=60) as stage:
        await stage.start()
        await stage.add_webhooks(FAN_OUT)
        made = [await _webhook_of(stage, f"org{number}") for number in range(ORGANIZATIONS)]
        await stage.stop()
        stage.settings["master_key"] = f"{NEW_KEY},{MASTER_KEY}"
        await stage.start(kill_at=f"rewrap.before_commit:{nth}")
        stage.load.start()
        await stage.died()
        if nth < 4:  # at the fourth all data keys are rewrapped
            stage.settings["master_key"] = NEW_KEY
            told = (
                "the master key is not the one" if nth == 1 else "still wrapped by a master key that is not"
            )
            with pytest.raises(AssertionError, match=told):
                await stage.start()
            stage.settings["master_key"] = f"{NEW_KEY},{MASTER_KEY}"
        await stage.end_leases()
        await stage.start()
        if nth < 4:
            await _rewrapped(stage)
        await stage.crash()
        stage.settings["master_key"] = NEW_KEY
        await stage.end_leases()
        await stage.start()
        for number, webhook in enumerate(made):
            answer = await stage.call(
                "GET", f"/api/webhooks/{webhook}", headers={"X-HUM-Org": f"org{number}"}
            )
            assert answer.json()["url"] == f"https://example.com/org{number}", answer.text
        return await _check(stage)


async def _webhook_of(stage: Stage, org: str) -> str:
    body = {"url": f"https://example.com/{org}", "events": ["never.sent"]}
    answer = await stage.call("POST", "/api/webhooks", json=body, headers={"X-HUM-Org": org})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def _rewrapped(stage: Stage) -> None:
    assert stage.process is not None
    async with asyncio.timeout(10):
        while "data keys rewrapped" not in stage.process.log.read_text():
            await asyncio.sleep(0.05)


@pytest.mark.anyio
async def test_control_events_before_their_deliveries_are_found_half(tmp_path: Path) -> None:
    async with open_stage("sqlite", tmp_path, rate=None, count=40) as stage:
        await stage.start(broken_as="events_first", kill_at="accept.after_events:1")
        await stage.add_webhooks(FAN_OUT)
        stage.load.start()
        await stage.died()
        verdict = await stage.verdict()
    print(f"A2 control, events committed first: {verdict}")
    assert verdict.halved


@pytest.mark.anyio
async def test_control_recording_before_sending_is_found_lost(tmp_path: Path) -> None:
    async with open_stage("sqlite", tmp_path, rate=None, count=40) as stage:
        await stage.start(broken_as="records_first", kill_at="attempt.after_record:10")
        await stage.add_webhooks(FAN_OUT)
        stage.load.start()
        await stage.died()
        verdict = await stage.verdict()
    print(f"A2 control, success recorded before sending: {verdict}")
    assert verdict.lost


async def _check(stage: Stage) -> Verdict:
    verdict = await stage.settle(timeout=30, gently=False)
    assert set(stage.load.answers) <= {202, 503}, stage.load.answers
    assert verdict.acknowledged + len(stage.load.unknown) >= stage.load.offered
    verdict.check()
    return verdict


async def _die_of_posting(stage: Stage, path: str, body: dict[str, object]) -> int:
    """Posts what kills the gateway, starts it again and counts what there is of that noun."""
    with pytest.raises(httpx.TransportError):
        await stage.call("POST", path, json=body, headers={"Idempotency-Key": "once"})
    await stage.died()
    await stage.end_leases()
    await stage.start()
    return await _count(stage, path)


async def _repeat(stage: Stage, path: str, body: dict[str, object]) -> dict[str, str]:
    answer = await stage.call("POST", path, json=body, headers={"Idempotency-Key": "once"})
    assert answer.status_code == 201, answer.text
    found: dict[str, str] = answer.json()
    return found


async def _count(stage: Stage, path: str) -> int:
    # Keys are listed for the platform as a whole, webhooks for the organization.
    headers = {"X-HUM-Org": "*"} if path == "/api/keys" else {}
    answer = await stage.call("GET", path, headers=headers)
    assert answer.status_code == 200, answer.text
    return len(answer.json()["data"])
