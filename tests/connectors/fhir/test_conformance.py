"""Proof: against a running FHIR server the connector passes every check of the contract; two that do what
seems right at first are caught."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from pathlib import Path

import pytest

from connectors.fhir import mapping
from connectors.fhir.connector import FhirConnector
from connectors.kit.conformance import Known, Options, Seed
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, ContactRef
from connectors.kit.phones import Phone
from tests.connectors.fhir.server import Clinic
from tests.support.conforming import conforming, failures, told

pytestmark = [pytest.mark.anyio, pytest.mark.proof]


class OnlyE164(FhirConnector):
    """A control: asks for the number as HUM writes it."""

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        found = await self._fhir.search("Patient", {"telecom": phone.e164})
        return [one for patient in found if (one := mapping.candidate(patient, self.country))]


class OneMore(FhirConnector):
    """A control: what is said later about a call is one more Communication."""

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        made, _ = await self._fhir.create(mapping.communication(call, None, self._system))
        return str(made["id"])


def seeded(clinic: Clinic) -> Seed:
    known = clinic.patient("Dana Quillfeather", "+1 (317) 555-0142")
    local = clinic.patient("Lars Local", "(317) 555-0143")
    clinic.patient("Olga", "+13175550144")
    clinic.patient("Nora", "+13175550144")
    return Seed(
        {
            "+13175550142": Known(id=known, name="Dana Quillfeather", stored="+1 (317) 555-0142"),
            "+13175550143": Known(id=local, stored="(317) 555-0143"),
            "+13175550144": Known(matches=2),
        },
        ("+13175550199",),
    )


@pytest.mark.parametrize("timed", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_every_check_against_a_running_server(clinic: Clinic, tmp_path: Path, timed: bool) -> None:
    async def show(activity: str) -> str:
        return json.dumps(await asyncio.to_thread(clinic.send, "GET", f"Communication/{activity}"))

    options = Options(seed=seeded(clinic), allow_writes=True, show_activity=show, timeout=20, total=240)
    report = await conforming(clinic.connector(), tmp_path / "ledger.sqlite", options)
    print(f"FHIR, Medplum's router: {told(report)}")
    assert failures(report, timed=timed) == []
    assert report.skipped == []


@pytest.mark.parametrize(
    ("broken", "only"), [(OnlyE164, ("HUM-LKP", "HUM-MAT")), (OneMore, ("HUM-CAL-007", "HUM-CAL-008"))]
)
async def test_the_check_finds(
    broken: type[FhirConnector], only: tuple[str, ...], clinic: Clinic, tmp_path: Path
) -> None:
    options = Options(seed=seeded(clinic), allow_writes=True, only=only)
    report = await conforming(broken.from_settings(clinic.settings()), tmp_path / "ledger.sqlite", options)
    print(f"control: {broken.__name__} fails {', '.join(sorted(report.failed_ids))}")
    assert report.failed_ids
