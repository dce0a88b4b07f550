"""The oracle of the durability proofs finds every kind of fault, and nothing where there is none."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.load import Accepted, Load
from tests.support.oracle import DeliveryRow, State, Verdict, judge, read_state, settled
from tests.support.sink import Receipt, Sink

LEASE = "lse_2"


class Run:
    """What is left of a run: events evt_0 to evt_2, each owed to two webhooks. One delivery of evt_2 was in
    flight at a crash and arrived twice, another waits for its retry, everything else arrived once."""

    def __init__(self) -> None:
        self.load, self.sink = Load("key"), Sink()
        self.events = {f"evt_{n}": 2 for n in range(3)}
        self.rows: dict[str, DeliveryRow] = {}
        self.crashes: list[set[str]] = [{"dlv_2a"}]
        self.unsound: list[str] = []
        for n in range(3):
            self.load.acknowledged[f"evt_{n}"] = Accepted(n, 2)
            for which in "ab":
                self.write(f"dlv_{n}{which}", f"evt_{n}", "delivered")
                self.receive(f"dlv_{n}{which}", f"evt_{n}", n)
        self.receive("dlv_2a", "evt_2", 2, attempt=1)
        del self.sink.accepted["dlv_2b"]
        self.sink.deliveries_of["evt_2"].remove("dlv_2b")
        self.write("dlv_2b", "evt_2", "pending", "due")

    def write(self, id_: str, event_id: str, status: str, queue: str | None = None) -> None:
        self.rows[id_] = DeliveryRow(id_, event_id, status, queue)

    def receive(self, id_: str, event_id: str, n: int, *, attempt: int = 1) -> None:
        receipt = Receipt(event_id, id_, attempt, "/", n, True, 200, 0.0)
        self.sink.accepted[id_].append(receipt)
        self.sink.deliveries_of[event_id].add(id_)

    def forget_arrival(self, id_: str, event_id: str) -> None:
        del self.sink.accepted[id_]
        self.sink.deliveries_of[event_id].remove(id_)

    def judge(self) -> Verdict:
        state = State(self.events, self.rows, LEASE, self.unsound)
        return judge(self.load, self.sink, state, self.crashes)


def test_a_sound_run_passes() -> None:
    verdict = Run().judge()
    verdict.check()
    assert (verdict.acknowledged, verdict.duplicates.total()) == (3, 1)
    assert verdict.duplicates["crash"] == 1


def test_what_failed_or_is_in_flight_is_not_lost() -> None:
    run = Run()
    for id_, event_id, status, queue in (
        ("dlv_0a", "evt_0", "failed", None),
        ("dlv_0b", "evt_0", "pending", LEASE),
    ):
        run.forget_arrival(id_, event_id)
        run.write(id_, event_id, status, queue)
    run.judge().check()


def _event_gone(run: Run) -> None:
    del run.events["evt_0"], run.rows["dlv_0a"], run.rows["dlv_0b"]
    run.forget_arrival("dlv_0a", "evt_0")
    run.forget_arrival("dlv_0b", "evt_0")


def _event_gone_after_it_arrived(run: Run) -> None:
    del run.events["evt_0"], run.rows["dlv_0a"], run.rows["dlv_0b"]


def _one_delivery_never_written(run: Run) -> None:
    del run.rows["dlv_0b"]
    run.forget_arrival("dlv_0b", "evt_0")


def _called_delivered_but_never_arrived(run: Run) -> None:
    run.forget_arrival("dlv_0b", "evt_0")


def _cancelled_without_being_sent(run: Run) -> None:
    run.forget_arrival("dlv_0b", "evt_0")
    run.write("dlv_0b", "evt_0", "cancelled")


def _row_gone_after_it_arrived(run: Run) -> None:
    del run.rows["dlv_0b"]


def _half_written_before_the_answer(run: Run) -> None:
    run.events["evt_9"] = 2
    run.load.unknown.add(9)
    run.write("dlv_9a", "evt_9", "pending", "due")


def _more_written_than_promised(run: Run) -> None:
    run.write("dlv_0c", "evt_0", "pending", "due")


def _bad_signature(run: Run) -> None:
    run.sink.forged = 1


def _arrived_without_a_row(run: Run) -> None:
    run.receive("dlv_x", "evt_0", 0)


def _arrived_under_another_event(run: Run) -> None:
    run.rows["dlv_0a"] = replace(run.rows["dlv_0a"], event_id="evt_1")


def _nobody_sent_that_number(run: Run) -> None:
    run.sink.accepted["dlv_0a"][0] = replace(run.sink.accepted["dlv_0a"][0], index=77)


def _event_of_nobody(run: Run) -> None:
    run.events["evt_8"] = 0


def _one_request_two_events(run: Run) -> None:
    run.events["evt_0x"] = 1
    run.load.unknown.add(50)
    run.write("dlv_0x", "evt_0x", "delivered")
    run.receive("dlv_0x", "evt_0x", 0)


def _acknowledged_under_two_ids(run: Run) -> None:
    run.load.disagreeing.append("0: evt_0, evt_0x")


def _again_without_a_crash(run: Run) -> None:
    run.receive("dlv_0a", "evt_0", 0)


def _again_more_often_than_there_were_crashes(run: Run) -> None:
    run.receive("dlv_2a", "evt_2", 2)


def _damaged(run: Run) -> None:
    run.unsound.append("row 7 missing from index")


FAULTS: list[tuple[Callable[[Run], None], str]] = [
    (_event_gone, "lost"),
    (_event_gone_after_it_arrived, "lost"),
    (_one_delivery_never_written, "lost"),
    (_called_delivered_but_never_arrived, "lost"),
    (_cancelled_without_being_sent, "lost"),
    (_row_gone_after_it_arrived, "halved"),
    (_half_written_before_the_answer, "halved"),
    (_more_written_than_promised, "halved"),
    (_bad_signature, "unexpected"),
    (_arrived_without_a_row, "unexpected"),
    (_arrived_under_another_event, "unexpected"),
    (_nobody_sent_that_number, "unexpected"),
    (_event_of_nobody, "unexpected"),
    (_one_request_two_events, "twofold"),
    (_acknowledged_under_two_ids, "twofold"),
    (_again_without_a_crash, "unexplained"),
    (_again_more_often_than_there_were_crashes, "unexplained"),
    (_damaged, "unsound"),
]


@pytest.mark.parametrize(("fault", "found_as"), FAULTS, ids=[fault.__name__[1:] for fault, _ in FAULTS])
def test_every_fault_is_found(fault: Callable[[Run], None], found_as: str) -> None:
    run = Run()
    fault(run)
    verdict = run.judge()
    assert getattr(verdict, found_as), verdict
    with pytest.raises(AssertionError):
        verdict.check()


def test_duplicates_are_told_apart_by_cause() -> None:
    run = Run()
    run.crashes.append({"dlv_0a", "dlv_0b"})
    run.receive("dlv_0a", "evt_0", 0)
    run.receive("dlv_1a", "evt_1", 1)
    verdict = run.judge()
    assert verdict.duplicates == {"crash": 2, "unexplained": 1}
    assert verdict.in_flight_at_crashes == 3
    assert [line.split(":")[0] for line in verdict.unexplained] == ["dlv_1a"]


def test_settled_waits_for_what_was_promised_and_for_what_was_in_flight() -> None:
    run = Run()
    run.load.acknowledged["evt_2"] = Accepted(2, 1)
    assert settled(run.load, run.sink, run.crashes)()
    assert not settled(run.load, run.sink, [{"dlv_2b"}])()
    run.load.acknowledged["evt_2"] = Accepted(2, 2)
    assert not settled(run.load, run.sink)()


TABLES = """
CREATE TABLE events (id, deliveries);
CREATE TABLE deliveries (id, event_id, status, queue, attempts_made);
CREATE TABLE attempts (delivery_id, status_code);
CREATE TABLE node_leases (id);
INSERT INTO node_leases VALUES ('lse_1'), ('lse_2');
INSERT INTO events VALUES ('evt_0', 3);
INSERT INTO deliveries VALUES
    ('dlv_0', 'evt_0', 'delivered', NULL, 2), ('dlv_1', 'evt_0', 'pending', 'lse_2', 0),
    ('dlv_2', 'evt_0', 'pending', 'lse_1', 0);
