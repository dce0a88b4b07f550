"""Which side of a call or a message is the organization's own."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.domain.own_number import shows_own

OFFICE, CALLER = "+13175550100", "+13175550142"


@pytest.mark.parametrize(
    ("event_type", "data", "own"),
    [
        ("call.completed", {"direction": "inbound", "from": CALLER, "to": OFFICE}, OFFICE),
        ("call.completed", {"direction": "outbound", "from": OFFICE, "to": CALLER}, OFFICE),
        ("sms.received", {"from": CALLER, "to": OFFICE}, OFFICE),
        ("sms.sent", {"from": OFFICE, "to": CALLER}, OFFICE),
        ("sms.delivered", {"from": OFFICE, "to": CALLER, "direction": None}, OFFICE),
        ("call.completed", {"from": CALLER, "to": OFFICE}, None),
        ("anything.else", {"direction": "sideways", "from": CALLER, "to": OFFICE}, None),
    ],
)
def test_sides(event_type: str, data: dict[str, Any], own: str | None) -> None:
    raw = json.dumps(data).encode()
    assert shows_own(event_type, raw, OFFICE) == (own == OFFICE)
    assert not shows_own(event_type, raw, CALLER)


def test_odd_data_shows_nothing() -> None:
    for raw in (
        b"",
        b"[]",
        b"{",
        b'{"direction": 7}',
        b'{"direction": "inbound", "to": 7}',
        b"[" * 9000,
        b"\xff",
    ):
        assert not shows_own("call.completed", raw, OFFICE)
