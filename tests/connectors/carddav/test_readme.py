"""The README leads from nothing to a logged call."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.carddav.connector import CardDavConnector
from tests.connectors.readme import ROOT, follow, free_ports, settings_named

README = ROOT / "connectors" / "carddav" / "README.md"


def test_every_setting_is_explained() -> None:
    assert settings_named(README, CardDavConnector)


@pytest.mark.proof
def test_from_nothing_to_a_logged_call(tmp_path: Path) -> None:
    printed = follow(README, tmp_path, free_ports(5232, 9100), timeout=120)
    assert '"name": "Ada Example"' in printed
    assert '"activity_id": "/me/people/ada.vcf#call_1"' in printed
    assert "Prefers Thursdays.\\n2026-11-20 21:05 UTC" in printed
    print("CardDAV's README, followed command by command: an address book, a lookup, a logged call")
