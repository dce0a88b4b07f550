"""Keeps the secret, and what proves to have it, out of reports."""

from __future__ import annotations

import base64
from urllib.parse import quote

MASK = "[secret]"

_PROVING = ("authorization", "x-hum-signature", "webhook-signature")


def mask(text: str, secret: str) -> str:
    """`text` with the secret, however it is spelt, replaced."""
    bare = secret.removeprefix("whsec_")
    encoded = (base64.b64encode(one.encode()).decode().rstrip("=") for one in (secret, bare))
    spellings = {secret, bare, bare.rstrip("="), quote(secret, safe=""), quote(bare, safe=""), *encoded}
    spellings |= {bare.replace("/", "\\/"), secret.swapcase()}
    for spelling in sorted(spellings, key=len, reverse=True):
        text = text.replace(spelling, MASK)
    return whole(text)


def whole(text: str) -> str:
    """`text` without halves of surrogate pairs, which JSON can name and no file can hold."""
    return text.encode("utf-8", "backslashreplace").decode()


def mask_header(name: str, value: str) -> str:
    """The value, with as much of it as says what kind it is: `Bearer [masked]`, `sha256=[masked]`."""
    if name.lower() not in _PROVING or not value:
        return value
    for opening in ("Bearer ", "Basic ", "Token ", "sha256=", "sha1=", "md5=", "v1,"):
        if value.startswith(opening):
            return opening + (f"[masked, {len(value) - len(opening)}]" if len(value) > len(opening) else "")
    return f"[masked, {len(value)}]"
