"""CAL: every call becomes one activity, whatever is known of it, and however often it is told.

These checks write: activities whose summary is marked, most of them without a contact. `call_contents` has
what stands in a call, and what becomes of it.
"""

from __future__ import annotations

from typing import Any, Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.bodies import minimal_call
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import CALLS
from connectors.kit.conformance.stage import Stage
from connectors.kit.conformance.verdict import Skipped

CAL: Final = Group("CAL", "Call sync")

LEDGER: Final = "Remember which call became which activity, durably, and update that one."


async def logs_call(
    hum: Hum, told: dict[str, Any], contact: dict[str, Any] | None = None
) -> tuple[Answer, str]:
    """The answer and the activity's id; Skipped where the CRM has no calls."""
    answer = await hum.send(hum.sync(told, contact))
    activity = expect.logged(answer)
    if activity is None:
        raise Skipped('a CRM that has calls: this one answers "not_supported"')
    return answer, activity


@CAL.check(
    "HUM-CAL-001",
    "A call is logged, or said to be not supported",
    rule=rules.CALL,
    hint='Answer 200 {"activity_id": "…"}; or {"activity_id": null, "skipped": "not_supported"} where the '
    "CRM has "
    "no calls.",
    profile="full",
    writes=True,
)
async def logs(hum: Hum, stage: Stage) -> None:
    expect.logged(await hum.send(hum.sync(await stage.call(hum.new_id("call")))))


@CAL.check(
    "HUM-CAL-002",
    "A call is logged with its contact",
    rule=rules.CALL_FIELDS,
    hint="`contact` is the id that the lookup answered: attach the activity to that contact.",
    profile="full",
    writes=True,
)
async def with_contact(hum: Hum, stage: Stage) -> None:
    made = await stage.made()
    told = await stage.call(hum.new_id("call"), made.phone)
    expect.logged(await hum.send(hum.sync(told, {"id": made.id, "phone": made.phone})))


@CAL.check(
    "HUM-CAL-003",
    "A call without a contact is accepted",
    rule=rules.CALL_FIELDS,
    hint="`contact` is null when nobody knows the caller: log the call with its numbers, or skip it.",
    profile="full",
    writes=True,
)
async def without_contact(hum: Hum, stage: Stage) -> None:
    expect.logged(await hum.send(hum.sync(await stage.call(hum.new_id("call")), None)))
    body = {"call": await stage.call(hum.new_id("call"))}
    expect.logged(await hum.send(hum.signed(CALLS, body)))


@CAL.check(
    "HUM-CAL-004",
    "A call of which only the id is known is accepted",
    rule=rules.CALL_FIELDS,
    hint="Only `id` is certain; give the CRM what it needs from what is there, or defaults.",
    profile="full",
    writes=True,
)
async def minimal(hum: Hum, stage: Stage) -> None:
    expect.logged(await hum.send(hum.sync(minimal_call(hum.new_id("call")))))


@CAL.check(
    "HUM-CAL-005",
    "A call that nobody answered is accepted",
    rule=rules.CALL_FIELDS,
    hint="answered_at, summary, transcript and the like are missing or null for missed calls.",
    profile="full",
    writes=True,
)
async def missed(hum: Hum, stage: Stage) -> None:
    told = await stage.call(
        hum.new_id("call"), status="missed", answered_at=None, duration_seconds=0, sentiment=None
    )
    told.update(transcript=[], key_points=[], next_actions=[], outcome={}, agent=None)
    expect.logged(await hum.send(hum.sync(told)))


@CAL.check(
    "HUM-CAL-006",
    "An outbound call is accepted",
    rule=rules.CALL_FIELDS,
    hint="In outbound calls `to` is the other party, and `from` the office.",
    profile="full",
    writes=True,
)
async def outbound(hum: Hum, stage: Stage) -> None:
    told = await stage.call(hum.new_id("call"), direction="outbound")
    told["from"], told["to"] = told["to"], told["from"]
    expect.logged(await hum.send(hum.sync(told)))


@CAL.check(
    "HUM-CAL-007",
    "The same call told again is the same activity",
    rule=rules.SAME_CALL,
    hint=LEDGER,
    profile="full",
    writes=True,
)
async def told_again(hum: Hum, stage: Stage) -> None:
    told = await stage.call(hum.new_id("call"))
    _, first = await logs_call(hum, told)
    answer, second = await logs_call(hum, told)
    expect.same(answer, "activity_id", first, second)


@CAL.check(
    "HUM-CAL-008",
    "A higher revision is the same activity",
    rule=rules.SAME_CALL,
    hint=LEDGER,
    profile="full",
    writes=True,
)
async def revised(hum: Hum, stage: Stage) -> None:
    call_id = hum.new_id("call")
    _, first = await logs_call(hum, await stage.call(call_id))
    for revision in (2, 5):
        answer, again = await logs_call(
            hum, await stage.call(call_id, revision=revision, sentiment="neutral")
        )
        expect.same(answer, "activity_id", first, again)


@CAL.check(
    "HUM-CAL-009",
    "A lower revision is answered 2xx, as the same activity",
    rule=rules.REVISION,
    hint="It came late and is no mistake: answer 200 with the activity, and change nothing.",
    profile="full",
    writes=True,
)
async def older(hum: Hum, stage: Stage) -> None:
    call_id = hum.new_id("call")
    _, first = await logs_call(hum, await stage.call(call_id, revision=7))
    answer, again = await logs_call(hum, await stage.call(call_id, revision=3))
    expect.same(answer, "activity_id", first, again)


@CAL.check(
    "HUM-CAL-010",
    "A call without a revision is accepted, again and again",
    rule=rules.CALL_FIELDS,
    hint="`revision` may be missing: take it as the lowest.",
    profile="full",
    writes=True,
)
async def no_revision(hum: Hum, stage: Stage) -> None:
    told = await stage.call(hum.new_id("call"))
    del told["revision"], told["updated_at"]
    _, first = await logs_call(hum, told)
    answer, second = await logs_call(hum, told)
    expect.same(answer, "activity_id", first, second)


@CAL.check(
    "HUM-CAL-011",
    "Two calls are two activities, even of the same minute and number",
    rule=rules.SAME_CALL,
    hint="The call id alone says which call it is; do not compare times and numbers.",
    profile="full",
    writes=True,
)
async def two_calls(hum: Hum, stage: Stage) -> None:
    _, first = await logs_call(hum, await stage.call(hum.new_id("call")))
    answer, second = await logs_call(hum, await stage.call(hum.new_id("call")))
    if first == second:
        raise answer.failed("another activity for another call", f"activity_id: {second!r} again")
