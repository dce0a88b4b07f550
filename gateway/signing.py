"""Sign and verify webhook requests. Standard library only: copy this one file into a receiver.

    from signing import verify, SignatureError

    try:
        verified = verify(raw_body, request.headers, [secret])
    except SignatureError as problem:
        return 401, problem.reason

Two schemes come with every request, both HMAC-SHA256 over the raw body:

- Standard Webhooks 1.0 (`webhook-id`, `webhook-timestamp`, `webhook-signature`): the content is
  `{id}.{timestamp}.{body}`, the key is the bytes behind `whsec_`; protects against replay.
- `X-HUM-Signature: sha256=<hex>`: the content is the body alone, the key is the secret string's own bytes.

What this file leaves to the receiver: remembering ids that it has handled (a delivery may come twice).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    Text = str | bytes
    Headers = Mapping[str, str] | Mapping[bytes, bytes] | Iterable[tuple[Text, Text]]

SECRET_PREFIX: Final = "whsec_"  # noqa: S105

REASONS: Final = {
    "missing_header": "no signature header at all, or one of the three webhook-* headers is absent",
    "duplicate_header": "a signature header comes twice: two parsers could read two different requests",
    "malformed_header": "a signature header holds something other than printable ASCII",
    "invalid_id": "webhook-id is empty, too long, or contains a dot or a space",
    "invalid_timestamp": "webhook-timestamp is not a plain decimal number of seconds",
    "timestamp_too_old": "older than the tolerance: a replay, a slow queue, or a clock that is ahead",
    "timestamp_too_new": "newer than the tolerance: a clock that is behind",
    "malformed_signature": "no `v1,…` entry in webhook-signature, or X-HUM-Signature is not sha256=<64 hex>",
    "signature_mismatch": "well formed, but made with another secret, id or timestamp, or over another body",
    "replay_unprotected": "only X-HUM-Signature is there, and allow_body_only was not given",
}

_STANDARD: Final = ("webhook-id", "webhook-timestamp", "webhook-signature")
_BODY_ONLY: Final = "x-hum-signature"
_ID = re.compile(r"[!-\-/-~]{1,256}\Z")  # visible ASCII without the dot
_SECONDS = re.compile(r"(?:0|[1-9][0-9]{0,11})\Z")  # never int(text) alone: it takes '٣', '1_0', ' 1', '+1'
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}\Z")
_BODY_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}\Z")


class SignatureError(Exception):
    """The request must not be trusted. `reason` is a key of REASONS; no secret in either."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or REASONS[reason])
        self.reason = reason


@dataclass(frozen=True)
class Verified:
    """What was proved. `id` and `timestamp` (seconds) are None when only the body was signed.

    `secret_index` says which of the given secrets matched: after a rotation, when it is safe to drop the old.
    """

    scheme: Literal["standard", "body"]
    id: str | None
    timestamp: int | None
    replay_protected: bool
    secret_index: int


def sign(body: bytes, secret: str | Iterable[str], *, id: str, timestamp: int) -> dict[str, str]:  # noqa: A002
    """The four signature headers of a request.

    `timestamp` is in whole seconds. Several secrets give several `webhook-signature` entries;
    X-HUM-Signature, which can carry one, uses the first. Raises ValueError or TypeError for what is unusable.
    """
    content = _checked_body(body)
    secrets = _checked_secrets(secret)
    if isinstance(timestamp, bool) or not isinstance(timestamp, int):
        raise TypeError("timestamp must be an int of seconds")
    if not _SECONDS.match(str(timestamp)):
        raise ValueError("timestamp must be seconds since 1970, not negative and not milliseconds")
    entries = [standard_signature(standard_key(one), id, timestamp, content) for one in secrets]
    return {
        "X-HUM-Signature": body_signature(secrets[0], content),
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(entries),
    }


def verify(
    body: bytes,
    headers: Headers,
    secrets: str | Iterable[str],
    *,
    tolerance: float = 300,
    allow_body_only: bool = False,
    now: float | None = None,
) -> Verified:
    """Check the raw body, exactly as it came, against the request's headers and any of the live secrets.

    `headers`: a mapping or pairs of str or bytes, in any case of letters. `tolerance` and `now` in seconds
    (`now`: the machine's clock when not given); the tolerance itself still passes. As soon as one `webhook-*`
    header is there, Standard Webhooks alone decides: nobody can strip a header to get the weaker check.

    Raises SignatureError whatever a stranger sends, and ValueError or TypeError only for mistakes in the
    caller's program: no secret, an empty one, `whsec_` without base64 behind it, a body that is not bytes.
    """
    content = _checked_body(body)
    known = _checked_secrets(secrets)
    keys = [standard_key(one) for one in known]
    if not tolerance >= 0:  # also refuses NaN, with which every comparison below would pass
        raise ValueError("tolerance must be 0 or more seconds")
    found, is_standard = _signature_headers(headers)
    if is_standard:
        return _verify_standard(content, found, keys, tolerance, time.time() if now is None else now)
    if _BODY_ONLY not in found:
        raise SignatureError("missing_header", "the request carries no signature header")
    if not allow_body_only:
        raise SignatureError("replay_unprotected")
    given = found[_BODY_ONLY]
    if not _BODY_SIGNATURE.match(given):
        raise SignatureError("malformed_signature", "X-HUM-Signature must be sha256= and 64 hex digits")
    index = _matching([body_signature(one, content) for one in known], [given])
    return Verified("body", None, None, replay_protected=False, secret_index=index)


def body_signature(secret: str | bytes, body: bytes) -> str:
    """`sha256=<hex>`, the value of X-HUM-Signature; keyed with the secret string's own bytes (UTF-8)."""
    key = secret.encode() if isinstance(secret, str) else secret
    return "sha256=" + hmac.digest(key, body, "sha256").hex()


