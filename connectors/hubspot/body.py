"""The body of a call in HubSpot: HTML of at most 65,536 characters, made of sections under fixed headings.

HUM sends an update with only what has changed. So the sections that an update brings replace those of the
same heading in the body that is there, and the others stay; so does what a person wrote above or below them.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from html import escape
from itertools import pairwise
from typing import Any, Final

from connectors.kit.contract import Agent, Call, Turn

LIMIT: Final = 65_536  # of a property, counted in UTF-16 units
SHARE: Final = 5_000  # of any section but the transcript, when the whole is too long
LEAST: Final = 200  # of any section: with less room the body stays as it is
CUT: Final = "<em>[cut here: HubSpot takes 65,536 characters]</em>"

TRANSCRIPT: Final = "Transcript"
HEADINGS: Final = (
    "Summary",
    "Key points",
    "Next actions",
    "Outcome",
    "Status",
    "Sentiment",
    "Tags",
    "Agent",
    "Answered",
    "Ended",
    "Recording",
    TRANSCRIPT,
)

# A section is one paragraph. Tolerant of what HubSpot's editor adds when a person edits the text.
_SECTION = re.compile(
    rf"<p[^>]*>\s*<strong[^>]*>\s*({'|'.join(HEADINGS)})\s*</strong>.*?(?:</p>|\Z)", re.DOTALL
)
_WRAPPED = re.compile(r"\s*<div[^>]*>(.*)</div>\s*", re.DOTALL)
_BREAK = re.compile(r"<br\s*/?>")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_HALF_ENTITY = re.compile(r"&[^;]{0,6}$")


def sections(call: Call) -> dict[str, str]:
    """What is known of the call, each part as HTML under its heading."""
    lines: dict[str, Iterable[str]] = {
        "Summary": _text(call.summary),
        "Key points": _listed(call.key_points),
        "Next actions": _listed(call.next_actions),
        "Outcome": _listed(f"{name}: {_plain(value)}" for name, value in call.outcome.items()),
        "Status": _text(call.status),
        "Sentiment": _text(call.sentiment),
        "Tags": _text(", ".join(call.tags)),
        "Agent": _text(_agent(call.agent)),
        "Answered": _text(call.answered_at),
        "Ended": _text(call.ended_at),
        "Recording": _text(None if is_https(call.recording_url) else call.recording_url),
        TRANSCRIPT: [_turn(turn) for turn in call.transcript],
    }
    return {heading: _section(heading, found) for heading, part in lines.items() if (found := list(part))}


def merge(existing: str, parts: Mapping[str, str]) -> str:
    """The body that is there, with `parts` in the place of those it had under the same headings. As it was,
    when a person has filled it."""
    above, known, below = split(existing)
    merged = {**known, **parts}
    room = LIMIT - length(above + below)
    return above + render(merged, room) + below if room > LEAST * len(merged) else existing


def render(parts: Mapping[str, str], room: int = LIMIT) -> str:
    """The sections in their order, in so many characters."""
    ordered = {heading: parts[heading] for heading in HEADINGS if heading in parts}
    whole = "".join(ordered.values())
    return whole if length(whole) <= room else _shortened(ordered, room)


def split(body: str) -> tuple[str, dict[str, str], str]:
    """The sections by heading, and what stands above the first one and below."""
    if wrapped := _WRAPPED.fullmatch(body):
        body = wrapped[1]
    found = [*_SECTION.finditer(body)]
    above = body[: found[0].start()] if found else body
    between = [body[one.end() : other.start()] for one, other in pairwise(found)]
    below = "".join([*between, body[found[-1].end() :] if found else ""])
    return above, {one[1]: one[0] for one in found}, below


def length(text: str) -> int:
    """As HubSpot counts: a character outside the basic plane is two."""
    return len(text) + sum(character > "\uffff" for character in text)


def is_https(url: str | None) -> bool:
    """Whether HubSpot takes it as the address of a recording."""
    return url is not None and re.fullmatch(r"https://[^\s/]\S*", url) is not None


def _shortened(parts: dict[str, str], room: int) -> str:
    """The transcript gives way first: it gets what the others leave."""
    transcript = parts.pop(TRANSCRIPT, None)
    share = min(SHARE, room // (len(parts) + 1))
    above = "".join(_fitted(part, share) for part in parts.values())
    return above if transcript is None else above + _fitted(transcript, room - length(above))


def _fitted(part: str, room: int) -> str:
    """A section within `room`: whole lines as long as they fit, half a line when not even the first does."""
    if length(part) <= room:
        return part
    room -= length(f"<br>{CUT}</p>")
    lines = _BREAK.split(part.removesuffix("</p>"))
    kept: list[str] = []
    for line in lines:
        if length(line) > room:
            if len(kept) < 2:
                kept.append(_half(line, room))
            break
        kept.append(line)
        room -= length(line) + len("<br>")
    return "<br>".join([*kept, CUT]) + "</p>"


def _half(line: str, room: int) -> str:
    half = line[: max(room, 0)]
    while length(half) > room > 0:
        half = half[: -(length(half) - room)]
    return _HALF_ENTITY.sub("", half)


def _section(heading: str, lines: list[str]) -> str:
    return f"<p><strong>{heading}</strong><br>{'<br>'.join(lines)}</p>"


def _text(text: str | None) -> list[str]:
    """A text, line by line, as HTML."""
    return [escape(_clean(line)) for line in (text or "").strip().splitlines()]


def _listed(items: Iterable[str]) -> list[str]:
    return ["• " + escape(_one_line(item)) for item in items if item.strip()]


def _turn(turn: Turn) -> str:
    at = f"[{_clock(turn.at)}] " if turn.at is not None and 0 <= turn.at < math.inf else ""
    role = _one_line(turn.role)
    return escape(f"{at}{role[:1].upper()}{role[1:]}: {_one_line(turn.text)}")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _agent(agent: Agent | None) -> str:
    return " ".join(filter(None, (agent.name, f"({agent.id})" if agent.id else ""))) if agent else ""


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    return _clean(" ".join(text.split()))


def _clean(text: str) -> str:
    return _CONTROL.sub("", text)
