"""LKP: who has the number, who has it not, and nothing in between.

`lookup_mistakes` has what is no number.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.hum import ORG, Hum
from connectors.kit.conformance.request import LOOKUP
from connectors.kit.conformance.stage import Stage

LKP: Final = Group("LKP", "Contact lookup")

TEXTS: Final = ("name", "first_name", "last_name", "email", "phone", "company", "title", "url", "notes")
IGNORE: Final = "Read the fields you know and ignore the others: HUM may add some at any time."


@LKP.check(
    "HUM-LKP-001",
    'An unknown number is answered {"found": false}',
    rule=rules.LOOKUP,
    hint='Answer 200 {"found": false} when the CRM was asked and has nobody with the number.',
)
async def unknown(hum: Hum, stage: Stage) -> None:
    expect.not_found(await hum.send(hum.lookup(await stage.unknown())))


@LKP.check(
    "HUM-LKP-002",
    '"Not found" is answered with status 200',
    rule=rules.PRACTICE,
    hint="HUM takes 404 with a body, too; but a proxy or a framework that answers 404 on its own looks the "
    "same.",
    strict_only=True,
)
async def unknown_status(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup(await stage.unknown()))
    expect.same(answer, "status", 200, answer.status)


@LKP.check(
    "HUM-LKP-003",
    '"Not found" carries no contact',
    rule=rules.LOOKUP,
    hint='Leave "contact" out when nobody was found.',
)
async def unknown_bare(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup(await stage.unknown()))
    if answer.is_object and answer.data.get("found") is False and answer.data.get("contact") is not None:
        raise answer.failed('no "contact" beside "found": false', '"contact" is there')


@LKP.check(
    "HUM-LKP-004",
    "A known number is found, with its contact",
    rule=rules.LOOKUP,
    hint="Search for the number in every notation the CRM may hold it in, then compare in E.164.",
    needs="known",
)
async def known(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    answer = await hum.send(hum.lookup(person.phone))
    contact = expect.found(answer)
    if person.known.id is not None:
        expect.same(answer, "contact.id", person.known.id, contact["id"])


@LKP.check(
    "HUM-LKP-005",
    "The contact has the name that the CRM holds",
    rule=rules.CONTACT,
    hint="Send the whole name in `name`; the parts may stand in first_name and last_name besides.",
    needs="known",
)
async def known_name(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    answer = await hum.send(hum.lookup(person.phone))
    contact = expect.found(answer)
    if person.known.name is not None:
        expect.same(answer, "contact.name", person.known.name, contact.get("name"))


@LKP.check(
    "HUM-LKP-006",
    '"matches" counts the contacts, and "match" says how',
    rule=rules.LOOKUP,
    hint='"matches" is a whole number from 1 on; "match" is "exact" or "suffix".',
    needs="known",
)
async def known_match(hum: Hum, stage: Stage) -> None:
    person = await stage.known()
    answer = await hum.send(hum.lookup(person.phone))
    expect.found(answer)
    expect.same(answer, "matches", person.known.matches, answer.data.get("matches"))
    if type(answer.data.get("matches")) is not int:
        raise answer.failed("matches: a whole number", f"matches: {answer.data.get('matches')!r}")
    if answer.data.get("match") not in ("exact", "suffix"):
        raise answer.failed('match: "exact" or "suffix"', f"match: {answer.data.get('match')!r}")


@LKP.check(
    "HUM-LKP-007",
    "Optional fields of the contact are texts, and `fields` is an object",
    rule=rules.CONTACT,
    hint="Leave out what the CRM does not hold; numbers and dates go as text.",
    needs="known",
)
async def contact_types(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup((await stage.known()).phone))
    contact = expect.found(answer)
    for name in TEXTS:
        if contact.get(name) is not None and not isinstance(contact[name], str):
            raise answer.failed(f"contact.{name}: a text", f"contact.{name}: {contact[name]!r}")
    if contact.get("fields") is not None and not isinstance(contact["fields"], dict):
        raise answer.failed("contact.fields: an object", f"contact.fields: {contact['fields']!r}")


@LKP.check(
    "HUM-LKP-008",
    "The contact's phone is in E.164",
    rule=rules.CONTACT,
    hint="Write the number as +13175550142, however the CRM holds it.",
    needs="known",
)
async def contact_phone(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup((await stage.known()).phone))
    phone = expect.found(answer).get("phone")
    if phone is not None and not is_e164(phone):
        raise answer.failed("contact.phone in E.164", f"contact.phone: {phone!r}")


def is_e164(phone: Any) -> bool:
    """Whether it is a plus and 7 to 15 digits."""
    digits = phone[1:] if isinstance(phone, str) and phone.startswith("+") else ""
    return digits.isascii() and digits.isdigit() and 7 <= len(digits) <= 15 and digits[0] != "0"


@LKP.check(
    "HUM-LKP-009",
    "The contact's phone is the number that was asked for",
    rule=rules.CONTACT,
    hint="Of several numbers of a contact, answer the one that matched: HUM takes another one for a mistake.",
    needs="known",
)
async def contact_same_phone(hum: Hum, stage: Stage) -> None:
    asked = (await stage.known()).phone
    answer = await hum.send(hum.lookup(asked))
    phone = expect.found(answer).get("phone")
    if is_e164(phone):
        expect.same(answer, "contact.phone", asked, phone)


@LKP.check(
    "HUM-LKP-010",
    "The contact's url is https",
    rule=rules.CONTACT,
    hint="Send the address at which a person opens the contact, beginning with https://, or leave it out.",
    needs="known",
)
async def contact_url(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup((await stage.known()).phone))
    url = expect.found(answer).get("url")
    if url is not None and not _is_https(str(url)):
        raise answer.failed("contact.url: an https address", f"contact.url: {url!r}")


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc and " " not in url


@LKP.check(
    "HUM-LKP-011",
    "The contact has no fields that HUM does not know",
    rule=rules.CONTACT,
    hint="HUM ignores them: what belongs to this CRM alone goes into `fields`.",
    strict_only=True,
    needs="known",
)
async def contact_fields(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.lookup((await stage.known()).phone))
    contact = expect.found(answer)
    unknown = set(contact) - {"id", "fields", *TEXTS}
    unknown |= set(answer.data) - {"found", "contact", "matches", "match"}
    if unknown:
        raise answer.failed("fields of the contract only", ", ".join(sorted(unknown)))


@LKP.check(
    "HUM-LKP-012",
    "A lookup changes nothing: the same one is answered alike",
    rule=rules.READ_ONLY,
    hint="Do not note down in the CRM that somebody asked.",
    needs="known",
)
async def known_twice(hum: Hum, stage: Stage) -> None:
    phone = (await stage.known()).phone
    first = await hum.send(hum.lookup(phone))
    expect.found(first)
    second = await hum.send(hum.lookup(phone))
    expect.same(second, "the answer", first.data, second.data)


@LKP.check(
    "HUM-LKP-013",
    "A lookup creates nothing: an unknown number stays unknown",
    rule=rules.READ_ONLY,
    hint="Contacts are made by POST /contacts alone, when HUM asks for it.",
)
async def unknown_twice(hum: Hum, stage: Stage) -> None:
    phone = await stage.fresh()
    for _ in range(3):
        expect.not_found(await hum.send(hum.lookup(phone)))


@LKP.check(
    "HUM-LKP-014",
    "Unknown fields of the request are ignored",
    rule=rules.EVOLUTION,
    hint=IGNORE,
)
async def unknown_fields(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(
        await stage.unknown(), attestation="A", future={"a": [1, None]}, big=10**30, contact={"id": "x"}
    )
    expect.not_found(await hum.send(request))


@LKP.check(
    "HUM-LKP-015",
    "A phone alone is enough",
    rule=rules.LOOKUP,
    hint="org_id, call_id and direction say what the lookup is for; they may be missing or null.",
)
async def phone_alone(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    expect.not_found(await hum.send(hum.signed(LOOKUP, {"phone": phone})))
    body = {"phone": phone, "org_id": ORG, "call_id": None, "direction": None}
    expect.not_found(await hum.send(hum.signed(LOOKUP, body)))


@LKP.check(
    "HUM-LKP-016",
    "The direction does not change who has the number",
    rule=rules.LOOKUP,
    hint="The number is always the other party's; look it up in the same way for both directions.",
    needs="known",
)
async def direction(hum: Hum, stage: Stage) -> None:
    phone = (await stage.known()).phone
    ids: list[Any] = []
    for value in ("inbound", "outbound", "sideways"):
        answer = await hum.send(hum.lookup(phone, direction=value))
        ids.append(expect.found(answer)["id"])
        expect.same(answer, "contact.id", ids[0], ids[-1])
