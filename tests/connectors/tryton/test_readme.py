"""The README leads from nothing to a logged call."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.tryton.connector import TrytonConnector
from tests.connectors.readme import ROOT, follow, free_ports, settings_named

README = ROOT / "connectors" / "tryton" / "README.md"


def test_every_setting_is_explained() -> None:
    assert settings_named(README, TrytonConnector)


@pytest.mark.long
@pytest.mark.proof
def test_from_nothing_to_a_logged_call(tmp_path: Path) -> None:
    printed = follow(README, tmp_path, free_ports(8000, 9100), timeout=300)
    assert '"name": "Ada Example"' in printed
    assert '"activity_id": "1#call_1"' in printed
    assert "2026-11-20 21:05 UTC, inbound call" in printed
    print("Tryton's README, followed command by command: a database, a key, a lookup, a logged call")
