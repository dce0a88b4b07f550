"""Measurements, each beside its floor from the same run: machines are noisy, ratios are less so.

    python -m bench             everything, in about twenty minutes; writes var/bench.json
    python -m bench --quick     the main figures from smaller loads, in under a minute
    python -m bench --only sqlite --only-part growth    one part again, alone
    python -m bench --profile   where the time goes, and allocations for each event

What is measured stands in `throughput` (and latency), `growth`, `isolation` and `standing` (start, memory);
what it is held against in `targets`; the table in `report`. `rig` runs the gateway, `peers` everything beside
it: `load` and `sink`, the generator and the receiver, and `floors`, the bare parts. `asker` asks for callers,
by the process `lookups`. `stock` makes the databases to begin with, and `fill` puts much into them.

On two cores the gateway has the first to itself; generator, receiver and PostgreSQL share what is left.
"""
