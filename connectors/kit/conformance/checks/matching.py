"""MAT: which numbers are the same, and which only look alike."""

from __future__ import annotations

from typing import Final

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import NEEDS, Group
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.numbers import elsewhere, same_ending
from connectors.kit.conformance.seed import expected_match
from connectors.kit.conformance.stage import Person, Stage
from connectors.kit.conformance.verdict import Skipped

MAT: Final = Group("MAT", "Matching of numbers")

VERIFY: Final = (
    "Search over-inclusively, then compare every hit in E.164; a stored number without a country is one of "
    "the "
    "CRM's own country."
)


async def _not_taken_for(hum: Hum, person: Person, lookalike: str | None) -> None:
    """Asks for a number that looks like the person's."""
    if lookalike is None:
        raise Skipped(f"a number that looks like {person.phone}")
    own = expect.found(await hum.send(hum.lookup(person.phone)))
    answer = await hum.send(hum.lookup(lookalike))
    if answer.is_object and answer.data.get("found") is True:
        got = expect.contact(answer)
        if got["id"] == own["id"]:
            raise answer.failed(f"somebody else than who has {person.phone}", f"contact.id: {got['id']!r}")


@MAT.check(
    "HUM-MAT-001",
    "A number stored with its country is an exact match",
    rule=rules.MATCHING,
    hint='"exact" means that the stored number itself says its country and is the one asked for.',
    needs="known",
)
async def exact(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    expected = expected_match(person.phone, person.known)
    if expected is None:
        raise Skipped('a contact stored with its country: name one in --seed, with "stored" or "match"')
    answer = await hum.send(hum.lookup(person.phone))
    expect.found(answer)
    expect.same(answer, "match", expected, answer.data.get("match"))


@MAT.check(
    "HUM-MAT-002",
    "A number stored without its country is found",
    rule=rules.MATCHING,
    hint="Search for the national notation and the bare digits, too: (317) 555-0142, 3175550142.",
    needs="local",
)
async def local_found(hum: Hum, stage: Stage) -> None:
    person = await stage.local()
    answer = await hum.send(hum.lookup(person.phone))
    contact = expect.found(answer)
    if person.known.id is not None:
        expect.same(answer, "contact.id", person.known.id, contact["id"])


@MAT.check(
    "HUM-MAT-003",
    "A number stored without its country is a suffix match",
    rule=rules.MATCHING,
    hint='Say "suffix": HUM shows that the country was assumed.',
    needs="local",
)
async def local_match(hum: Hum, stage: Stage) -> None:
    person = await stage.local()
    answer = await hum.send(hum.lookup(person.phone))
    expect.found(answer)
    expect.same(answer, "match", "suffix", answer.data.get("match"))


@MAT.check(
    "HUM-MAT-004",
    "A number stored without its country is not one of another country",
    rule=rules.MATCHING,
    hint=VERIFY,
    needs="local",
)
async def local_elsewhere(hum: Hum, stage: Stage) -> None:
    person = await stage.local()
    await _not_taken_for(hum, person, elsewhere(person.phone))


@MAT.check(
    "HUM-MAT-005",
    "The same digits behind another country's code are somebody else",
    rule=rules.MATCHING,
    hint=VERIFY,
    needs="known",
)
async def known_elsewhere(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    await _not_taken_for(hum, person, elsewhere(person.phone))


@MAT.check(
    "HUM-MAT-006",
    "The same last seven digits behind another area code are somebody else",
    rule=rules.MATCHING,
    hint="Comparing the last digits alone finds strangers: compare whole numbers.",
    needs="known",
)
async def known_ending(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    await _not_taken_for(hum, person, same_ending(person.phone))


@MAT.check(
    "HUM-MAT-007",
    "A longer number that begins like a known one is somebody else",
    rule=rules.MATCHING,
    hint="A search for a part of the number finds others: compare whole numbers.",
    needs="known",
)
async def known_longer(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    await _not_taken_for(hum, person, person.phone + "7")
    await _not_taken_for(hum, person, person.phone[:-1])


@MAT.check(
    "HUM-MAT-008",
    "A shared number says how many share it",
    rule=rules.MATCHING,
    hint='"matches" counts every contact that has the number, not only the one in the answer.',
    needs="shared",
)
async def shared_count(hum: Hum, stage: Stage) -> None:
    person = await stage.shared()
    answer = await hum.send(hum.lookup(person.phone))
    expect.found(answer)
    expect.same(answer, "matches", person.known.matches, answer.data.get("matches"))


@MAT.check(
    "HUM-MAT-009",
    "A shared number is always answered with the same contact",
    rule=rules.MATCHING,
    hint="Sort by when the contacts were made, the oldest first, and by id where that is equal.",
    needs="shared",
)
async def shared_first(hum: Hum, stage: Stage) -> None:
    person = await stage.shared()
    expected = person.known.id
    for answer in await hum.send_all(hum.lookup(person.phone) for _ in range(6)):
        contact = expect.found(answer)
        expected = contact["id"] if expected is None else expected
        expect.same(answer, "contact.id", expected, contact["id"])


@MAT.check(
    "HUM-MAT-010",
    "Every contact of the seed is found, and is the right one",
    rule=rules.LOOKUP,
    hint="Search for every notation that the CRM may hold: look at how this contact is stored.",
    needs="seeded",
)
async def all_of_the_seed(hum: Hum, stage: Stage) -> None:
    people = stage.all_of_the_seed()
    if not people:
        raise Skipped(NEEDS["seeded"])
    for person in people:
        answer = await hum.send(hum.lookup(person.phone))
        contact = expect.found(answer)
        if person.known.id is not None:
            expect.same(answer, "contact.id", person.known.id, contact["id"])
        expect.same(answer, "matches", person.known.matches, answer.data.get("matches"))
        if (match := expected_match(person.phone, person.known)) is not None:
            expect.same(answer, "match", match, answer.data.get("match"))


@MAT.check(
    "HUM-MAT-011",
    "Every unknown number of the seed is unknown",
    rule=rules.LOOKUP,
    hint="Somebody has it, or a search for parts of the number was taken for a match.",
)
async def none_of_the_unknown(hum: Hum, stage: Stage) -> None:
    for phone in stage.unknown_of_the_seed() or [await stage.unknown()]:
        expect.not_found(await hum.send(hum.lookup(phone)))
