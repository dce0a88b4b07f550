"""Faults of logging calls: crashes, doubles, and activities that have something else than was told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.connectors.conformance.faults import fault, is_good
from tests.connectors.conformance.reference import (
    CRASH,
    Ask,
    Asked,
    Reply,
    World,
    says,
)


def _breaks(title: str, *ids: str, when: Callable[[Asked], Any], also: str = "ERR-004") -> None:
    """A fault: calls of this kind crash the connector."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        hit = is_good(asked, world, "/calls") and asked.call.get("id") and when(asked)
        hit = hit and asked.get("x-hum-event") == "call.sync" and isinstance(asked.call["id"], str)
        return CRASH if hit else await ask(asked)

    fault(title, *ids, also=also)(run)


@fault("the answer to a call has no activity", "CAL-001", also=None)
async def no_activity(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(200, {"ok": True}) if asked.path == "/calls" and reply.status == 200 else reply


_breaks("a call with a contact crashes", "CAL-002", when=lambda asked: asked.fields.get("contact"))
_breaks(
    "a call without `contact` crashes",
    "CAL-003",
    when=lambda asked: "contact" not in asked.fields,
)


@fault("a call whose contact is null crashes", "CAL-003", also=None)
async def null_contact(asked: Asked, ask: Ask, world: World) -> Reply:
    return (
        CRASH if is_good(asked, world, "/calls") and asked.fields.get("contact") is None else await ask(asked)
    )


_breaks("a call of which only the id is known crashes", "CAL-004", when=lambda a: "direction" not in a.call)
_breaks("a missed call crashes", "CAL-005", when=lambda a: a.call.get("answered_at", "") is None)
_breaks("an outbound call crashes", "CAL-006", when=lambda a: a.call.get("direction") == "outbound")
_breaks(
    "a call without a revision crashes",
    "CAL-010",
    when=lambda a: "direction" in a.call and "revision" not in a.call,
)
_breaks(
    "unknown values of enumerations crash", "CAL-014", when=lambda a: a.call.get("status") == "transferred"
)
_breaks("whole numbers of seconds crash", "CAL-015", when=lambda a: a.call.get("duration_seconds") == 233)
_breaks("letters beyond the basic plane crash", "CAL-016", when=lambda a: "😀" in str(a.call))
_breaks("a transcript beyond 64 KiB crashes", "CAL-013", when=lambda a: len(a.body) > 65_536)


def _anew(title: str, *ids: str, when: Callable[[Asked, World], bool], also: str = "") -> None:
    """A fault: such a call is a new activity each time."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        if asked.path != "/calls" or reply.status != 200:
            return reply
        again = when(asked, world)
        world.memo[asked.call["id"]] = asked.call
        world.memo["n"] = world.memo.get("n", 0) + 1
        activity = f"{reply.data['activity_id']}-{world.memo['n']}" if again else reply.data["activity_id"]
        world.connector.calls[activity] = world.connector.calls[reply.data["activity_id"]]
        return reply.with_fields(activity_id=activity)

    fault(title, *ids, also=also)(run)


_anew(
    "every request is a new activity",
    *("CAL-007", "IDM-006", "IDM-007"),
    when=lambda asked, world: True,
    also="CAL-008 CAL-009 CAL-010 CAL-012 PNG-008",
)
_anew(
    "a higher revision is a new activity",
    "CAL-008",
    when=lambda asked, world: (
        world.memo.get(asked.call["id"], {}).get("revision", 9) < asked.call.get("revision", 0)
    ),
)


@fault("a lower revision is refused", "CAL-009", also="CAL-021")
async def older_refused(asked: Asked, ask: Ask, world: World) -> Reply:
    revision, known = asked.call.get("revision"), world.memo.get(asked.call.get("id"))
    if isinstance(revision, int) and known is not None and revision < known and asked.path == "/calls":
        return says(409, {"error": "conflict", "message": "an older revision"})
    reply = await ask(asked)
    if isinstance(revision, int) and reply.status == 200:
        world.memo[asked.call["id"]] = revision
    return reply


@fault("calls of one number and time are taken for one", "CAL-011", also=None)
async def same_minute(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    if asked.path != "/calls" or reply.status != 200:
        return reply
    key = (asked.call.get("from"), asked.call.get("started_at"))
    return reply.with_fields(activity_id=world.memo.setdefault(key, reply.data["activity_id"]))


@fault("a call's id goes unescaped into an address", "CAL-012")
async def id_in_address(asked: Asked, ask: Ask, world: World) -> Reply:
    odd = is_good(asked, world, "/calls") and any(c in str(asked.call.get("id")) for c in "/?#")
    return says(502, {"error": "crm_failed", "message": "the CRM answered 404"}) if odd else await ask(asked)


@fault("a body without a call is answered 200", "CAL-017", also="CAL-018")
async def callless(asked: Asked, ask: Ask, world: World) -> Reply:
    reply = await ask(asked)
    return says(200, {"activity_id": "0"}) if asked.path == "/calls" and reply.status == 422 else reply


@fault("a call without an id is logged", "CAL-018")
async def idless(asked: Asked, ask: Ask, world: World) -> Reply:
    idless = is_good(asked, world, "/calls") and asked.call and not asked.call.get("id")
    return says(200, {"activity_id": "0"}) if idless else await ask(asked)


def _shows(title: str, *ids: str, what: Callable[[str, list[dict[str, Any]]], str], also: str = "") -> None:
    """A fault: the activity has something else than it should; `what` is told all that came of the call."""

    async def run(asked: Asked, ask: Ask, world: World) -> Reply:
        reply = await ask(asked)
        if asked.path == "/calls" and reply.status == 200:
            activity = reply.data["activity_id"]
            told = world.memo.setdefault(("told", activity), [])
            told.append(asked.call)
            world.memo["shown", activity] = what(activity, told) or " "
        return reply

    fault(title, *ids, also=also)(run)


_shows(
    "the summary is not stored",
    "CAL-019",
    what=lambda _, told: str(told[-1].get("recording_url")),
    also="CAL-021 CAL-022",
)
_shows(
    "a recording that comes late is ignored",
    "CAL-020",
    what=lambda _, told: str(max(told, key=lambda c: c.get("revision", 0)) | {"recording_url": None}),
)
_shows("a lower revision overwrites", "CAL-021", what=lambda _, told: str(told[-1]))
_shows("later revisions are added below", "CAL-022", what=lambda _, told: str(told), also="CAL-021")
