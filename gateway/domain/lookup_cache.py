"""For how long an organization uses what was told of a number before it is asked for anew: its choice, field
by field, in days.

Fields that are sold together are bought together: when one of them is out of date, its package is asked for,
and the others of the package are new, too, at no further cost. So a shorter time for `carrier` than for
`line_type` costs as much as the shorter one for both; what it changes is for how long the line type is told
when asking fails.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.domain.number_lookup import DAY_MS, MOST_NAME_DAYS, Lifetimes

MOST_LINE_DAYS: Final = 365

NameDays = Annotated[int, Field(ge=1, le=MOST_NAME_DAYS)]
LineDays = Annotated[int, Field(ge=1, le=MOST_LINE_DAYS)]


class LookupCacheDays(BaseModel):
    """Days; None: the installation's."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    caller_name: NameDays | None = None
    line_type: LineDays | None = None
    carrier: LineDays | None = None


NOT_CHOSEN: Final = LookupCacheDays()


def lifetimes_of(chosen: LookupCacheDays, usual: Lifetimes) -> Lifetimes:
    """What holds for an organization, out of its choice and what is usual in the installation."""
    if chosen == NOT_CHOSEN:
        return usual
    given = chosen.model_dump(exclude_none=True)
    return replace(usual, **{name: days * DAY_MS for name, days in given.items()})


def merged(standing: dict[str, int], change: LookupCacheDays) -> dict[str, int]:
    """What is stored after a merge patch: a field that it does not name stays, one that is null goes."""
    named = standing | change.model_dump(exclude_unset=True)
    return {name: days for name, days in named.items() if days is not None}
