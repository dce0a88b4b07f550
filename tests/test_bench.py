"""The bench itself, with the smallest loads there are: every figure that the table shows is there.

No figure is judged: that is for `make bench`.
"""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from sqlalchemy import select

from bench import allocations, lookups
from bench.__main__ import PARTS, keep, measure
from bench.inside import opened
from bench.peers import Sink
from bench.profiling import count_allocations
from bench.report import LINES, show
from bench.rig import Gateway
from bench.sizes import TINY, Sizes
from bench.stock import Place, Stock
from bench.targets import TARGETS, Target, compare, figure, verdicts
from gateway.domain.ids import delivery_id, first_id
from gateway.store.directory import Directory
from gateway.store.tables import attempts, deliveries, events


def _tried(path: tuple[str, ...]) -> bool:
    part, case = path[:2] if len(path) > 1 else (path[0], "")
    cases = {"growth": TINY.growth_cases, "isolation": TINY.isolation_cases}.get(part, (case,))
    return case in cases and path[-1] not in ("to_sqlite", "database_cpu_us")


def test_every_figure_is_there_and_every_target_judged() -> None:
    results = {"sqlite": measure("sqlite", list(PARTS), TINY)}
    paths = [path for line in LINES for path in (line.path, line.floor) if path is not None]
    found = {path: figure(results["sqlite"], path) for path in paths if _tried(path)}
    assert {path for path, value in found.items() if not isinstance(value, int | float)} == set()
    assert {path for path, value in found.items() if value <= 0 and "cpu" not in path[-1]} <= {
        path for path in found if path[-1] in ("times_floor", "cpu_ratio")
    }
    wanted = {target.path for target in TARGETS if "sqlite" in target.kinds and _tried(target.path)}
    assert {verdict["figure"] for verdict in verdicts(results)} == {".".join(path) for path in wanted}
    for group in ("single", "batch", "fan_out_10"):
        assert results["sqlite"]["throughput"][group]["surplus"] == 0, group
    _check_the_table(results)


def _check_the_table(results: dict[str, Any]) -> None:
    """It says what is missed, and what is in doubt."""
    output = io.StringIO()
    results["sqlite"]["memory"]["pending_mb"] = 500.0
    results["sqlite"]["latency"]["missing"] = 7
    show(results, Console(file=output, width=200))
    assert "note: SQLite, latency: 7 events had not arrived in time" in output.getvalue()
    line = next(line for line in output.getvalue().splitlines() if "500 pending, MB" in line)
    assert "≤ 250" in line
    assert "MISSED BY 100%" in line


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_filled_rows_are_as_the_gateway_writes_them(kind: str) -> None:
    with Stock(kind, TINY) as stock, Sink() as sink, stock.history(sink.port) as place:
        asyncio.run(_check_history(place))


async def _check_history(place: Place) -> None:
    async with opened(place.environ) as store:
        org = await Directory(store).organization("bench")
        assert org is not None
        async with store.looking_up() as conn:
            told = (await conn.execute(select(events).order_by(events.c.position))).all()
            owed = (await conn.execute(select(deliveries).order_by(deliveries.c.position))).all()
            tried = {row.delivery_id: row for row in await conn.execute(select(attempts))}
    assert len(told) == len(owed) == len(tried) == TINY.history
    assert [row.id for row in told] == sorted(row.id for row in told)
    for event, delivery in zip(told, owed, strict=True):
        assert event.id[:14] == first_id("evt", event.accepted_at)[:14]
        assert (delivery.event_id, delivery.status, delivery.queue) == (event.id, "delivered", None)
        assert delivery.id == delivery_id(event.id, delivery.target_id)
        attempt = tried[delivery.id]
        cipher = org.organization.cipher
        assert json.loads(cipher.open(event.id, "payload", event.payload))["call_id"] == "call_1"
        for name, value in attempt._mapping.items():
            assert not isinstance(value, bytes) or cipher.open(f"{delivery.id}|1", name, value)
        assert event.accepted_at <= attempt.started_at <= delivery.completed_at


def test_webhooks_are_filled_in() -> None:
    async def count(place: Place) -> list[int]:
        async with opened(place.environ) as store:
            views = [await Directory(store).organization(org) for org in stock.organizations]
        return [len(view.webhooks) if view else 0 for view in views]

    with Stock("sqlite", TINY) as stock, stock.webhooks(9) as place:
        assert asyncio.run(count(place)) == [TINY.webhooks_each] * TINY.organizations


