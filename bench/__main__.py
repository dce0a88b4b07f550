"""`python -m bench [--quick] [--only sqlite|postgresql]`: one table, and var/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.rig import GATEWAY_CORE, ROOT, Gateway, Sink, load, pin
from tests.support.databases import database_url

Figures = dict[str, float]


def floor(*arguments: str) -> dict[str, float]:
    """Runs one floor as a process on the gateway's core."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.floors", *arguments], cwd=ROOT, text=True, stdout=subprocess.PIPE,
        check=True, preexec_fn=pin(GATEWAY_CORE),
    )  # fmt: skip
    found: dict[str, float] = json.loads(done.stdout)
    return found


def accept_floor(events: int, batch: int) -> float:
    """CPU seconds for each event of a server that only takes it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.floors", "accept"], cwd=ROOT, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, preexec_fn=pin(GATEWAY_CORE),
    )  # fmt: skip
    assert process.stdin and process.stdout
    port = int(process.stdout.readline())
    time.sleep(0.5)
    process.stdin.write("go\n")
    process.stdin.flush()
    load(port, "hum_live_floor", events=events, batch=batch, connections=_connections(batch))
    process.stdin.write("stop\n")
    process.stdin.close()
    used = float(process.stdout.readline())
    process.wait(20)
    return used / events


def floors(events: int, kind: str, url: str) -> Figures:
    """CPU microseconds for each event."""
    with Sink() as sink:
        posted = floor("post", "--port", str(sink.port), "--count", str(events))
    if kind == "sqlite":
        inserted = floor("insert-sqlite", "--count", str(events))
    else:
        inserted = floor("insert-postgresql", "--url", url, "--count", str(events))
    return {
        "accept_single": accept_floor(events, 1) * 1e6,
        "accept_batch": accept_floor(events * 4, 100) * 1e6,
        "post": posted["cpu"] / events * 1e6,
        "insert": inserted["cpu"] / events * 1e6,
        "seal": floor("seal", "--count", str(events))["cpu"] / events * 1e6,
    }


def throughput(gateway: Gateway, sink: Sink, *, events: int, batch: int, fan_out: int = 1) -> Figures:
    """From the first request sent to the last delivery recorded."""
    sink.report(reset=True)
    cpu, statements, begun = gateway.cpu_seconds(), gateway.metric("sql_statements_total"), time.time()
    sent = load(gateway.port, gateway.key, events=events, batch=batch, connections=_connections(batch))
    received = sink.wait_for(events * fan_out)
    time.sleep(0.1)
    assert sent["acknowledged"] == events and received["received"] >= events * fan_out, (sent, received)
    deliveries = events * fan_out
    return {
        "events_per_second": events / (received["last"] - begun),
        "deliveries_per_second": deliveries / (received["last"] - begun),
        "cpu_us_per_delivery": (gateway.cpu_seconds() - cpu) / deliveries * 1e6,
        "statements_per_delivery": (gateway.metric("sql_statements_total") - statements) / deliveries,
        "memory_mb": gateway.memory_mb(),
    }


def latency(gateway: Gateway, sink: Sink, *, seconds: int, rate: int = 300) -> Figures:
    """From just before the request to its receipt, at a steady rate."""
    sink.report(reset=True)
    load(gateway.port, gateway.key, events=rate * seconds, batch=1, connections=16, rate=rate)
    found = sink.wait_for(rate * seconds)
    return {name: found[name] for name in ("p50_ms", "p95_ms", "p99_ms")}


def measure(kind: str, *, quick: bool) -> dict[str, Any]:
    scale = 1 if quick else 4
    results: dict[str, Any] = {}
    with _directory() as directory, database_url(kind, directory) as url:
        results["floors"] = floors(4_000 * scale, kind, url)
        with Sink() as sink, Gateway(url, directory) as gateway:
            results["idle_memory_mb"] = gateway.memory_mb()
            hook = {"url": f"http://127.0.0.1:{sink.port}/", "events": ["bench.*"]}
            gateway.post("/api/webhooks", hook)
            load(gateway.port, gateway.key, events=1_000, batch=1)
            sink.wait_for(1_000)
            results["single"] = throughput(gateway, sink, events=5_000 * scale, batch=1)
            results["batch"] = throughput(gateway, sink, events=15_000 * scale, batch=100)
            results["latency"] = latency(gateway, sink, seconds=3 if quick else 20)
            for _ in range(9):
                gateway.post("/api/webhooks", hook)
            results["fan_out_10"] = throughput(gateway, sink, events=500 * scale, batch=1, fan_out=10)
    with _directory() as directory, database_url(kind, directory) as url:
        results |= pending(kind, url, directory, 20_000 if quick else 100_000)
    for name, accept in (("single", "accept_single"), ("batch", "accept_batch")):
        bare = sum(results["floors"][part] for part in (accept, "post", "insert", "seal"))
        results[name]["floor_cpu_us"] = bare
        results[name]["times_floor"] = results[name]["cpu_us_per_delivery"] / bare
    return results


def pending(kind: str, url: str, directory: Path, count: int) -> dict[str, Any]:
    """Memory and start-up with deliveries that nobody takes."""
    with Gateway(url, directory) as gateway:
        empty = gateway.get("/readyz") and gateway.memory_mb()
        gateway.post("/api/webhooks", {"url": "http://127.0.0.1:9/", "events": ["*"]})
        load(gateway.port, gateway.key, events=count, batch=100, connections=8)
        result = {"pending": count, "pending_memory_mb": gateway.memory_mb(), "empty_memory_mb": empty}
    with Gateway(url, directory) as gateway:
        result["start_seconds_with_pending"] = gateway.started_in
    return result


def _connections(batch: int) -> int:
    return 32 if batch == 1 else 8


@contextmanager
def _directory() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="hum-bench-") as name:
        yield Path(name)


def show(results: dict[str, Any]) -> None:
    table = Table(title="HUM gateway", caption="CPU of the gateway process alone; floors from the same run")
    table.add_column("figure")
    for kind in results:
        table.add_column(kind, justify="right")
    rows = [
        ("one event per request: events/s", "single", "events_per_second", "{:,.0f}"),
        ("  CPU µs per event", "single", "cpu_us_per_delivery", "{:.0f}"),
        ("  sum of the floors, CPU µs", "single", "floor_cpu_us", "{:.0f}"),
        ("  times the floor", "single", "times_floor", "{:.2f}"),
        ("  SQL statements per event", "single", "statements_per_delivery", "{:.3f}"),
        ("batches of 100: events/s", "batch", "events_per_second", "{:,.0f}"),
        ("  CPU µs per event", "batch", "cpu_us_per_delivery", "{:.0f}"),
        ("  sum of the floors, CPU µs", "batch", "floor_cpu_us", "{:.0f}"),
        ("  times the floor", "batch", "times_floor", "{:.2f}"),
        ("  SQL statements per event", "batch", "statements_per_delivery", "{:.3f}"),
        ("fan-out 10: deliveries/s", "fan_out_10", "deliveries_per_second", "{:,.0f}"),
        ("300 events/s: accept to receipt p50 ms", "latency", "p50_ms", "{:.1f}"),
        ("  p95 ms", "latency", "p95_ms", "{:.1f}"),
        ("  p99 ms", "latency", "p99_ms", "{:.1f}"),
        ("floor accept, one event per request µs", "floors", "accept_single", "{:.1f}"),
        ("floor accept, batches µs", "floors", "accept_batch", "{:.1f}"),
        ("floor post µs", "floors", "post", "{:.1f}"),
        ("floor insert µs", "floors", "insert", "{:.1f}"),
        ("floor seal µs", "floors", "seal", "{:.1f}"),
        ("memory idle MB", "idle_memory_mb", None, "{:.0f}"),
        ("memory with pending MB", "pending_memory_mb", None, "{:.0f}"),
        ("pending", "pending", None, "{:,}"),
        ("start to ready with pending s", "start_seconds_with_pending", None, "{:.2f}"),
    ]
    for label, group, name, form in rows:
        values = [found[group] if name is None else found[group][name] for found in results.values()]
        table.add_row(label, *(form.format(value) for value in values))
    Console(width=100).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--quick", action="store_true", help="smaller loads, under a minute")
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    options = parser.parse_args()
    kinds = [options.only] if options.only else ["sqlite", "postgresql"]
    results = {kind: measure(kind, quick=options.quick) for kind in kinds}
    show(results)
    target = ROOT / "var" / "bench.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps({"cores": os.cpu_count(), "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
