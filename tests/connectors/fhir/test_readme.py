"""The README leads from nothing to a logged call."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.fhir.connector import FhirConnector
from tests.connectors.fhir.server import missing
from tests.connectors.readme import ROOT, follow, free_ports, settings_named

README = ROOT / "connectors" / "fhir" / "README.md"


def test_every_setting_is_explained() -> None:
    assert settings_named(README, FhirConnector)


@pytest.mark.long
@pytest.mark.proof
def test_from_nothing_to_a_logged_call(tmp_path: Path) -> None:
    if (reason := missing()) is not None:
        pytest.skip(reason)
    printed = follow(README, tmp_path, free_ports(8103, 9100), timeout=300)
    assert '"name": "Ada Example"' in printed
    assert '"activity_id": "' in printed
    assert '"text":"2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed"' in printed
    print("FHIR's README, followed command by command: a server, a patient, a lookup, a logged call")
