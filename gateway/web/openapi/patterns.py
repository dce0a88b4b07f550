"""What texts of requests may look like, as expressions that documents can hold."""

from __future__ import annotations

from typing import Final

_SEGMENT: Final = "[a-z][a-z0-9_]*"
TYPE_PATTERN: Final = rf"^{_SEGMENT}(\.{_SEGMENT})+$"
WANTED: Final = rf"^(\*|{_SEGMENT}(\.{_SEGMENT})*\.\*|{_SEGMENT}(\.{_SEGMENT})+)$"
# Further characters that are not printable are refused, too: no short expression holds them all.
PRINTABLE: Final = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"
VISIBLE: Final = "[^\\u0000-\\u0020\\u007f-\\u00a0]"
_SIX: Final = "[A-Za-z0-9+/]"
# 24 to 64 bytes; before the padding no stray bits.
BASE64_SECRET: Final = (
    f"whsec_(({_SIX}{{4}}){{8,21}}|({_SIX}{{4}}){{8,20}}{_SIX}{{2}}[AEIMQUYcgkosw048]="
    f"|({_SIX}{{4}}){{8,21}}{_SIX}[AQgw]==)"
)
ABSENT: Final = "Not served by this version: anything but the default is refused."
