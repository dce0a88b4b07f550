"""Whether a request is HUM's: bearer and signature, over the raw bytes, before anything is parsed.

    verify(headers, body, secrets, now=time.time())    raises Refused

Every request carries the secret twice: as bearer, and as key of `X-HUM-Signature`. Both must be of the *same*
secret; which of the live ones does not matter, so that HUM can swap to another while requests are under way.
Where `webhook-*` headers are sent (HUM does), they are checked too: an old request is refused.

Leaves to the server: the body's size, and that the event fits the path. A request that HUM sends again, with
the same `X-HUM-Delivery`, is none to refuse: the ledger answers it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TOLERANCE = 300  # seconds that the clocks may differ, a slow network included

Headers = Iterable[tuple[bytes, bytes]]

REASONS = {
    "bearer_missing": "the header Authorization is missing, or is not `Bearer <secret>`",
    "bearer_wrong": "the bearer is none of this connector's secrets",
    "signature_missing": "the header X-HUM-Signature is missing",
    "signature_malformed": "X-HUM-Signature is not sha256= and 64 lower-case hex digits",
    "signature_wrong": "X-HUM-Signature was not made over these bytes with the secret of the bearer",
    "webhook_headers_incomplete": "webhook-id, webhook-timestamp and webhook-signature go together",
    "webhook_id_malformed": "webhook-id is not 1 to 256 visible ASCII characters without a dot",
    "webhook_timestamp_malformed": "webhook-timestamp is not a plain decimal number of seconds",
    "webhook_timestamp_old": "webhook-timestamp is too old: sent again by somebody, or this clock is ahead",
    "webhook_timestamp_new": "webhook-timestamp is in the future: this clock is behind",
    "webhook_signature_malformed": "webhook-signature holds no v1 signature",
    "webhook_signature_wrong": "no v1 signature in webhook-signature was made with the secret of the bearer",
    "header_repeated": "a header that proves something comes more than once",
}

_BEARER = re.compile(rb"bearer +(\S.*?) *\Z", re.IGNORECASE | re.DOTALL)
_SIGNATURE = re.compile(rb"sha256=[0-9a-f]{64}\Z")
_ID = re.compile(rb"[!-\-/-~]{1,256}\Z")  # visible ASCII without the dot, which separates the signed parts
_SECONDS = re.compile(rb"(?:0|[1-9][0-9]{0,11})\Z")
_STANDARD = (b"webhook-id", b"webhook-timestamp", b"webhook-signature")
_PROVING = frozenset((b"authorization", b"x-hum-signature", *_STANDARD))


class Refused(Exception):
    """Not HUM's request. `reason`, a key of REASONS, says which check failed and never what was expected."""

    def __init__(self, reason: str) -> None:
        super().__init__(REASONS[reason])
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Verified:
    """`secret_index`: which of the given secrets it was; `replay_protected`: whether its age was signed."""

    secret_index: int
    replay_protected: bool


def verify(
    headers: Headers, body: bytes, secrets: Sequence[str], *, now: float, tolerance: float = TOLERANCE
) -> Verified:
    """Checks a request as it came: `headers` are pairs of bytes with names in any case, `now` is in seconds.
    Raises Refused whatever a stranger sends; ValueError only when there is no secret to check with."""
    keys = _checked(secrets)
    found = _proofs(headers)
    bearer = _BEARER.match(found.get(b"authorization", b""))
    if bearer is None:
        raise Refused("bearer_missing")
    index = _equal([key.encode() for key in keys], bearer[1])
    if index is None:
        raise Refused("bearer_wrong")
    _check_body(found, body, keys[index])
    standard = [name for name in _STANDARD if name in found]
    if standard:
        _check_standard(found, body, keys[index], now, tolerance)
    return Verified(index, replay_protected=bool(standard))


def _checked(secrets: Sequence[str]) -> Sequence[str]:
    if isinstance(secrets, str) or not secrets or not all(secrets):
        raise ValueError("a list of secrets is needed, none of them empty")
    return secrets


def _proofs(headers: Headers) -> dict[bytes, bytes]:
    found: dict[bytes, bytes] = {}
    for raw_name, value in headers:
        name = raw_name.lower()
        if name not in _PROVING:
            continue
        if name in found:  # two readers of the request could take two different ones
            raise Refused("header_repeated")
        found[name] = value
    return found


def _equal(expected: list[bytes], given: bytes) -> int | None:
    """The index of the expected value that was given. Compares with all of them, in constant time."""
    index = None
    for position, own in enumerate(expected):
        if hmac.compare_digest(own, given) and index is None:
            index = position
    return index


def _check_body(found: dict[bytes, bytes], body: bytes, secret: str) -> None:
    """`sha256=` and hex HMAC-SHA256 over the body, keyed with the whole secret as it is written."""
    given = found.get(b"x-hum-signature")
    if given is None:
        raise Refused("signature_missing")
    if not _SIGNATURE.match(given):
        raise Refused("signature_malformed")
    expected = "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()
    if not hmac.compare_digest(expected.encode(), given):
        raise Refused("signature_wrong")


def _check_standard(
    found: dict[bytes, bytes], body: bytes, secret: str, now: float, tolerance: float
) -> None:
    """Standard Webhooks 1.0: HMAC-SHA256 over `{id}.{timestamp}.{body}`, in base64, one of several."""
    if not all(name in found for name in _STANDARD):
        raise Refused("webhook_headers_incomplete")
    message_id, timestamp, signatures = (found[name] for name in _STANDARD)
    if not _ID.match(message_id):
        raise Refused("webhook_id_malformed")
    if not _SECONDS.match(timestamp):
        raise Refused("webhook_timestamp_malformed")
    if int(timestamp) < now - tolerance:
        raise Refused("webhook_timestamp_old")
    if int(timestamp) > now + tolerance:
        raise Refused("webhook_timestamp_new")
    given = [entry[3:] for entry in signatures.split(b" ") if entry.startswith(b"v1,") and len(entry) > 3]
    if not given:
        raise Refused("webhook_signature_malformed")
    content = b".".join((message_id, timestamp, body))
    expected = [base64.b64encode(hmac.digest(key, content, "sha256")) for key in _standard_keys(secret)]
    if not any(_equal(expected, entry) is not None for entry in given):
        raise Refused("webhook_signature_wrong")


def _standard_keys(secret: str) -> list[bytes]:
    """The bytes behind `whsec_`. A secret of another system, without the prefix, is taken both ways in which
    libraries read it: as base64, and as it stands."""
    bare = secret.removeprefix("whsec_")
    try:
        decoded = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        decoded = b""
    keys = [decoded] if decoded else []
    return keys if decoded and bare != secret else [*keys, secret.encode()]
