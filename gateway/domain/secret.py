"""Signing secrets: making one, checking one that a customer brings, and keeping them out of what is stored.

Signing itself is `gateway.signing`; storing them encrypted is `gateway.store.cipher`.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from sys import getsizeof
from typing import Final, NamedTuple, TypeVar
from urllib.parse import quote, quote_plus

from gateway.domain.parts import lengthened
from gateway.errors import InvalidRequest

PREFIX: Final = "whsec_"
NEW_BYTES: Final = 32
MASK: Final = "[secret]"
SHORTEST_MASKED: Final = 6  # shorter values ("1", "prod") stand everywhere by chance
KNOWN_BYTES: Final = 32 * 1024 * 1024
_ENTRY_BYTES: Final = 600  # about what dictionary and tuples take besides
_CHEAP: Final = 1 << 18  # most answers are short, and are looked through as they are

_Text = TypeVar("_Text", str, bytes)

_FOREIGN: Final = re.compile(r"[ -~]{16,256}\Z")
_SCHEME: Final = re.compile(r"(?:bearer|basic|token|apikey)\s+(\S+)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Secret:
    """One signing secret in the clear, as the dispatcher holds it. `ends_at` ends a grace period (ms)."""

    id: str
    value: str
    created_at: int
    imported: bool = False
    ends_at: int | None = None


def new_secret(randomness: Callable[[int], bytes]) -> str:
    """`whsec_` and the base64 of 32 bytes; `randomness` is `secrets.token_bytes`, or a test's."""
    entropy = randomness(NEW_BYTES)
    if len(entropy) != NEW_BYTES:
        raise ValueError(f"a secret is made of {NEW_BYTES} random bytes")
    return PREFIX + base64.b64encode(entropy).decode("ascii")


def check_imported(text: str, field: str = "secret") -> str:
    """The secret, unchanged, or InvalidRequest: `whsec_` and the base64 of 24 to 64 bytes.

    Strict, because X-HUM-Signature is keyed with the text and Standard Webhooks with the bytes: padding, the
    standard alphabet and no stray bits, so that both sides of an import certainly hold the same key.
    """
    if not text.startswith(PREFIX):
        raise InvalidRequest.field(field, f"must begin with {PREFIX}")
    encoded = text[len(PREFIX) :]
    try:
        key = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raise InvalidRequest.field(field, f"must be padded standard base64 behind {PREFIX}") from None
    if base64.b64encode(key).decode("ascii") != encoded:
        raise InvalidRequest.field(field, f"must be padded standard base64 behind {PREFIX}")
    if not 24 <= len(key) <= 64:
        raise InvalidRequest.field(field, f"must be the base64 of 24 to 64 bytes, not of {len(key)}")
    return text


def check_foreign(text: str, field: str = "secret") -> str:
    """The secret of a receiver built for another system: 16 to 256 printable ASCII characters."""
    if not _FOREIGN.match(text) or text != text.strip():
        raise InvalidRequest.field(field, "must be 16 to 256 printable characters, no space at either end")
    return text


def mask(text: _Text, secrets: Iterable[str]) -> _Text:
    """`text` with every secret in it, however it is written, replaced by `[secret]`.

    Found: the value itself, what stands behind `whsec_` or `Bearer `, each of them in base64 (at any offset
    of a longer encoded text), URL-encoded, or escaped for JSON or HTML. Values under 6 characters are left
    alone. Mask before cutting a text: half a secret at the cut would not be recognized (`reach`).
    """
    raw = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
    found = _found(raw, [_known.spellings(secret) for secret in secrets])
    if not found:
        return text
    masked = _replaced(raw, found)
    return masked if isinstance(text, bytes) else masked.decode("utf-8", "surrogatepass")


def holds_any(text: bytes, secrets: Iterable[str]) -> bool:
    """Whether `mask` would find something."""
    known = [_known.spellings(secret) for secret in secrets]
    long = _long(text, known)
    for one in known:
        for spelling in one.telling:
            if spelling in long:
                return True
    return False


def reach(secrets: Iterable[str]) -> int:
    """How far (bytes) beyond a cut one must look for secrets that begin before it."""
    return max((_known.spellings(secret).longest for secret in secrets), default=0)


