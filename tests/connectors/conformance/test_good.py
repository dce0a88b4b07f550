"""Good connectors pass: the kit's, and one that has nothing of the kit, over ASGI and over sockets."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from connectors import registry
from connectors.beginning import begin
from connectors.kit.conformance import Options, Report, Seed, in_process, read_seed, run, run_async
from connectors.kit.conformance.catalogue import CHECKS
from connectors.kit.server import application
from connectors.memory.connector import MemoryConnector
from tests.connectors.conformance.plain import Plain, Tolerable
from tests.connectors.conformance.reference import EXACT, PEOPLE, SEED, checked
from tests.connectors.process import ConnectorProcess
from tests.connectors.signing import SECRET

BASE = "http://127.0.0.1"


def no_time() -> float:
    """A clock for tests that are not about speed."""
    return 0.0


async def check(app: Any, **options: Any) -> Report:
    given = Options(transport=in_process(app), settle=0, clock=no_time, **options)
    return await run_async(BASE, SECRET, given)


@contextmanager
def served(app: Any) -> Iterator[str]:
    """The address of the application on a socket of this machine."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["lookup", "full"])
@pytest.mark.parametrize("mode", ["strict", "compatible"])
async def test_the_kits_connector_passes(profile: str, mode: str) -> None:
    report = await checked(profile=profile, mode=mode)
    assert not report.failures
    assert not report.skipped
    wanted = {
        check.id
        for check in CHECKS
        if (check.profile == "lookup" or profile == "full") and (not check.strict_only or mode == "strict")
    }
    assert {result.check.id for result in report.results} == wanted


@pytest.mark.anyio
async def test_a_connector_without_the_kit_passes_strictly() -> None:
    report = await check(Plain(SECRET).app, allow_writes=True)
    assert not report.failures
    assert {result.reason[:30] for result in report.skipped} <= {
        "it needs a contact stored with",
        "it needs a number that several",
        "it needs a known contact: name",
        "it needs a look at activities ",
    }


@pytest.mark.anyio
async def test_compatible_mode_lets_pass_what_hum_gets_along_with() -> None:
    plain = Tolerable(SECRET)
    report = await check(plain.app, mode="compatible", allow_writes=True)
    assert not report.failures


@pytest.mark.anyio
async def test_strict_mode_names_each_of_these() -> None:
    report = await check(Tolerable(SECRET).app, allow_writes=True)
    assert report.failed_ids >= {
        "HUM-SIG-002",  # 403 for 401
        "HUM-SIG-020",  # old requests accepted
        "HUM-LKP-002",  # 404 for not found
        "HUM-LKP-011",  # fields of its own
        "HUM-CRE-002",  # 200 for 201
        "HUM-CRE-004",  # no phone in the answer
        "HUM-CRE-009",  # 200 for 409
        "HUM-HTTP-002",  # text/plain
        "HUM-ERR-001",  # errors that are no JSON
    }


@pytest.mark.anyio
async def test_without_writes_nothing_is_written_and_it_is_said() -> None:
    connector = MemoryConnector(PEOPLE)
    report = await check(application(connector, [SECRET]), seed=SEED)
    assert set(connector.contacts) == {contact.id for contact in PEOPLE}
    assert not connector.calls
    assert not report.failures
    assert not report.left
    writing = [result for result in report.results if result.check.writes]
    assert all(r.status == "skipped" and "--allow-writes" in r.reason for r in writing)
    assert len(writing) == len([check for check in CHECKS if check.writes]) > 30


@pytest.mark.anyio
async def test_without_seed_and_writes_the_want_of_a_known_contact_is_said() -> None:
    report = await check(application(MemoryConnector(PEOPLE), [SECRET]), profile="lookup")
    assert not report.failures
    wanting = {result.check.id for result in report.skipped}
    assert wanting == {check.id for check in CHECKS if check.needs and check.profile == "lookup"}
    assert all("--seed" in result.reason for result in report.skipped)