def standard_signature(key: bytes, id: str, timestamp: int, body: bytes) -> str:  # noqa: A002
    """`v1,<base64>`, one entry of webhook-signature. `key` comes from `standard_key`; raises ValueError.

    A dot in the id would let one signed message pass as another: `a.1` + `2.x` reads as `a` + `1.2.x`.
    """
    if not _ID.match(id):
        raise ValueError("the id must be 1 to 256 visible ASCII characters without a dot")
    digest = hmac.digest(key, f"{id}.{timestamp}.".encode("ascii") + body, "sha256")
    return "v1," + binascii.b2a_base64(digest, newline=False).decode("ascii")


def standard_key(secret: str) -> bytes:
    """The HMAC key of a secret in the Standard Webhooks scheme.

    - `whsec_…`: the base64 behind the prefix, padded or not. Anything else behind it is a ValueError.
    - without the prefix: decoded too when the whole text is base64, as the off-the-shelf libraries do;
      when it is not base64, the raw bytes of the text (UTF-8) are the key.
    """
    if not isinstance(secret, str):
        raise TypeError("a secret is a str")
    prefixed = secret.startswith(SECRET_PREFIX)
    encoded = secret[len(SECRET_PREFIX) :] if prefixed else secret
    unpadded = encoded.rstrip("=")
    # One character more than whole groups of four cannot be base64, nor can a wrong number of `=`.
    whole = len(unpadded) % 4 != 1 and (unpadded == encoded or len(encoded) % 4 == 0)
    if whole and _BASE64.match(encoded):
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4))
    if prefixed:
        raise ValueError("the secret is not base64 behind whsec_")
    if not secret:
        raise ValueError("the secret is empty")
    return secret.encode()


def _checked_body(body: bytes) -> bytes:
    if not isinstance(body, (bytes, bytearray, memoryview)):
        raise TypeError("body must be the raw bytes of the request, not parsed or decoded")
    return bytes(body)


def _checked_secrets(secrets: str | Iterable[str]) -> list[str]:
    # A lone str is one secret: iterating over it would try each of its letters.
    known = [secrets] if isinstance(secrets, str) else list(secrets)
    if not known:
        raise ValueError("no secret given: an empty list would verify nothing")
    for secret in known:
        if not isinstance(secret, str):
            raise TypeError("a secret is a str")
        if not secret:
            raise ValueError("the secret is empty: an unset environment variable?")
        if secret != secret.strip():
            raise ValueError("the secret begins or ends with white space: a line end from a file?")
    return known


def _signature_headers(headers: Headers) -> tuple[dict[str, str], bool]:
    """The signature headers by lower-case name, and whether any `webhook-*` header is there."""
    found: dict[str, str] = {}
    is_standard = False
    for raw_name, raw_value in _pairs(headers):
        name = _ascii(raw_name)
        if name is None:
            continue
        name = name.lower()
        is_standard = is_standard or name.startswith("webhook-")
        if name not in _STANDARD and name != _BODY_ONLY:
            continue
        if name in found:
            raise SignatureError("duplicate_header", f"{name} comes more than once")
        value = _ascii(raw_value)
        if value is None:
            raise SignatureError("malformed_header", f"{name} is not printable ASCII")
        found[name] = value
    return found, is_standard


def _pairs(headers: Any) -> Iterator[tuple[Any, Any]]:
    # `items` before iteration: http.server's and most frameworks' headers are no Mapping, but have it, and
    # it yields every value of a repeated name.
    pairs = headers.items() if hasattr(headers, "items") else headers
    for pair in pairs:
        if isinstance(pair, (str, bytes)) or len(pair) != 2:
            raise TypeError("headers must be a mapping or pairs of name and value")
        yield pair[0], pair[1]


def _ascii(text: object) -> str | None:
    if isinstance(text, bytes):
        text = text.decode("latin-1")
    if isinstance(text, str) and text.isascii() and text.isprintable():
        return text
    return None


def _verify_standard(
    body: bytes, headers: dict[str, str], keys: list[bytes], tolerance: float, now: float
) -> Verified:
    for name in _STANDARD:
        if name not in headers:
            raise SignatureError("missing_header", f"{name} is missing")
    message_id, seconds, signatures = (headers[name] for name in _STANDARD)
    if not _ID.match(message_id):
        raise SignatureError("invalid_id")
    if not _SECONDS.match(seconds):
        raise SignatureError("invalid_timestamp")
    timestamp = int(seconds)
    if timestamp < now - tolerance:
        raise SignatureError("timestamp_too_old")
    if timestamp > now + tolerance:
        raise SignatureError("timestamp_too_new")
    # Entries of other versions (`v1a,…`) are for other verifiers; a bare `v1,` proves nothing.
    entries = [entry for entry in signatures.split(" ") if entry.startswith("v1,") and len(entry) > 3]
    if not entries:
        raise SignatureError("malformed_signature", "webhook-signature holds no v1 signature")
    index = _matching([standard_signature(key, message_id, timestamp, body) for key in keys], entries)
    return Verified("standard", message_id, timestamp, replay_protected=True, secret_index=index)


def _matching(expected: list[str], given: list[str]) -> int:
    """The index of the expected signature that was given. Compares all, each in constant time."""
    match = -1
    for index, own in enumerate(expected):
        for entry in given:
            # Bytes: compare_digest raises TypeError on non-ASCII text.
            if hmac.compare_digest(own.encode(), entry.encode()) and match < 0:
                match = index
    if match < 0:
        raise SignatureError("signature_mismatch")
    return match
