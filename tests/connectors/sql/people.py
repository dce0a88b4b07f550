"""Whom the tests ask about, how the kit would see the answer, and the call that they log."""

from __future__ import annotations

from connectors.kit.contract import Agent, Call, Turn
from connectors.kit.phones import Phone, match, parse
from connectors.sql.connector import Sql

DANA = "+13175550142"


def phone(text: str = DANA) -> Phone:
    found = parse(text)
    assert found is not None
    return found


async def names(connector: Sql, number: str = DANA) -> list[str | None]:
    """Who is found, as the kit would see it, oldest first."""
    asked = phone(number)
    found = sorted(await connector.lookup(asked), key=lambda one: one.created)
    return [
        one.contact.name
        for one in found
        if any(match(asked, stored, connector.country) for stored in one.phones)
    ]


CALL = Call(
    "call_1", direction="inbound", from_=DANA, to="+13175550100", started_at="2026-11-20T21:01:12.040Z",
    ended_at="2026-11-20T21:05:09.123Z", duration_seconds=233.8, status="completed",
    summary="Moved her\ncleaning.", key_points=["Thursday suits", "Text her"], next_actions=["Send a text"],
    transcript=[Turn("agent", "Hello", 0.0), Turn("caller", "Hi\nthere", 64.2)],
    outcome={"appointment": "moved", "slots": [1]}, tags=["a", "b"], agent=Agent("f_1", "Iris"),
    sentiment="overwhelmingly positive", recording_url="https://r.example/1.mp3", revision=1,
)  # fmt: skip
