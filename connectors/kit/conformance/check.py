"""What a check is: data about it, and a function that asks the connector something and judges the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from connectors.kit.conformance.hum import Hum
    from connectors.kit.conformance.stage import Stage

Profile = Literal["lookup", "full"]
Mode = Literal["strict", "compatible"]
Need = Literal["known", "seeded", "local", "shared", "shown"]
When = Literal["together", "alone", "last"]
Run = Callable[["Hum", "Stage"], Awaitable[None]]

NEEDS: dict[Need, str] = {
    "known": "a known contact: name one in --seed, or give --allow-writes in the full profile",
    "seeded": "a contact named in --seed",
    "local": 'a contact stored without its country: name one in --seed, with "stored"',
    "shared": 'a number that several contacts share: name one in --seed, with "matches"',
    "shown": "a look at activities in the CRM: give --show-activity",
}


@dataclass(frozen=True, slots=True)
class Check:
    """`title` says what must hold, `rule` is the contract's sentence, `hint` how to mend what does not.

    Checks of the `lookup` profile run in both. `writes`: it makes something in the CRM, or would if the
    connector were at fault. `when`: most run side by side; `alone` are those in which time matters, `last`
    those that look back over all exchanges.
    """

    id: str
    title: str
    rule: str
    hint: str
    run: Run
    profile: Profile = "lookup"
    strict_only: bool = False
    writes: bool = False
    needs: Need | None = None
    when: When = "together"

    @property
    def mode(self) -> str:
        return "strict" if self.strict_only else "both"


class Group:
    """Checks of one subject; `code` is the middle of their ids."""

    def __init__(self, code: str, title: str) -> None:
        self.code = code
        self.title = title
        self.checks: list[Check] = []

    def check(
        self,
        id: str,  # noqa: A002
        title: str,
        *,
        rule: str,
        hint: str,
        profile: Profile = "lookup",
        strict_only: bool = False,
        writes: bool = False,
        needs: Need | None = None,
        when: When = "together",
    ) -> Callable[[Run], Run]:
        """Declares the decorated function a check."""
        if not id.startswith(f"HUM-{self.code}-"):
            raise ValueError(f"{id} does not belong to group {self.code}")

        def declare(run: Run) -> Run:
            self.checks.append(
                Check(id, title, rule, hint, run, profile, strict_only, writes, needs, when),
            )
            return run

        return declare
