"""A call in a note, for CRMs that have no calls: one line that says what it was, and a mark to find it by.

    2026-11-20 21:05 UTC, inbound call, 3 min 5 s, completed, with Iris [hum:call_1]

What was said is `transcript`'s, and where the note stands the connector's.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, unquote

from connectors.kit.contract import Call

LONGEST_LINE: Final = 1_000  # characters

# No bracket stands in an id as `mark` writes it; were one let in, every "[hum:" of a line would be read to
# its end.
_MARK = re.compile(r"\[hum:([^\[\]\s]+)\]\s*\Z")


def headline(call: Call) -> str:
    """When it was, what kind of call, how long, and how it ended, as far as that is known."""
    facts = (
        _moment(call.started_at or call.ended_at or call.updated_at),
        f"{call.direction} call" if call.direction else "call",
        _duration(call.duration_seconds),
        (call.status or "").replace("_", " "),
        f"with {call.agent.name}" if call.agent and call.agent.name else "",
    )
    return ", ".join(told for fact in facts if (told := one_line(fact)))


def mark(call_id: str) -> str:
    """`[hum:call_1]`, for the end of a line. Spaces and brackets of the id are encoded."""
    return f"[hum:{quote(call_id, safe='-._~')}]"


def marked(line: str) -> str | None:
    """The id of the call that this line tells of; None for a line that somebody else wrote."""
    found = _MARK.search(line)
    return unquote(found[1]) if found else None


def one_line(text: str) -> str:
    """Without line ends and control characters, and not endless."""
    shown = (character for character in text if character.isprintable() or character.isspace())
    flat = " ".join("".join(shown).split())
    return flat if len(flat) <= LONGEST_LINE else f"{flat[: LONGEST_LINE - 1]}…"


def _moment(text: str | None) -> str:
    try:
        moment = datetime.fromisoformat(text or "")
    except ValueError:
        return ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment.tzinfo else ""


def _duration(seconds: float | None) -> str:
    if seconds is None or not 0 <= seconds < 1e9:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