INSERT INTO attempts VALUES ('dlv_0', 500), ('dlv_0', 200);
"""
BROKEN = {
    "UPDATE events SET id = 'evt_9'": "deliveries of no event",
    "INSERT INTO attempts VALUES ('dlv_9', 200)": "attempts of no delivery",
    "DELETE FROM attempts WHERE status_code = 500": "half recorded",
    "UPDATE deliveries SET attempts_made = 1 WHERE id = 'dlv_1'": "half recorded",
    "UPDATE attempts SET status_code = 500": "delivered without a success",
}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.mark.anyio
async def test_the_state_is_read_with_what_the_newest_node_has_in_its_hands(tmp_path: Path) -> None:
    state = await read_state(_database(tmp_path))
    assert state.events == {"evt_0": 3}
    assert state.deliveries["dlv_0"] == DeliveryRow("dlv_0", "evt_0", "delivered", None)
    assert state.in_flight == {"dlv_1"}
    assert not state.unsound


@pytest.mark.anyio
@pytest.mark.parametrize("damage", BROKEN)
async def test_an_unsound_database_is_found(damage: str, tmp_path: Path) -> None:
    state = await read_state(_database(tmp_path, damage))
    assert [BROKEN[damage] in found for found in state.unsound].count(True) >= 1, state.unsound


@pytest.mark.anyio
async def test_a_torn_file_is_found(tmp_path: Path) -> None:
    url = _database(tmp_path, *(f"INSERT INTO events VALUES ('evt_{n}', 0)" for n in range(1, 2000)))
    path = tmp_path / "gateway.db"
    content = bytearray(path.read_bytes())
    content[20_000:22_000] = bytes(2000)
    path.write_bytes(content)
    try:
        state = await read_state(url)
    except sqlite3.DatabaseError:
        return
    assert state.unsound


def _database(directory: Path, *statements: str) -> str:
    path = directory / "gateway.db"
    db = sqlite3.connect(path)
    db.executescript(TABLES)
    for statement in statements:
        db.execute(statement)
    db.commit()
    db.close()
    return f"sqlite:///{path}"
