"""Whose money lookups of numbers cost: an organization's own account is its business; what is charged to the
installation's, the operator decides.

    on the installation's account        an organization's key    a platform key
    budget of a day up to the default    may set it               may set it
    budget above the default             may not                  may set it
    a backfill that costs money          may not confirm it       may, unless the budget is 0

Where neither has an account, nobody can look anything up.
"""

from __future__ import annotations

from typing import Final

from gateway.domain.number_lookup import DEFAULT_BUDGET
from gateway.errors import Conflict, Forbidden

CODE: Final = "own_account_required"  # as it stands below, where the table of codes is checked against it
_HOW: Final = "give the organization an account of its own (lookup_credentials), or ask the operator"


def refuse_budget(budget: int | None, *, own_account: bool, platform: bool) -> None:
    """Raises Forbidden for a budget of lookups in a day that whoever sets it may not set."""
    if not own_account and not platform and (budget or 0) > DEFAULT_BUDGET:
        what = f"on the installation's account lookup_budget is {DEFAULT_BUDGET} at most"
        raise Forbidden(f"{what}: {_HOW}", code="own_account_required")


def refuse_backfill(budget: int | None, *, own_account: bool, shared_account: bool, platform: bool) -> None:
    """Raises Forbidden or Conflict for a backfill that whoever confirms it may not have charged, or that can
    be charged to no account: the installation has none to share either."""
    if own_account:
        return
    if not shared_account:
        what = "there is no account for lookups: give the organization one (lookup_credentials), or the"
        raise Conflict(f"{what} operator sets TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN", code="lookups_off")
    if not platform:
        raise Forbidden(
            f"this would be charged to the installation's account: {_HOW}", code="own_account_required"
        )
    if budget == 0:
        what = (
            "the organization's lookup_budget is 0: nothing is charged to the installation's account for it"
        )
        raise Conflict(what, code="lookups_off")
