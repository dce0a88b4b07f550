"""IDM: HUM tries again what got no answer, and the second time must not do it twice.

Guards against replays are welcome, as long as a retry (same delivery, signed anew) passes.
"""

from __future__ import annotations

from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.stage import Stage
from connectors.kit.conformance.verdict import Skipped

IDM: Final = Group("IDM", "Repeats")

RETRY: Final = (
    "A retry has the same X-HUM-Delivery and webhook-id, signed anew: answer it like the first one."
)
CLAIM: Final = (
    "Claim the number or the call before asking the CRM, so that whoever comes second waits or finds it."
)


@IDM.check("HUM-IDM-001", "A lookup that is tried again is answered alike", rule=rules.DELIVERY, hint=RETRY)
async def lookup(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    for _ in range(3):
        expect.not_found(await hum.send(request))
        request = hum.again(request)


@IDM.check("HUM-IDM-002", "A ping that is tried again is answered alike", rule=rules.DELIVERY, hint=RETRY)
async def ping(hum: Hum, stage: Stage) -> None:
    request = hum.ping()
    for _ in range(3):
        expect.alive(await hum.send(request))
        request = hum.again(request)


@IDM.check(
    "HUM-IDM-003",
    "A create that is tried again makes one contact",
    rule=rules.ONCE,
    hint="Look the number up before creating; answer the contact that is there.",
    profile="full",
    writes=True,
)
async def create(hum: Hum, stage: Stage) -> None:
    phone = await stage.fresh()
    request = hum.create(phone, name=stage.name())
    first, _ = expect.created(await hum.send(request))
    await stage.until_found(phone)
    for _ in range(2):
        request = hum.again(request)
        answer = await hum.send(request)
        expect.same(answer, "contact.id", first["id"], expect.created(answer)[0]["id"])
    answer = await hum.send(hum.lookup(phone))
    expect.found(answer)
    expect.same(answer, "matches", 1, answer.data.get("matches"))


@IDM.check(
    "HUM-IDM-004",
    "A create that is tried again at once makes one contact, even before the CRM finds the first",
    rule=rules.ONCE,
    hint="Searches of a CRM lag behind: remember for some minutes which delivery made which contact.",
    profile="full",
    writes=True,
)
async def create_at_once(hum: Hum, stage: Stage) -> None:
    request = hum.create(await stage.fresh(), name=stage.name())
    first, _ = expect.created(await hum.send(request))
    answer = await hum.send(hum.again(request))
    expect.same(answer, "contact.id", first["id"], expect.created(answer)[0]["id"])


@IDM.check(
    "HUM-IDM-005",
    "Five creates of one number at the same time make one contact",
    rule=rules.CREATE,
    hint=CLAIM,
    profile="full",
    writes=True,
)
async def creates_in_parallel(hum: Hum, stage: Stage) -> None:
    phone, name = await stage.fresh(), stage.name()
    answers = await hum.send_all(hum.create(phone, name=name) for _ in range(5))
    done = [answer for answer in answers if answer.status not in (429, 503)]
    if not done:
        raise answers[0].failed("at least one contact", "429 or 503 for all")
    ids = {expect.created(answer)[0]["id"] for answer in done}
    if len(ids) != 1:
        raise done[-1].failed("one contact", f"{len(ids)}: {', '.join(sorted(ids))}")


@IDM.check(
    "HUM-IDM-006",
    "A call that is tried again is one activity",
    rule=rules.DELIVERY,
    hint="The same call id is the same activity, and so much more the same delivery.",
    profile="full",
    writes=True,
)
async def same_call(hum: Hum, stage: Stage) -> None:
    request = hum.sync(await stage.call(hum.new_id("call")))
    first = expect.logged(await hum.send(request))
    for _ in range(2):
        request = hum.again(request)
        answer = await hum.send(request)
        expect.same(answer, "activity_id", first, expect.logged(answer))


@IDM.check(
    "HUM-IDM-007",
    "Ten times the same call at the same time is one activity",
    rule=rules.SAME_CALL,
    hint=CLAIM,
    profile="full",
    writes=True,
)
async def calls_in_parallel(hum: Hum, stage: Stage) -> None:
    told = await stage.call(hum.new_id("call"))
    answers = await hum.send_all(hum.sync(told) for _ in range(10))
    done = [answer for answer in answers if answer.status not in (409, 429, 503)]
    if not done:
        raise answers[0].failed("at least one activity", "409, 429 or 503 for all")
    ids = {expect.logged(answer) for answer in done}
    if ids == {None}:
        raise Skipped('a CRM that has calls: this one answers "not_supported"')
    if len(ids) != 1:
        raise done[-1].failed("one activity", f"{len(ids)}: {', '.join(sorted(map(str, ids)))}")