def _found(text: bytes, known: list[_Spellings]) -> list[bytes]:
    long = _long(text, known)
    return [spelling for one in known for spelling in one.all if spelling in long]


def _long(text: bytes, known: list[_Spellings]) -> bytes:
    """The text as all of them are looked for in it."""
    longest = max((one.longest for one in known), default=0)
    return lengthened(text, min(longest, len(text)), _CHEAP)


class _Spellings(NamedTuple):
    """Every way to write one secret; those of which one is certainly there if any is; how long (bytes) the
    longest is, and how much memory all of it takes."""

    all: tuple[bytes, ...]
    telling: tuple[bytes, ...]
    longest: int
    size: int


class _Known:
    """The spellings of the secrets that were asked for last: making them costs more than the rest of an
    attempt, and a target has the same ones every time. Each secret by itself, so that many of one target
    take as long as they are many; and no more than so many bytes of all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._by_secret: OrderedDict[str, _Spellings] = OrderedDict()
        self.size = 0

    def spellings(self, secret: str) -> _Spellings:
        found = self._by_secret.get(secret)
        if found is not None:
            self._by_secret.move_to_end(secret)
            return found
        made = self._by_secret[secret] = _spellings_of(secret)
        self.size += made.size
        while self.size > self._most and len(self._by_secret) > 1:
            self.size -= self._by_secret.popitem(last=False)[1].size
        return made


_known: Final = _Known(KNOWN_BYTES)


def _spellings_of(secret: str) -> _Spellings:
    texts = {text for value in _parts(secret) if len(value) >= SHORTEST_MASKED for text in _spellings(value)}
    raw = tuple(text.encode("utf-8", "surrogatepass") for text in texts)
    telling = tuple(one for one in raw if not any(other in one for other in raw if other is not one))
    size = getsizeof(secret) + _ENTRY_BYTES + sum(map(getsizeof, raw))
    return _Spellings(raw, telling, max(map(len, raw), default=0), size)


def _parts(secret: str) -> Iterator[str]:
    yield secret
    if secret.startswith(PREFIX):
        yield secret[len(PREFIX) :]
    elif scheme := _SCHEME.match(secret):
        yield scheme[1]  # a receiver that parses `Authorization` echoes only the credentials


def _spellings(value: str) -> Iterator[str]:
    raw = value.encode("utf-8", "surrogatepass")
    yield value
    yield from _base64(raw)
    for quoted in (quote(raw, safe=""), quote(raw), quote_plus(raw)):
        yield quoted
        yield re.sub("%[0-9A-F]{2}", lambda m: m[0].lower(), quoted)
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", r"\/")  # PHP
        yield escaped.replace("+", r"\u002B")  # .NET
    yield html.escape(value)
    yield html.escape(value, quote=False)


def _base64(raw: bytes) -> Iterator[str]:
    """`raw` encoded alone, and the characters that are certain inside a longer text (`user:password`)."""
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        for offset in range(3):
            # The first and last characters mix with the neighbours' bits: what they share is left out.
            first = (0, 2, 3)[offset]
            certain = encode(bytes(offset) + raw).decode()[first : (offset + len(raw)) * 8 // 6]
            if len(certain) >= SHORTEST_MASKED:
                yield certain


def _next(text: bytes, needle: bytes, start: int, end: int) -> int:
    """The next find that reaches beyond `end`: a last overlapping one, else the first behind it."""
    overlapping = text.rfind(needle, start + 1, end + len(needle) - 1)
    return overlapping if overlapping >= 0 else text.find(needle, end)


def _replaced(text: bytes, needles: list[bytes]) -> bytes:
    # All finds in the original first, overlapping ones as one: replacing one after the other would leave the
    # rest of a secret that overlaps another.
    spans: list[tuple[int, int]] = []
    for needle in needles:
        start = text.find(needle)
        while start >= 0:
            end = start + len(needle)
            spans.append((start, end))
            # From the end on, and not from the next character: a text of one letter would be found, and
            # copied, at every place. What overlaps the end is found from its last possible beginning.
            start = _next(text, needle, start, end)
    pieces: list[bytes] = []
    end = 0
    for first, last in sorted(spans):
        if first >= end:
            pieces += [text[end:first], MASK.encode()]
        end = max(end, last)
    pieces.append(text[end:])
    return b"".join(pieces)
