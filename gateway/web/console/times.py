"""Times as forms have them: without an offset, which on every page means UTC."""

from __future__ import annotations

import re
from typing import Final

_LOCAL: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?\Z")


def from_form(text: str) -> str:
    """A time of the API out of a field `datetime-local`; any other text as it is, for the API to judge."""
    return f"{text}Z" if _LOCAL.match(text) else text
