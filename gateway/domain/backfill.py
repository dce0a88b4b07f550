"""Filling the address book from a source: what is asked for, and what it would cost.

The cost is confirmed by whoever orders it, in the amount that was shown: what costs another amount by then is
not begun.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Final, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, StringConstraints

KIND: Final = "backfill"
CURRENCY: Final = "USD"

BackfillSource = Literal["twilio", "connectors"]
AMOUNT: Final = r"^[0-9]{1,9}(\.[0-9]{1,6})?$"


class Backfill(BaseModel):
    """`POST /api/contacts/backfill`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    source: BackfillSource
    only_missing: bool = True
    dry_run: bool = False
    confirm_cost: Annotated[str, StringConstraints(pattern=AMOUNT)] | None = None


class Order(msgspec.Struct, frozen=True, array_like=True):
    """What a job was ordered to do: `since` (ms) is from when on an answer is new enough, None when any that
    is of use will do; `amount` what it may cost at most, and `own_account` whether the
    organization pays it itself."""

    source: BackfillSource
    since: int | None
    amount: str
    own_account: bool = False


@dataclass(frozen=True, slots=True)
class Estimate:
    """How many numbers a backfill is about, and what that costs."""

    matched: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Filled:
    """What came of one number. `error` is why nothing did; `later`: nothing was asked, and it may be soon;
    `hopeless`: no other number will do better; `unasked`: nothing was asked nor will be, so that it tells
    nothing of the others."""

    error: str | None = None
    later: bool = False
    hopeless: bool = False
    unasked: bool = False


def amount_text(amount: Decimal) -> str:
    """An amount as it is shown, with two decimals at least."""
    whole, _, decimals = format(amount, "f").partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"
