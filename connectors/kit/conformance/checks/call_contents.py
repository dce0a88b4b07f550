"""CAL, what stands in a call: unusual, long, unknown or wrong; and what the activity holds in the end."""

from __future__ import annotations

from typing import Any, Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.bodies import MARK, long_transcript
from connectors.kit.conformance.checks.calls import CAL, logs_call
from connectors.kit.conformance.checks.lookup import IGNORE
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import CALLS
from connectors.kit.conformance.stage import Stage

NEWEST: Final = (
    "Keep the revision with the activity and ignore what is lower; the rest replaces what was there."
)


@CAL.check(
    "HUM-CAL-012",
    "Call ids with unusual characters are ids like any other",
    rule=rules.SAME_CALL,
    hint="Take the id as a text: escape it where it goes into an address or a query.",
    profile="full",
    writes=True,
)
async def unusual_ids(hum: Hum, stage: Stage) -> None:
    for tail in ("/../x", "?a=b#c", " with spaces", "'\"<>&;", "_ümläut"):
        told = await stage.call(hum.new_id("call") + tail)
        _, first = await logs_call(hum, told)
        answer, second = await logs_call(hum, told)
        expect.same(answer, "activity_id", first, second)


@CAL.check(
    "HUM-CAL-013",
    "A transcript of 240,000 bytes is accepted",
    rule=rules.LARGE,
    hint="Raise the limit of the body to 4 MiB, and cut what the CRM cannot hold.",
    profile="full",
    writes=True,
)
async def long_call(hum: Hum, stage: Stage) -> None:
    told = await stage.call(hum.new_id("call"), transcript=long_transcript(240_000))
    expect.logged(await hum.send(hum.sync(told)))


@CAL.check(
    "HUM-CAL-014",
    "Unknown fields and unknown values are accepted",
    rule=rules.EVOLUTION,
    hint=IGNORE + " The same holds for values of status, role and sentiment.",
    profile="full",
    writes=True,
)
async def unknown_values(hum: Hum, stage: Stage) -> None:
    told = await stage.call(
        hum.new_id("call"), status="transferred", sentiment="mixed", future={"deep": [1, {"x": None}]}
    )
    told["transcript"] = [{"role": "supervisor", "text": "Hello.", "at": 1, "language": "en"}]
    told["agent"] = {"id": "flow_2", "name": "Iris", "version": 3}
    expect.logged(await hum.send(hum.sync(told, None)))


@CAL.check(
    "HUM-CAL-015",
    "Durations are numbers with or without decimals",
    rule=rules.CALL_FIELDS,
    hint="Read seconds as a decimal number; round where the CRM wants whole ones.",
    profile="full",
    writes=True,
)
async def durations(hum: Hum, stage: Stage) -> None:
    call_id = hum.new_id("call")
    for revision, seconds in enumerate((0, 233, 233.8, 86_399.999), 1):
        told = await stage.call(call_id, duration_seconds=seconds, revision=revision)
        expect.logged(await hum.send(hum.sync(told)))


@CAL.check(
    "HUM-CAL-016",
    "Letters of all scripts, quotes and markup in a call break nothing",
    rule=rules.CALL_FIELDS,
    hint="Pass texts as they are, as UTF-8; escape them where the CRM shows HTML.",
    profile="full",
    writes=True,
)
async def scripts(hum: Hum, stage: Stage) -> None:
    text = """Zoë 山田 مريم 😀 <script>alert('x')</script> & "O'Brien" \\ %s {{7*7}}\u2028\ttab"""
    told = await stage.call(hum.new_id("call"), summary=f"{MARK}: {text}", tags=[text], outcome={text: text})
    told["transcript"] = [{"role": "caller", "text": text, "at": 1}]
    expect.logged(await hum.send(hum.sync(told)))


async def _refuses(hum: Hum, *bodies: Any) -> None:
    for body in bodies:
        expect.bad_request(await hum.send(hum.signed(CALLS, body)))


@CAL.check(
    "HUM-CAL-017",
    "A body without a call is a mistake",
    rule=rules.CALL_FIELDS,
    hint="Answer 400 and name the field: HUM would take 2xx for a call that was logged.",
    profile="full",
    writes=True,
)
async def no_call(hum: Hum, stage: Stage) -> None:
    await _refuses(
        hum, {}, {"call": None}, {"call": "call_1", "contact": None}, {"call": [], "contact": None}
    )


@CAL.check(
    "HUM-CAL-018",
    "A call without an id is a mistake",
    rule=rules.CALL_FIELDS,
    hint="Without an id the call could not be found again: answer 400.",
    profile="full",
    writes=True,
)
async def no_id(hum: Hum, stage: Stage) -> None:
    for call_id in (None, "", 17):
        await _refuses(hum, {"call": {**await stage.call("x"), "id": call_id}, "contact": None})
    told = await stage.call("x")
    del told["id"]
    await _refuses(hum, {"call": told, "contact": None})


@CAL.check(
    "HUM-CAL-019",
    "What was said stands in the activity",
    rule=rules.CALL,
    hint="Write at least the summary into the activity.",
    profile="full",
    writes=True,
    needs="shown",
)
async def shown(hum: Hum, stage: Stage) -> None:
    word = hum.new_id("word")
    answer, activity = await logs_call(hum, await stage.call(hum.new_id("call"), summary=f"{MARK}: {word}"))
    if word not in await stage.show(activity):
        raise answer.failed("the summary in the activity", "an activity without it")


@CAL.check(
    "HUM-CAL-020",
    "A recording that comes late is added",
    rule=rules.SAME_CALL,
    hint=NEWEST,
    profile="full",
    writes=True,
    needs="shown",
)
async def late_recording(hum: Hum, stage: Stage) -> None:
    call_id = hum.new_id("call")
    await logs_call(hum, await stage.call(call_id, recording_url=None))
    url = f"https://recordings.example.com/{hum.new_id('rec')}.mp3"
    answer, activity = await logs_call(hum, await stage.call(call_id, recording_url=url, revision=2))
    if url not in await stage.show(activity):
        raise answer.failed("the recording's address in the activity", "an activity without it")


@CAL.check(
    "HUM-CAL-021",
    "A lower revision undoes nothing",
    rule=rules.REVISION,
    hint=NEWEST,
    profile="full",
    writes=True,
    needs="shown",
)
async def undoes_nothing(hum: Hum, stage: Stage) -> None:
    call_id, newer, older_word = hum.new_id("call"), hum.new_id("newer"), hum.new_id("older")
    await logs_call(hum, await stage.call(call_id, summary=f"{MARK}: {newer}", revision=7))
    answer, activity = await logs_call(
        hum, await stage.call(call_id, summary=f"{MARK}: {older_word}", revision=3)
    )
    text = await stage.show(activity)
    if newer not in text or older_word in text:
        raise answer.failed("the summary of revision 7 in the activity", "that of revision 3")


@CAL.check(
    "HUM-CAL-022",
    "A higher revision replaces what it corrects",
    rule=rules.SAME_CALL,
    hint=NEWEST,
    profile="full",
    writes=True,
    needs="shown",
)
async def replaces(hum: Hum, stage: Stage) -> None:
    call_id, newer, older_word = hum.new_id("call"), hum.new_id("newer"), hum.new_id("older")
    await logs_call(hum, await stage.call(call_id, summary=f"{MARK}: {older_word}", revision=1))
    answer, activity = await logs_call(hum, await stage.call(call_id, summary=f"{MARK}: {newer}", revision=2))
    text = await stage.show(activity)
    if newer not in text or older_word in text:
        raise answer.failed("the summary of revision 2 alone in the activity", "something else")
