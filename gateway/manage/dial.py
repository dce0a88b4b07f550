"""The deadline dial of an organization: how many callers would be known at which deadline, together and for
each connector, out of the hourly counters.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.domain.connector import Connector, by_precedence
from gateway.domain.dial import FOUND, KNOWN, Curve, callers_of, curve
from gateway.manage.stats import WINDOWS, Window
from gateway.store import stats as counters
from gateway.store.directory import OrgView
from gateway.store.stats import HOUR_MS


@dataclass(frozen=True, slots=True)
class Dial:
    """`connectors` in the order of their priority."""

    window: Window
    since: int
    until: int
    together: Curve
    connectors: list[tuple[Connector, Curve]]


async def of_organization(conn: AsyncConnection, org: OrgView, window: Window, now: int) -> Dial:
    """The counters of whole hours: the first is the one in which the window begins, the last is under way."""
    since = (now - WINDOWS[window] * HOUR_MS) // HOUR_MS * HOUR_MS
    together = curve(await counters.totals(conn, callers_of(org.id), since), KNOWN)
    found = [
        (connector, curve(await counters.totals(conn, connector.id, since), FOUND))
        for connector in by_precedence(org.connectors.values())
    ]
    return Dial(window, since, now, together, found)
