"""Whom the tests ask about, how the kit would see the answer, and the call that they log."""

from __future__ import annotations

from connectors.hubspot.connector import HubSpot as Connector
from connectors.kit.contract import Call, Turn
from connectors.kit.phones import Phone, match, parse

DANA = "+13175550142"


def phone(text: str = DANA) -> Phone:
    found = parse(text)
    assert found is not None
    return found


async def names(connector: Connector, number: str = DANA) -> list[str]:
    """Who is found, as the kit would see it: candidates that really have the number, oldest first."""
    asked = phone(number)
    found = sorted(await connector.lookup(asked), key=lambda one: one.created)
    return [
        one.contact.name or one.contact.id
        for one in found
        if any(match(asked, stored, connector.country) for stored in one.phones)
    ]


CALL = Call(
    "call_1", direction="inbound", from_=DANA, to="+13175550100", started_at="2026-11-20T21:01:12.040Z",
    duration_seconds=12.5, status="completed", summary="Moved her <b>cleaning</b>.",
    transcript=[Turn("caller", "Hi", 1.0)], revision=1,
)  # fmt: skip
