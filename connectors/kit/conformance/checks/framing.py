"""HTTP: methods, types, limits, odd bodies; nothing that a request holds may break the connector."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import Final
from urllib.parse import urlsplit

from connectors.kit.conformance import expect, rules
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import ORG, Hum
from connectors.kit.conformance.request import LOOKUP, Endpoint
from connectors.kit.conformance.stage import Stage
from connectors.kit.conformance.verdict import Failed

HTTP: Final = Group("HTTP", "HTTP, limits, odd bodies")

PARSE: Final = "Catch what the parser raises, and answer 400."
BIG: Final = 5 * 1024 * 1024


@HTTP.check(
    "HUM-HTTP-001",
    "The address is https",
    rule=rules.HTTPS,
    hint="Put the connector behind TLS; plain http is for this machine alone.",
    strict_only=True,
)
async def https(hum: Hum, stage: Stage) -> None:
    parts = urlsplit(hum.base)
    if parts.scheme != "https" and not _is_loopback(parts.hostname or ""):
        raise Failed("an address that begins with https://", hum.base)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@HTTP.check(
    "HUM-HTTP-002",
    "Answers say that they are JSON",
    rule=rules.TYPES,
    hint="Send Content-Type: application/json with every answer.",
    strict_only=True,
)
async def content_type(hum: Hum, stage: Stage) -> None:
    for answer in (await hum.send(hum.lookup(await stage.unknown())), await hum.send(hum.ping())):
        kind = answer.header("content-type")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise answer.failed("Content-Type: application/json", f"Content-Type: {kind or 'nothing'}")


@HTTP.check(
    "HUM-HTTP-003",
    "No endpoint redirects",
    rule=rules.NO_REDIRECT,
    hint="Answer at the very address: a framework may redirect for a slash at the end, a proxy to https or "
    "www.",
)
async def no_redirect(hum: Hum, stage: Stage) -> None:
    for request in (hum.lookup(await stage.unknown()), hum.ping()):
        answer = await hum.send(request)
        if 300 <= answer.status < 400:
            location = answer.header("location")
            raise answer.failed("no redirect", f"HTTP {answer.status} to {location}")


@HTTP.check(
    "HUM-HTTP-004",
    "GET is not answered like POST",
    rule=rules.LOOKUP,
    hint="Answer 405: with GET, numbers would end up in addresses and logs.",
)
async def get(hum: Hum, stage: Stage) -> None:
    for request in (hum.lookup(await stage.unknown()), hum.ping()):
        answer = await hum.send(replace(request, method="GET"))
        if answer.status < 400 or answer.status >= 500:
            raise answer.failed("HTTP 405 (or another 4xx)")


@HTTP.check(
    "HUM-HTTP-005",
    "A path that is none is answered 404",
    rule=rules.NOT_FOUND,
    hint="Do not answer unknown paths with a page or a default: HUM tells a wrong base URL by the bare 404.",
)
async def other_path(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    for path in ("/contacts/lookup/more", "/contact", "/nothing-here"):
        answer = await hum.send(hum.signed(Endpoint(path, LOOKUP.event), {"phone": phone}))
        if expect.says_not_found(answer):
            raise answer.failed("HTTP 404 without a verdict", 'an answer with {"found": false}')
        if answer.status not in (404, 405) and (hum.strict or answer.status < 400):
            raise answer.failed("HTTP 404")


async def _mistaken(hum: Hum, *bodies: bytes) -> None:
    for body in bodies:
        expect.bad_request(await hum.send(hum.signed(LOOKUP, body)))


@HTTP.check("HUM-HTTP-006", "A body that is no JSON is a mistake", rule=rules.TYPES, hint=PARSE)
async def no_json(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, b'{"phone": "+13175550142"', b"phone=%2B13175550142", b"<phone/>", b"\x00\x01\x02")


@HTTP.check("HUM-HTTP-007", "An empty body is a mistake", rule=rules.TYPES, hint=PARSE)
async def empty_body(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, b"", b" \r\n")


@HTTP.check(
    "HUM-HTTP-008",
    "JSON that is no object is a mistake",
    rule=rules.TYPES,
    hint="Check that the body is an object before reading fields from it.",
)
async def no_object(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, b"[]", b"null", b"17", b'"+13175550142"', b"true", b'[{"phone":"+13175550142"}]')


@HTTP.check(
    "HUM-HTTP-009",
    "A body that is not UTF-8 is a mistake",
    rule=rules.TYPES,
    hint="Decode strictly as UTF-8, catch the error, and answer 400.",
)
async def not_utf8(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, b'{"phone": "+1317555\xff\xfe"}', '{"phone": "é"}'.encode("latin-1"))


@HTTP.check(
    "HUM-HTTP-010",
    "A body nested a hundred thousand deep is a mistake",
    rule=rules.TYPES,
    hint="A recursive parser runs out of stack: catch RecursionError, or limit the depth.",
)
async def deep(hum: Hum, stage: Stage) -> None:
    await _mistaken(hum, b"[" * 100_000, b'{"a":' * 100_000)


@HTTP.check(
    "HUM-HTTP-011",
    "Escapes that stand for no character break nothing",
    rule=rules.TYPES,
    hint="Half of a surrogate pair is legal in JSON and in no encoding: answer 400, or replace it.",
)
async def lone_surrogates(hum: Hum, stage: Stage) -> None:
    phone = (await stage.unknown()).encode()
    for body in (
        b'{"phone":"%s","call_id":"\\ud800"}' % phone,
        b'{"phone":"\\ud83d"}',
        b'{"phone":"%s","call_id":"\\u0000"}' % phone,
        b'{"phone":"%s\\u0000"}' % phone,
    ):
        expect.no_crash(await hum.send(hum.signed(LOOKUP, body)))


@HTTP.check(
    "HUM-HTTP-012",
    "Numbers of five thousand digits break nothing",
    rule=rules.EVOLUTION,
    hint="Some parsers raise on integers this long: catch it, and answer 400, or ignore the field.",
)
async def huge_numbers(hum: Hum, stage: Stage) -> None:
    phone = (await stage.unknown()).encode()
    for number in (b"9" * 5000, b"1e999", b"-1e-999"):
        body = b'{"phone":"%s","org_id":"%s","future":%s}' % (phone, ORG.encode(), number)
        expect.no_crash(await hum.send(hum.signed(LOOKUP, body)))


@HTTP.check(
    "HUM-HTTP-013",
    "A body of 5 MiB is refused, or at least breaks nothing",
    rule=rules.LARGE,
    hint="HUM sends 4 MiB at most: read no more, so that nobody fills the memory, and answer 413.",
)
async def big_body(hum: Hum, stage: Stage) -> None:
    body = {"phone": await stage.unknown(), "org_id": ORG, "padding": "x" * BIG}
    answer = await hum.try_to_send(hum.signed(LOOKUP, body), timeout=20)
    if answer is None:
        return  # it hung up, which refuses as well
    expect.no_crash(answer)
    if hum.strict and answer.status < 400:
        raise answer.failed("HTTP 413")


@HTTP.check(
    "HUM-HTTP-014",
    "A body that comes in chunks is read whole",
    rule=rules.PRACTICE,
    hint="Do not rely on Content-Length: proxies send a body on in chunks.",
    strict_only=True,
)
async def chunked(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown(), padding="x" * 30_000)
    expect.not_found(await hum.send(replace(request, chunked=True)))


@HTTP.check(
    "HUM-HTTP-015",
    "Header names count in any case",
    rule=rules.PRACTICE,
    hint="Names of headers have no case: proxies and HTTP/2 write all of them small.",
)
async def lower_case_headers(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    small = tuple((name.lower(), value) for name, value in request.headers)
    expect.not_found(await hum.send(replace(request, headers=small)))


@HTTP.check(
    "HUM-HTTP-016",
    "Unknown headers are ignored",
    rule=rules.EVOLUTION,
    hint="Read the headers you know and ignore the others.",
)
async def unknown_headers(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    for name, value in (
        ("CDN-Loop", "hum-gateway; id=conformance"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("X-HUM-Future", "1"),
    ):
        request = request.having(name, value)
    expect.not_found(await hum.send(request))


@HTTP.check(
    "HUM-HTTP-017",
    "Answers are not compressed uninvited",
    rule=rules.ANSWERS,
    hint="HUM sends Accept-Encoding: identity and decodes nothing: switch compression off for these paths.",
)
async def not_compressed(hum: Hum, stage: Stage) -> None:
    for answer in (await hum.send(hum.lookup(await stage.unknown())), await hum.send(hum.ping())):
        encoding = answer.header("content-encoding").lower()
        if encoding not in ("", "identity"):
            raise answer.failed("no Content-Encoding", f"Content-Encoding: {encoding}")


@HTTP.check(
    "HUM-HTTP-018",
    "Twenty lookups at once are all answered",
    rule=rules.LOOKUP,
    hint="Answer 429 or 503 when there are too many; HUM asks again, or does without.",
    when="alone",
)
async def at_once(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    for answer in await hum.send_all(hum.lookup(phone) for _ in range(20)):
        if answer.status not in (429, 503):
            expect.not_found(answer)


@HTTP.check(
    "HUM-HTTP-019",
    "A known contact is never lost in a crowd of lookups",
    rule=rules.NOT_FOUND,
    hint='When the CRM refuses, is busy or fails, answer 429, 502 or 503: {"found": false} would be '
    "believed. "
    "Keep nothing of a request in variables that requests share.",
    needs="known",
    when="alone",
)
async def crowd(hum: Hum, stage: Stage) -> None:
    known, unknown = (await stage.known()).phone, await stage.unknown()
    own = expect.found(await hum.send(hum.lookup(known)))["id"]
    answers = await hum.send_all(hum.lookup(phone) for _ in range(12) for phone in (known, unknown))
    for answer in answers[0::2]:
        if answer.status < 400 or expect.says_not_found(answer):
            expect.same(answer, "contact.id", own, expect.found(answer)["id"])
        else:
            _expect_honest_error(answer)
    for answer in answers[1::2]:
        if answer.is_object and answer.data.get("found") is True:
            raise answer.failed('{"found": false}', "another one's contact")


def _expect_honest_error(answer: Answer) -> None:
    if answer.status not in (429, 502, 503, 504):
        raise answer.failed("the contact, or HTTP 429, 502, 503 or 504")
