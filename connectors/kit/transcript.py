"""A call as text for a person: summary, key points, next actions, outcome, and who said what.

A CRM's note has a limit, and a transcript often none. What matters most stands first, and what is cut off is
said to be: a text that ends in the middle without a word looks complete.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from connectors.kit.contract import Call, Turn

MARKER: Final = "\n[cut here: the whole text is in HUM]"

_FAR_BACK: Final = 60  # characters, at most, given up for an end between two words
_GAP = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def transcript_text(call: Call, limit: int) -> str:
    """The text, of at most `limit` characters: UTF-16 units, which is how most CRMs count, and never fewer
    than the Unicode characters. Empty when nothing was said and nothing is known."""
    text = "\n\n".join(f"{title}\n{body}" for title, body in _sections(call) if body)
    if _length(text) <= limit:
        return text
    room = limit - _length(MARKER)
    return text[: _end(text, room)].rstrip() + MARKER if room > 0 else text[: _end(text, max(limit, 0))]


def _sections(call: Call) -> Iterator[tuple[str, str]]:
    yield "Summary", _CONTROL.sub("", call.summary or "").strip()
    yield "Key points", _list(call.key_points)
    yield "Next actions", _list(call.next_actions)
    yield "Outcome", "\n".join(f"{_line(str(name))}: {_value(value)}" for name, value in call.outcome.items())
    yield "Transcript", "\n".join(_turn(turn) for turn in call.transcript)


def _list(entries: list[str]) -> str:
    return "\n".join(f"- {_line(entry)}" for entry in entries)


def _value(value: object) -> str:
    return _line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _turn(turn: Turn) -> str:
    said = f"{_line(turn.role).capitalize()}: {_line(turn.text)}"
    return said if turn.at is None or not math.isfinite(turn.at) else f"{_clock(turn.at)} {said}"


def _clock(seconds: float) -> str:
    minutes, second = divmod(max(0, int(seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def _line(text: str) -> str:
    return _GAP.sub(" ", text).strip()


def _length(text: str) -> int:
    """In UTF-16 units: two for what lies beyond the first 65,536 characters."""
    return len(text) + sum(character > "\uffff" for character in text)


def _end(text: str, room: int) -> int:
    """Where to cut: what stands before fits into `room`, and no visible character is torn apart."""
    end, used = 0, 0
    for character in text:
        used += 2 if character > "\uffff" else 1
        if used > room:
            break
        end += 1
    earliest = max(0, end - _FAR_BACK)
    gap = max(text.rfind(" ", earliest, end), text.rfind("\n", earliest, end))
    if gap > 0 and end < len(text) and not text[end].isspace():
        return gap
    return next((place for place in range(end, earliest, -1) if not _joined(text, place)), end)


def _joined(text: str, place: int) -> bool:
    """Whether the characters before and behind this place are seen as one."""
    if place >= len(text):
        return False
    behind, before = text[place], text[place - 1]
    if before == "\u200d" or unicodedata.category(behind) in ("Mn", "Mc", "Me", "Cf"):
        return True
    if "\U0001f3fb" <= behind <= "\U0001f3ff" or "\u1160" <= behind <= "\u11ff":  # skin, Korean syllables
        return True
    return _is_flag_letter(behind) and _flag_letters_before(text, place) % 2 == 1


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _flag_letters_before(text: str, place: int) -> int:
    count = 0
    while count < place and _is_flag_letter(text[place - 1 - count]):
        count += 1
    return count
