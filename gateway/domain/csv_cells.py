"""Cells of a CSV file that a spreadsheet shows and does not calculate.

A text that could be a formula gets a leading `'`, which spreadsheets take for "this is text"; whoever reads
the file back takes it away again. A phone number begins with `+` and stays as it is.
"""

from __future__ import annotations

import re
from typing import Any, Final

MARK: Final = "'"
# Spreadsheets, some before and some after trimming, read past spaces, marks of byte order and what cannot be
# seen, and take full-width signs for the others.
_RISKY: Final = re.compile(
    r"['\s\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff]*+[=+\-@＝＋－＠﹢﹣﹦﹫−]|'*[\t\r\n]"
)


def harmless(value: Any) -> Any:
    """The cell as it may stand in a file; values that are no text stay what they are."""
    if not isinstance(value, str) or not _is_risky(value) or _is_number(value):
        return value
    return MARK + value


def restored(cell: str) -> str:
    """What `harmless` was given."""
    return cell[1:] if cell.startswith(MARK) and _is_risky(cell) else cell


def _is_risky(value: str) -> bool:
    """Also behind marks of its own: else taking one away would take away what was never put there."""
    return _RISKY.match(value) is not None


def _is_number(value: str) -> bool:
    return value[0] == "+" and value[1:].isascii() and value[1:].isdigit()
