"""All checks, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from connectors.kit.conformance.check import Check, Group
from connectors.kit.conformance.checks import (  # noqa: F401 - these add to the groups below
    call_contents,
    everywhere,
    lookup_mistakes,
)
from connectors.kit.conformance.checks.bearer import AUTH
from connectors.kit.conformance.checks.calls import CAL
from connectors.kit.conformance.checks.create import CRE
from connectors.kit.conformance.checks.deadline import DEA
from connectors.kit.conformance.checks.errors import ERR
from connectors.kit.conformance.checks.event_name import EVT
from connectors.kit.conformance.checks.framing import HTTP
from connectors.kit.conformance.checks.lookup import LKP
from connectors.kit.conformance.checks.matching import MAT
from connectors.kit.conformance.checks.ping import PNG
from connectors.kit.conformance.checks.privacy import PRV
from connectors.kit.conformance.checks.repeats import IDM
from connectors.kit.conformance.checks.signature import SIG

GROUPS: Final[Sequence[Group]] = (SIG, AUTH, EVT, LKP, MAT, CRE, CAL, PNG, IDM, DEA, HTTP, ERR, PRV)
for _group in GROUPS:  # which may stand in several modules
    _group.checks.sort(key=lambda check: check.id)
CHECKS: Final[Sequence[Check]] = tuple(check for group in GROUPS for check in group.checks)


def chosen(only: Sequence[str]) -> tuple[Check, ...]:
    """The checks whose id begins with one of `only` (`HUM-SIG`, `SIG-007`); all of them when it is empty.
    Raises ValueError naming what fits none."""
    wanted = [text.upper() if text.upper().startswith("HUM-") else f"HUM-{text.upper()}" for text in only]
    for given, text in zip(only, wanted, strict=True):
        if not any(check.id.startswith(text) for check in CHECKS):
            raise ValueError(f"no check's id begins with {given!r}")
    return tuple(check for check in CHECKS if not wanted or check.id.startswith(tuple(wanted)))


def group_of(check_id: str) -> Group:
    """The group that a check belongs to."""
    return next(group for group in GROUPS if check_id.startswith(f"HUM-{group.code}-"))