@pytest.mark.anyio
async def test_everything_that_was_left_is_listed_and_marked() -> None:
    connector = MemoryConnector()
    report = await check(application(connector, [SECRET]), allow_writes=True)
    left = {kind: {x.id for x in report.left if x.kind == kind} for kind in ("contact", "activity")}
    assert left == {"contact": set(connector.contacts), "activity": set(connector.calls)}
    for contact in connector.contacts.values():
        assert contact.phone is not None
        assert contact.phone[5:10] == "55501"
        assert contact.name is None or contact.name.startswith("HUM conformance check ")
    for call, _ in connector.calls.values():
        assert "_hum_check_" in call.id


@pytest.mark.anyio
async def test_a_connector_without_calls_passes() -> None:
    class NoCalls(Plain):
        def sync(self, body: dict[str, Any]) -> Any:
            from starlette.responses import JSONResponse

            answer = super().sync(body)
            return answer if answer.status_code >= 400 else JSONResponse(SKIPPED)

    report = await check(NoCalls(SECRET).app, allow_writes=True)
    assert not report.failures
    assert any("not_supported" in result.reason for result in report.skipped)


SKIPPED = {"activity_id": None, "skipped": "not_supported"}


@pytest.mark.anyio
@pytest.mark.parametrize("profile", ["lookup", "full"])
async def test_a_connector_that_was_just_begun_passes_with_its_seed(tmp_path: Path, profile: str) -> None:
    """It has neither create nor calls: in the full profile that is said, and nothing fails."""
    begin("acme", tmp_path)
    connector = registry.make(registry.find(str(tmp_path / "connector.py")), {})
    seed = read_seed((tmp_path / "seed.json").read_text("utf-8"))
    report = await check(application(connector, [SECRET]), profile=profile, seed=seed, allow_writes=True)
    assert not report.failures
    reasons = " ".join(report.skipped_by_reason())
    assert ("contacts can be created" in reasons) == ("CRM that has calls" in reasons) == (profile == "full")
    assert not report.left
    assert not report.skipped or profile == "full"


@pytest.mark.anyio
async def test_two_runs_on_one_connector_do_not_meet() -> None:
    app = application(MemoryConnector(), [SECRET])
    for _ in range(2):
        assert not (await check(app, allow_writes=True)).failures


@pytest.mark.anyio
async def test_a_crowded_connector_is_asked_again() -> None:
    class Crowded(Plain):
        turns = 0

        def lookup(self, body: dict[str, Any]) -> Any:
            self.turns += 1
            answer = super().lookup(body)
            if self.turns % 3 == 0:
                answer = self.problem(429, "rate_limited", "too many")
                answer.headers["retry-after"] = "0"
            return answer

    crowded = Crowded(SECRET)
    crowded.contacts[EXACT] = {"id": "1", "phone": EXACT}
    report = await check(crowded.app, only=("LKP", "MAT"), seed=Seed({}, ()), profile="lookup")
    assert not report.failures
    assert any("429" in note for note in report.notes)


def test_over_sockets_with_a_path_and_a_query_in_the_base_url() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    app = Starlette(routes=[Mount("/crm/hum", application(MemoryConnector(PEOPLE), [SECRET]))])
    with served(app) as url:
        options = Options(seed=SEED, allow_writes=True, settle=0, timeout=20, clock=no_time)
        report = run(f"{url}/crm/hum?tenant=7", SECRET, options)
    assert not report.failures
    assert report.url.endswith("/crm/hum?tenant=7")


@pytest.mark.proof
def test_the_connector_that_is_served_by_name_passes(tmp_path: Path) -> None:
    """`hum-connector serve memory`, as a process of its own."""
    with ConnectorProcess("memory", tmp_path) as served_one:
        options = Options(allow_writes=True, settle=0, timeout=20, clock=no_time)
        report = run(served_one.url, SECRET, options)
    assert not report.failures
    assert {result.check.id for result in report.skipped} == {
        *("HUM-MAT-001", "HUM-MAT-002", "HUM-MAT-003", "HUM-MAT-004", "HUM-MAT-008", "HUM-MAT-009"),
        *("HUM-MAT-010", "HUM-CAL-019", "HUM-CAL-020", "HUM-CAL-021", "HUM-CAL-022"),
    }
    print(f"hum-connector serve memory: {len(report.passed)} passed, 0 failed, {report.requests} requests")
