"""SIG: the signature is checked, over the bytes that came, with the whole secret.

All of this is tried on lookups; `everywhere` has the other endpoints.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from connectors.kit.conformance import expect, rules, signing
from connectors.kit.conformance.check import Group
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.request import LOOKUP, Endpoint, Request
from connectors.kit.conformance.stage import Stage

SIG: Final = Group("SIG", "Signature")

OTHER_SECRET: Final = "whsec_b3RoZXItc2VjcmV0LW9mLXNvbWVib2R5LWVsc2UhISE="  # noqa: S105
SIGNATURES: Final = ("X-HUM-Signature", "webhook-id", "webhook-timestamp", "webhook-signature")

RAW: Final = (
    "Read the body as bytes, compute HMAC-SHA256 over exactly these, compare in constant time, and parse "
    "only then."
)


def wrongly_signed(hum: Hum, request: Request) -> Request:
    """Both signatures made with another secret; the bearer is right."""
    good = request.header("Authorization")
    endpoint = Endpoint(request.path, request.header("X-HUM-Event"))
    return hum.signed(endpoint, request.body, secret=OTHER_SECRET).having("Authorization", good)


@SIG.check(
    "HUM-SIG-001",
    "A request signed as the contract says is accepted",
    rule=rules.SIGNED,
    hint="Is it the same secret on both sides? The key is the whole text, whsec_ included; the content is "
    "the raw "
    "body; the value is sha256= and lower-case hex.",
)
async def signed(hum: Hum, stage: Stage) -> None:
    answer = await hum.send(hum.ping())
    if not 200 <= answer.status < 300:
        raise answer.failed("HTTP 2xx")


@SIG.check("HUM-SIG-002", "A lookup without a signature is refused", rule=rules.UNAUTHORIZED, hint=RAW)
async def unsigned_lookup(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown()).without(*SIGNATURES)
    expect.refused(await hum.send(request))


@SIG.check("HUM-SIG-003", "A lookup signed with another secret is refused", rule=rules.UNAUTHORIZED, hint=RAW)
async def other_secret(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    expect.refused(await hum.send(wrongly_signed(hum, request)))


@SIG.check(
    "HUM-SIG-004",
    "A lookup whose body was changed after signing is refused",
    rule=rules.SIGNED,
    hint=RAW,
)
async def changed_body(hum: Hum, stage: Stage) -> None:
    signed_one = hum.lookup(await stage.unknown())
    other = hum.lookup(await stage.fresh())
    await hum.send(signed_one)
    expect.refused(await hum.send(Request(other.path, signed_one.headers, other.body)))


@SIG.check(
    "HUM-SIG-005",
    "White space behind the body counts: it was not signed",
    rule=rules.SIGNED,
    hint="Do not strip the body, and do not parse and write it again before the check.",
)
async def space_behind(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    expect.refused(await hum.send(Request(request.path, request.headers, request.body + b"\n")))


@SIG.check(
    "HUM-SIG-006",
    "The bytes as they came are what is signed, however the JSON is laid out",
    rule=rules.SIGNED,
    hint="A body that is parsed and written again has other bytes: other spaces, order, escapes, numbers.",
)
async def unusual_layout(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    raw = (
        b'{ "call_id" : "c\\u00e4ll \\/ 1",\r\n\t"org_id":"org_conformance" ,'
        b'  "direction": "\\u0069nbound", "phone" : "%s" }\n' % phone.encode()
    )
    expect.not_found(await hum.send(hum.signed(LOOKUP, raw)))


@SIG.check(
    "HUM-SIG-007",
    "A signature over the body as it would be written anew is refused",
    rule=rules.SIGNED,
    hint=RAW,
)
async def rewritten(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    compact = hum.lookup(phone)
    spaced = compact.body.replace(b'","', b'", "').replace(b'":"', b'": "')
    for signed_body, sent in ((compact.body, spaced), (spaced, compact.body)):
        headers = hum.signed(LOOKUP, signed_body).headers
        expect.refused(await hum.send(Request(LOOKUP.path, headers, sent)))


@SIG.check(
    "HUM-SIG-008",
    "A body with letters beyond ASCII is accepted as signed",
    rule=rules.SIGNED,
    hint="Compute the HMAC over the bytes of the body, not over a text decoded with another encoding.",
)
async def beyond_ascii(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown(), call_id="cäll_電話_☎️_😀")
    expect.not_found(await hum.send(request))


@SIG.check("HUM-SIG-009", "An empty digest is refused", rule=rules.UNAUTHORIZED, hint=RAW)
async def empty_digest(hum: Hum, stage: Stage) -> None:
    for value in ("sha256=", ""):
        request = hum.lookup(await stage.unknown()).having("X-HUM-Signature", value)
        expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-010",
    "The beginning of the right signature is refused",
    rule=rules.UNAUTHORIZED,
    hint="Compare whole values of equal length, in constant time; never with startswith or up to the "
    "shorter one.",
)
async def beginning(hum: Hum, stage: Stage) -> None:
    for length in (len("sha256=") + 63, len("sha256=") + 8):
        request = hum.lookup(await stage.unknown())
        request = request.having("X-HUM-Signature", request.header("X-HUM-Signature")[:length])
        expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-011",
    "The right signature with something behind it is refused",
    rule=rules.UNAUTHORIZED,
    hint="Compare whole values of equal length, in constant time; do not search for one in the other.",
)
async def something_behind(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    request = request.having("X-HUM-Signature", request.header("X-HUM-Signature") + "00")
    expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-012",
    "A signature made with an empty key is refused",
    rule=rules.UNAUTHORIZED,
    hint="Refuse to start without a secret: HMAC takes an empty key without complaint.",
)
async def empty_key(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    request = request.having("X-HUM-Signature", signing.body_signature("", request.body))
    expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-013",
    "A plain SHA-256 of the body is refused",
    rule=rules.SIGNED,
    hint="The signature is an HMAC, keyed with the secret: everybody can compute a plain hash.",
)
async def plain_hash(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    digest = hashlib.sha256(request.body).hexdigest()
    expect.refused(await hum.send(request.having("X-HUM-Signature", f"sha256={digest}")))


@SIG.check(
    "HUM-SIG-014",
    "Another algorithm than SHA-256 is refused",
    rule=rules.SIGNED,
    hint="Take the algorithm from the contract, never from the request.",
)
async def other_algorithm(hum: Hum, stage: Stage) -> None:
    for name in ("sha1", "md5"):
        request = hum.lookup(await stage.unknown())
        digest = hmac.new(hum.secret.encode(), request.body, name).hexdigest()
        expect.refused(await hum.send(request.having("X-HUM-Signature", f"{name}={digest}")))


@SIG.check(
    "HUM-SIG-015",
    "A digest without sha256= is refused",
    rule=rules.SIGNED,
    hint="Compare with the whole value, sha256= included.",
    strict_only=True,
)
async def no_prefix(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    bare = request.header("X-HUM-Signature").removeprefix("sha256=")
    expect.refused(await hum.send(request.having("X-HUM-Signature", bare)))


@SIG.check(
    "HUM-SIG-016",
    "A signature that is not ASCII is refused, and crashes nothing",
    rule=rules.UNAUTHORIZED,
    hint="Compare bytes: Python's hmac.compare_digest raises TypeError on text beyond ASCII.",
)
async def not_ascii(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown()).having("X-HUM-Signature", "sha256=ü".encode() * 3)
    expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-017",
    "The signature is checked before the body is parsed",
    rule=rules.SIGNED,
    hint="Verify first: whoever has no secret must not reach the parser, nor learn what it thinks.",
)
async def before_parsing(hum: Hum, stage: Stage) -> None:
    request = wrongly_signed(hum, hum.signed(LOOKUP, b'{"phone": '))
    expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-018",
    "Two signatures, one of them wrong, are refused",
    rule=rules.PRACTICE,
    hint="Refuse a signature header that comes twice: two readers could take two different ones.",
    strict_only=True,
)
async def two_signatures(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown())
    forged = signing.body_signature(OTHER_SECRET, request.body)
    expect.refused(await hum.send(request.also("X-HUM-Signature", forged)))


@SIG.check(
    "HUM-SIG-019",
    "A good webhook-signature does not replace X-HUM-Signature",
    rule=rules.SIGNED,
    hint="HUM always sends X-HUM-Signature: require it, whatever else is checked.",
    strict_only=True,
)
async def standard_alone(hum: Hum, stage: Stage) -> None:
    request = hum.lookup(await stage.unknown()).without("X-HUM-Signature")
    expect.refused(await hum.send(request))


@SIG.check(
    "HUM-SIG-020",
    "A request that was signed an hour ago is refused",
    rule=rules.PRACTICE,
    hint="Check webhook-signature and refuse timestamps more than five minutes off: X-HUM-Signature alone "
    "lets "
    "everybody who has seen a request send it again.",
    strict_only=True,
)
async def old(hum: Hum, stage: Stage) -> None:
    body = hum.lookup(await stage.unknown()).body
    expect.refused(await hum.send(hum.signed(LOOKUP, body, age=3600)))


@SIG.check(
    "HUM-SIG-021",
    "A request is accepted when the clocks differ by a minute",
    rule=rules.PRACTICE,
    hint="Tolerate about five minutes between webhook-timestamp and the own clock.",
)
async def clocks_differ(hum: Hum, stage: Stage) -> None:
    phone = await stage.unknown()
    for age in (60, -60):
        expect.not_found(await hum.send(hum.signed(LOOKUP, hum.lookup(phone).body, age=age)))
