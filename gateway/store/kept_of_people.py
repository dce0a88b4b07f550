"""What is kept of a person apart from events and the address book, found by the keyed hash of the number: for
each kind how much there is, and how it goes. Whoever keeps something more of people adds it here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import (
    connector_contacts,
    connector_creates,
    connector_requests,
    number_lookups,
    resolutions,
)

ByPerson = Callable[[AsyncConnection, str, bytes], Awaitable[int]]
"""Organization and person; how many."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How to count what there is of a person, and how to take it away."""

    count: ByPerson
    forget: ByPerson


KINDS: Final[Mapping[str, Kind]] = {
    "requests": Kind(connector_requests.count_of_person, connector_requests.forget_person),
    "answers": Kind(connector_contacts.count_of_person, connector_contacts.forget_person),
    "creates": Kind(connector_creates.count_of_person, connector_creates.forget_person),
    "lookups": Kind(number_lookups.count_of_person, number_lookups.forget_person),
    "resolutions": Kind(resolutions.count_of_person, resolutions.forget_person),
}


async def count(conn: AsyncConnection, org_id: str, people: Collection[bytes]) -> Counter[str]:
    """How much there is of these people, by kind."""
    found = Counter[str]()
    for name, kind in KINDS.items():
        found[name] = sum([await kind.count(conn, org_id, person) for person in people])
    return found


async def forget(conn: AsyncConnection, org_id: str, people: Collection[bytes]) -> Counter[str]:
    """Takes it away; how much there was."""
    found = Counter[str]()
    for name, kind in KINDS.items():
        found[name] = sum([await kind.forget(conn, org_id, person) for person in people])
    return found
