"""`python -m bench`: one table, and var/bench.json."""

from __future__ import annotations

import argparse
import json
import os
import platform
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import profiling
from bench.callers import callers, callers_busy
from bench.growth import growth
from bench.isolation import isolation
from bench.report import show
from bench.rig import ROOT
from bench.sizes import FULL, QUICK, Sizes
from bench.standing import memory, start
from bench.stock import Stock
from bench.targets import compare, verdicts
from bench.throughput import latency, throughput

KINDS = ("sqlite", "postgresql")
TARGET = ROOT / "var" / "bench.json"


def _throughput(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.empty() as place:
        return throughput(stock.kind, place, sizes)


def _latency(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.empty() as place:
        return latency(place, sizes)


def _isolation(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    found = {}
    for case in sizes.isolation_cases:
        with stock.empty() as place:
            found[case] = isolation(case, place, sizes)
    return found


def _start(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.empty() as place, stock.pending() as full:
        return start(place, full, sizes)


def _memory(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.empty() as place:
        return memory(place, sizes)


def _callers(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.empty() as place:
        return callers(place, sizes)


def _callers_busy(stock: Stock, sizes: Sizes) -> dict[str, Any]:
    with stock.pending() as place:
        return callers_busy(place, sizes)


# `start` comes after `growth`, whose database it takes over.
PARTS: dict[str, Callable[[Stock, Sizes], dict[str, Any]]] = {
    "throughput": _throughput,
    "latency": _latency,
    "growth": growth,
    "start": _start,
    "isolation": _isolation,
    "memory": _memory,
    "callers": _callers,
    "callers_busy": _callers_busy,
}


# Growth and isolation say little in a few seconds.
QUICK_PARTS = ("throughput", "latency", "start", "memory", "callers", "callers_busy")


def measure(kind: str, parts: list[str], sizes: Sizes) -> dict[str, Any]:
    """The parts' figures on one kind of database. One that cannot be measured does not stop the others."""
    found: dict[str, Any] = {}
    with Stock(kind, sizes) as stock:
        for part in parts:
            begun = time.monotonic()
            print(f"{kind}: {part} …", file=sys.stderr, end="", flush=True)
            try:
                found[part] = PARTS[part](stock, sizes)
            except Exception as problem:  # noqa: BLE001 - the other parts are worth having all the same
                traceback.print_exc()
                found[part] = {"failed": str(problem) or type(problem).__name__}
            found[part]["taken_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            print(f" {time.monotonic() - begun:.0f} s", file=sys.stderr)
    return found


def keep(results: dict[str, Any], mode: str, target: Path = TARGET) -> dict[str, Any]:
    """Writes the file. Parts that were not measured this time stay as they were, if they are of this mode."""
    try:
        before = json.loads(target.read_text())
    except (OSError, ValueError):
        before = {}
    merged: dict[str, Any] = before.get("results", {}) if before.get("mode") == mode else {}
    for kind, parts in results.items():
        merged.setdefault(kind, {}).update(parts)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}
    whole = {"mode": mode, **machine, "results": merged, "targets": verdicts(merged)}
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(whole, indent=2) + "\n")
    return merged


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Figures beside their floors.")
    parser.add_argument(
        "--quick", action="store_true",
        help="smaller loads, in under a minute; growth and isolation only when they are asked for",
    )  # fmt: skip
    parser.add_argument("--only", choices=KINDS, help="one kind of database")
    parser.add_argument("--only-part", choices=PARTS, action="append", help="one part; may be given again")
    parser.add_argument(
        "--profile", action="store_true",
        help="instead: where the time goes (py-spy), and allocations for each event",
    )  # fmt: skip
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # ends what it has started, as an interrupt does
    kinds = [options.only] if options.only else list(KINDS)
    sizes, mode = (QUICK, "quick") if options.quick else (FULL, "full")
    if options.profile:
        for kind in kinds:
            profiling.profile(kind, sizes)
        return
    wanted = options.only_part or (QUICK_PARTS if options.quick else PARTS)
    parts = [part for part in PARTS if part in wanted]
    results: dict[str, Any] = {}
    for kind in kinds:
        results[kind] = measure(kind, parts, sizes)
        compare(results)
        keep(results, mode)
    show(results)
    if any("failed" in figures for found in results.values() for figures in found.values()):
        sys.exit("not everything could be measured")


if __name__ == "__main__":
    main()
