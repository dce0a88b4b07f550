"""Where the gateway's time goes under load (py-spy), and how many allocations an event takes.

For each load, var/profile-<database>-<load>.txt lists functions by the share of samples that they are running
themselves, and by the share that they are in; the .raw file beside it holds the folded stacks, which
https://www.speedscope.app and flamegraph.pl draw.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from bench import allocations
from bench.peers import Sink
from bench.rig import ROOT, Gateway
from bench.sizes import Sizes
from bench.stock import Stock
from bench.throughput import Figures, end_to_end, warm_up

SAMPLES_A_SECOND: Final = 400
SHOWN: Final = 60
LOADS: Final = (("single", 1), ("batch", 100))


def profile(kind: str, sizes: Sizes) -> None:
    """Both, on one kind of database; says where the files are."""
    counted = _count_allocations(kind, sizes)
    spy = shutil.which("py-spy") or shutil.which("py-spy", path=str(Path(sys.executable).parent))
    if spy is None:
        print("where the time goes is measured by py-spy: .venv/bin/pip install py-spy")
    with Stock(kind, sizes).empty() as place, Sink() as sink, Gateway(*place) as gateway:
        gateway.webhook(sink.port, "bench.*")
        warm_up(gateway, sink)
        for name, batch in LOADS:
            print(f"{kind}, {name}:", counted.get(name, "allocations were not counted"))
            if spy is not None:
                stacks = ROOT / "var" / f"profile-{kind}-{name}.raw"
                stacks.parent.mkdir(exist_ok=True)
                with _recording(spy, gateway, stacks):
                    end_to_end(gateway, sink, events=_events(sizes, batch), batch=batch)
                _write_flat(stacks)


def _events(sizes: Sizes, batch: int) -> int:
    return sizes.single if batch == 1 else sizes.batch


def _count_allocations(kind: str, sizes: Sizes) -> dict[str, str]:
    """What to say of each load; empty where it cannot be counted."""
    found: dict[str, str] = {}
    with Stock(kind, sizes).empty() as place, Sink() as sink:
        try:
            counter = allocations.Counter(place.directory)
        except RuntimeError as problem:
            print(problem)
            return {}
        with Gateway(*place, environ=counter.environ) as gateway:
            gateway.webhook(sink.port, "bench.*")
            warm_up(gateway, sink)
            for name, batch in LOADS:
                figures = count_allocations(counter, gateway, sink, _events(sizes, batch) // 2, batch)
                found[name] = "{calls:.0f} allocations of {bytes:,.0f} bytes an event".format_map(figures)
    return found


def count_allocations(
    counter: allocations.Counter, gateway: Gateway, sink: Sink, events: int, batch: int
) -> Figures:
    """Allocations and bytes for each delivered event."""
    before = counter.read()
    end_to_end(gateway, sink, events=events, batch=batch)
    after = counter.read()
    return {"calls": (after.calls - before.calls) / events, "bytes": (after.size - before.size) / events}


@contextmanager
def _recording(spy: str, gateway: Gateway, target: Path) -> Iterator[None]:
    """Samples the gateway meanwhile. py-spy runs beside it, on whatever core is free."""
    process = subprocess.Popen(
        [spy, "record", "--pid", str(gateway.process.pid), "--rate", str(SAMPLES_A_SECOND), "--duration",
         "3600", "--format", "raw", "--output", str(target)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | {"NO_COLOR": "1"},
    )  # fmt: skip
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    if not target.exists():
        raise RuntimeError(f"py-spy recorded nothing (it needs leave to trace the gateway): {said[-500:]}")


def _write_flat(stacks: Path) -> None:
    """The table of functions beside the stacks."""
    own: Counter[str] = Counter()
    within: Counter[str] = Counter()
    total = 0
    for line in stacks.read_text().splitlines():
        stack, _, samples = line.rpartition(" ")
        frames = stack.split(";")
        total += int(samples)
        own[frames[-1]] += int(samples)
        for frame in set(frames):
            within[frame] += int(samples)
    target = stacks.with_suffix(".txt")
    with target.open("w") as file:
        for heading, counts in (("running themselves", own), ("with what they call", within)):
            print(f"{heading} ({total} samples)", file=file)
            for frame, count in counts.most_common(SHOWN):
                print(f"{count / max(total, 1):7.1%}  {frame}", file=file)
            print(file=file)
    print(f"  {target.relative_to(ROOT)}, {stacks.relative_to(ROOT)}")
