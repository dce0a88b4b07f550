"""Every fault is found, by the check that is there for it, and no others fail; every check finds one.

The quick form runs the group that the fault belongs to, the long form all checks.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence

import pytest

from connectors.kit.conformance import expect
from connectors.kit.conformance.catalogue import CHECKS, GROUPS, group_of
from tests.connectors.conformance.faults import FAULTS, Fault
from tests.connectors.conformance.reference import checked

for _name in ("admission", "lookups", "creating", "telling", "repeating", "answers"):
    importlib.import_module(f"tests.connectors.conformance.faults.{_name}")

pytestmark = [pytest.mark.anyio, pytest.mark.proof]

CODES = [group.code for group in GROUPS]


def faults_of(code: str) -> list[Fault]:
    return [fault for fault in FAULTS if group_of(fault.caught_by[0]).code == code]


async def wrong_about(fault: Fault, only: Sequence[str]) -> str:
    """What the report says otherwise than it should; "" when it is right."""
    report = await checked(fault.run, **{"only": tuple(only), **fault.options})
    ran = {result.check.id for result in report.results}
    expected = (set(fault.caught_by) | (fault.also or set())) & ran
    missed, others = set(fault.caught_by) - report.failed_ids, report.failed_ids - expected
    if fault.also is None:
        others = set()
    absent = expected - report.failed_ids - missed
    parts = [("missed by", missed), ("also failed", others), ("did not fail", absent)]
    return "; ".join(f"{what} {', '.join(sorted(ids))}" for what, ids in parts if ids)


def own_groups(fault: Fault) -> list[str]:
    groups = {f"{group_of(check_id).code}-" for check_id in fault.caught_by}
    return sorted(groups | ({fault.beside} if fault.beside else set()))


@pytest.mark.parametrize("code", CODES)
async def test_every_fault_is_found_by_its_check(code: str) -> None:
    """H1, quick."""
    wrong = {fault.title: await wrong_about(fault, own_groups(fault)) for fault in faults_of(code)}
    assert not {title: what for title, what in wrong.items() if what}
    checks = {check_id for fault in faults_of(code) for check_id in fault.caught_by}
    print(
        f"{code:<4} {len(wrong):>2} seeded faults, each found by its check ({len(checks)} checks); 0 missed"
    )


@pytest.mark.long
async def test_every_fault_is_found_and_nothing_else_fails() -> None:
    """H1, long: all checks against every fault, and the table of both."""
    for fault in FAULTS:
        assert not (what := await wrong_about(fault, ())), f"{fault.title}: {what}"
        also = "" if fault.also is not None else "  (and much else)"
        print(f"{fault.title:<70} {' '.join(fault.caught_by)}{also}")
    print(f"{len(FAULTS)} seeded faults found, 0 missed")


async def test_the_good_connector_has_no_failure() -> None:
    report = await checked()
    assert not report.failures
    assert not report.skipped
    print(
        f"the reference connector: {len(report.passed)} of {len(CHECKS)} checks passed, 0 failed, 0 skipped"
    )


async def test_every_check_finds_a_fault() -> None:
    """A check that can find nothing would be a decoration."""
    found = {check_id for fault in FAULTS for check_id in fault.caught_by}
    assert found == {check.id for check in CHECKS}
    assert len(FAULTS) >= 40
    assert len({fault.title for fault in FAULTS}) == len(FAULTS)
    print(f"{len(FAULTS)} faults for {len(CHECKS)} checks: each check finds one that it is there for")


async def test_a_blind_suite_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: when refusals are no longer demanded, the faults of verifying go unnoticed."""
    monkeypatch.setattr(expect, "refused", lambda answer: None)
    lost = [fault for fault in faults_of("AUTH") if await wrong_about(fault, ("AUTH-",))]
    assert len(lost) >= 10
    print(f"control: without expect.refused {len(lost)} of {len(faults_of('AUTH'))} AUTH faults are missed")
