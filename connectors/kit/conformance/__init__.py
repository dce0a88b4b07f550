"""The check that every connector must pass, whatever it is written in.

    report = run("https://crm.example.com/hum", secret, Options(allow_writes=True))
    assert not report.failures

A check asks the connector something, as HUM would or as somebody would who is up to no good, and judges the
answer. The way through it:

    command.py      hum-connector check
    runner.py       one run: which checks, side by side or alone, within one time
    catalogue.py    all checks; checks/ has them, one module per group, each with its sentence of rules.py
    hum.py          the requests, signed (signing.py), spoilt where a check wants it (request.py)
    wire.py         sent, and the answer read raw, bounded in time and size
    expect.py       what an answer must be
    stage.py        known contacts, unknown numbers, marked names; from seed.py, or created
    report.py       outcomes, failures with the secret masked (masking.py), what was left behind
    render/         for people, and as JSON, JUnit, HTML
    reference.py    the table of all checks in the docs

A module of checks begins with what its group is about. To add a check, declare it there with the next number;
its id never changes afterwards.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from connectors.kit.conformance.options import Options
    from connectors.kit.conformance.report import Report, Result
    from connectors.kit.conformance.runner import run, run_async
    from connectors.kit.conformance.seed import Known, Seed, read_seed
    from connectors.kit.conformance.verdict import Unreachable
    from connectors.kit.conformance.wire import in_process

__all__ = [
    "Known",
    "Options",
    "Report",
    "Result",
    "Seed",
    "Unreachable",
    "in_process",
    "read_seed",
    "run",
    "run_async",
]

_HOMES = {
    "Known": "seed",
    "Options": "options",
    "Report": "report",
    "Result": "report",
    "Seed": "seed",
    "Unreachable": "verdict",
    "in_process": "wire",
    "read_seed": "seed",
    "run": "runner",
    "run_async": "runner",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for: the help of the command needs none of it.
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
