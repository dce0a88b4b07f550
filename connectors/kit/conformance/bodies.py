"""The calls that checks tell of: plainly invented, marked as checks. Who calls whom is the stage's to say."""

from __future__ import annotations

from typing import Any, Final

MARK: Final = "HUM conformance check"


def call(call_id: str, phone: str, office: str, **more: Any) -> dict[str, Any]:
    """A finished inbound call to `office`, with everything that HUM knows of one; `more` replaces fields."""
    return {
        "id": call_id,
        "direction": "inbound",
        "from": phone,
        "to": office,
        "started_at": "2026-11-20T21:01:12.040Z",
        "answered_at": "2026-11-20T21:01:15.310Z",
        "ended_at": "2026-11-20T21:05:09.123Z",
        "duration_seconds": 233.8,
        "status": "completed",
        "summary": f"{MARK}: the caller moved an appointment. May be deleted.",
        "key_points": ["Wants another day", "Thursday suits"],
        "next_actions": ["Send a reminder"],
        "transcript": [
            {"role": "system", "text": "This call may be recorded.", "at": 0},
            {"role": "agent", "text": "Maple Grove Dental, how can I help?", "at": 3.3},
            {"role": "caller", "text": "I need another day, please.", "at": 8.9},
        ],
        "recording_url": None,
        "outcome": {"appointment": "rescheduled", "attempts": 2, "confirmed": True},
        "tags": ["appointment"],
        "agent": {"id": "flow_front_desk", "name": "Iris"},
        "sentiment": "positive",
        "revision": 1,
        "updated_at": "2026-11-20T21:05:31.000Z",
        **more,
    }


def minimal_call(call_id: str) -> dict[str, Any]:
    """All that is certain of a call."""
    return {"id": call_id}


def long_transcript(size: int) -> list[dict[str, Any]]:
    """Turns of together about `size` bytes as JSON, with letters of several scripts."""
    text = "Could you – por favor – move it to Thursday, 木曜日? Gern, half past ten. "
    turn = len(text.encode()) + 40
    return [
        {"role": "caller" if at % 2 else "agent", "text": text, "at": at * 2.5} for at in range(size // turn)
    ]
