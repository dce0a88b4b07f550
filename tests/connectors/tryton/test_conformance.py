"""Proof: against a running Tryton the connector passes every check of the contract; two that do what seems
right at first are caught."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from connectors.kit.conformance import Known, Options, Seed
from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, ContactRef
from connectors.kit.phones import Phone
from connectors.tryton import mapping
from connectors.tryton.connector import TrytonConnector
from connectors.tryton.mapping import MECHANISM, MECHANISM_FIELDS, NOTE
from tests.connectors.tryton.server import Crm
from tests.support.conforming import conforming, failures, told

pytestmark = [pytest.mark.anyio, pytest.mark.proof]


class OnlyE164(TrytonConnector):
    """A control: trusts that Tryton could read every number."""

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        domain = [["value_compact", "=", phone.e164]]
        found = await self._tryton.search(MECHANISM, domain, MECHANISM_FIELDS)
        return mapping.candidates(found, "", self.country)


class NoteByNote(TrytonConnector):
    """A control: what is said later about a call is one more note."""

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        party = await self._party(call, contact, [])
        values = {"resource": f"party.party,{party}", "message": mapping.note_text(call)}
        return str((await self._tryton.create(NOTE, values, ["id"]))["id"])


def seeded(crm: Crm) -> Seed:
    known = crm.party("Dana Quillfeather", ("phone", "+1 (317) 555-0142"))
    local = crm.party("Lars Local", ("other", "(317) 555-0143"))
    old = crm.party("Olga", ("phone", "+13175550144"))
    crm.party("Nora", ("mobile", "+13175550144"))
    return Seed(
        {
            "+13175550142": Known(id=known, name="Dana Quillfeather", stored="+1 (317) 555-0142"),
            "+13175550143": Known(id=local, stored="(317) 555-0143"),
            "+13175550144": Known(id=old, matches=2),
        },
        ("+13175550199",),
    )


@pytest.mark.parametrize("timed", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_every_check_against_a_running_server(crm: Crm, tmp_path: Path, timed: bool) -> None:
    async def show(activity: str) -> str:
        party, _, call = activity.partition("#")
        notes = await asyncio.to_thread(crm.notes, party)
        return "\n".join(note for note in notes if note.endswith(f"[hum:{call}]"))

    options = Options(seed=seeded(crm), allow_writes=True, show_activity=show, timeout=20, total=240)
    report = await conforming(crm.connector(), tmp_path / "ledger.sqlite", options)
    print(f"Tryton: {told(report)}")
    assert failures(report, timed=timed) == []
    assert report.skipped == []


@pytest.mark.parametrize(
    ("broken", "only"), [(OnlyE164, ("HUM-LKP", "HUM-MAT")), (NoteByNote, ("HUM-CAL-007", "HUM-CAL-008"))]
)
async def test_the_check_finds(
    broken: type[TrytonConnector], only: tuple[str, ...], crm: Crm, tmp_path: Path
) -> None:
    options = Options(seed=seeded(crm), allow_writes=True, only=only)
    report = await conforming(broken.from_settings(crm.settings()), tmp_path / "ledger.sqlite", options)
    print(f"control: {broken.__name__} fails {', '.join(sorted(report.failed_ids))}")
    assert report.failed_ids