def test_a_part_that_fails_leaves_the_others_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(stock: Stock, sizes: Sizes) -> dict[str, Any]:
        raise RuntimeError("no receiver")

    monkeypatch.setitem(PARTS, "latency", fails)
    monkeypatch.setitem(PARTS, "memory", lambda stock, sizes: {"pending_mb": 100.0, "pending": 500})
    results = {"sqlite": measure("sqlite", ["latency", "memory"], TINY)}
    output = io.StringIO()
    show(results, Console(file=output, width=200))
    assert "note: SQLite, latency: NOT MEASURED: no receiver" in output.getvalue()
    assert [verdict["figure"] for verdict in verdicts(results)] == ["memory.pending_mb"]


def test_parts_taken_again_alone_replace_only_themselves(tmp_path: Path) -> None:
    target = tmp_path / "var" / "bench.json"
    keep({"sqlite": {"latency": {"p99_ms": 30.0}, "memory": {"pending_mb": 100.0}}}, "full", target)
    keep({"sqlite": {"latency": {"p99_ms": 20.0}}}, "full", target)
    written = json.loads(target.read_text())
    assert written["results"]["sqlite"] == {"latency": {"p99_ms": 20.0}, "memory": {"pending_mb": 100.0}}
    assert [(verdict["figure"], verdict["met"]) for verdict in written["targets"]] == [
        ("latency.p99_ms", True),
        ("memory.pending_mb", True),
    ]
    keep({"sqlite": {"latency": {"p99_ms": 1.0}}}, "quick", target)
    assert json.loads(target.read_text())["results"] == {"sqlite": {"latency": {"p99_ms": 1.0}}}


@pytest.mark.parametrize(
    ("at_least", "value", "verdict"),
    [
        (True, 2500, (True, "met by 0%")),
        (True, 2000, (False, "missed by 20%")),
        (False, 2000, (True, "met by 20%")),
        (False, 3000, (False, "missed by 20%")),
    ],
)
def test_a_target_says_by_how_much(at_least: bool, value: float, verdict: tuple[bool, str]) -> None:
    assert Target(("x",), 2500, at_least=at_least).judge(value) == verdict


def test_postgresql_is_compared_with_sqlite_of_the_same_run() -> None:
    def rates(value: float) -> dict[str, Any]:
        return {"throughput": {group: {"events_per_second": value} for group in ("single", "batch")}}

    results = {"sqlite": rates(1000.0), "postgresql": rates(700.0)}
    compare(results)
    assert figure(results["postgresql"], ("throughput", "batch", "to_sqlite")) == 0.7


def test_allocations_are_counted(tmp_path: Path) -> None:
    try:
        counter = allocations.Counter(tmp_path)
    except RuntimeError as problem:
        pytest.skip(str(problem))
    with (
        Stock("sqlite", TINY).empty() as place,
        Sink() as sink,
        Gateway(*place, environ=counter.environ) as gateway,
    ):
        gateway.webhook(sink.port, "bench.*")
        found = count_allocations(counter, gateway, sink, 200, 100)
    assert 10 < found["calls"] < 100_000
    assert found["bytes"] > found["calls"]


def test_the_asker_says_how_much_of_the_time_was_its_own() -> None:
    answer = lookups.Answer(due=1.0, begun=1.004, looked=1.5, read=1.53, body=b'{"status":"found","x":1}')
    [each] = lookups.report([answer], 2.0, ["status"])["each"]
    assert {name: value if name == "status" else round(value) for name, value in each.items()} == {
        "took_ms": 530, "sending_ms": 4, "reading_ms": 30, "status": "found",
    }  # fmt: skip


def test_the_asker_says_for_how_long_the_gateway_had_no_core() -> None:
    watch = lookups.Watch(0, {"first": (0, 100), "last": (400, 10_000)})
    watch._moments, watch._waited = [0.9, 1.02, 1.39, 1.45, 1.53, 1.6], [5.0, 5.01, 5.1, 5.13, 5.14, 9.0]
    answer = lookups.Answer(due=1.0, begun=1.0, looked=1.5, read=1.53, body=b"{}")
    assert watch.withheld_ms(answer) == pytest.approx({"first": 100, "last": 40})
    assert watch.withheld_ms(answer._replace(read=1.6))["last"] == pytest.approx(200)  # all that there was
    assert watch.withheld_ms(answer._replace(read=1.3))["last"] == 0
