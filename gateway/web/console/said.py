"""What a page says after something was done; an address carries only the name of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SAID: Final[Mapping[str, str]] = {
    "signed_out": "You are signed out.",
    "over": "You were signed out: the session is over, or its key does not count any more.",
}
