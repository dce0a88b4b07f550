"""How a check ends, other than well.

Verdict
├── Failed        the connector does something else than the contract says
├── Skipped       the check needs something that is not there
└── Unreachable   nobody listens at the address: there is nothing to check
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.kit.conformance.exchange import Exchange


class Verdict(Exception):
    """Base of all."""


class Failed(Verdict):
    """`expected` and `got` complete "expected …, got …". Without `got` the exchange says it: the last one, or
    the one given here. `hint` replaces the check's own."""

    def __init__(
        self, expected: str, got: str = "", *, exchange: Exchange | None = None, hint: str = ""
    ) -> None:
        super().__init__(f"expected {expected}" + (f", got {got}" if got else ""))
        self.expected = expected
        self.got = got
        self.exchange = exchange
        self.hint = hint


class Skipped(Verdict):
    """`str(…)` is what is missing."""


class Unreachable(Verdict):
    """`str(…)` says why."""
