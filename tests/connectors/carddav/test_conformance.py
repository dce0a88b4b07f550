"""Proof: against running servers the connector passes every check of the contract, and the check is needed: a
connector that searches as address books suggest is caught."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from connectors.carddav import multistatus
from connectors.carddav.connector import CardDavConnector
from connectors.kit.conformance import Known, Options, Seed
from connectors.kit.connector import Candidate
from connectors.kit.phones import Phone
from tests.connectors.carddav.servers import Book
from tests.support.conforming import conforming, failures, told

pytestmark = [pytest.mark.anyio, pytest.mark.proof]


class OneNotation(CardDavConnector):
    """The control: asks the server for the number as HUM writes it."""

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        query = multistatus.phone_query([phone.e164])
        [book] = await self._replica.books()
        return self._replica.candidates(await self._dav.report(book.name, query, depth=1))


def seeded(book: Book) -> Seed:
    """Somebody in every way to be found, and somebody else at each turn."""
    known = book.put("dana", "FN:Dana Quillfeather", "N:Quillfeather;Dana;;;", "TEL:+1 (317) 555-0142")
    local = book.put("local", "FN:Lars Local", "N:Local;Lars;;;", "TEL:(317) 555-0143")
    old = book.put("old", "FN:Olga", "N:;Olga;;;", "TEL:+13175550144", "X-HUM-CREATED:2020-01-01T00:00:00Z")
    book.put("new", "FN:Nora", "N:;Nora;;;", "TEL:+13175550144", "X-HUM-CREATED:2026-01-01T00:00:00Z")
    return Seed(
        {
            "+13175550142": Known(id=known, name="Dana Quillfeather", stored="+1 (317) 555-0142"),
            "+13175550143": Known(id=local, stored="(317) 555-0143"),
            "+13175550144": Known(id=old, matches=2),
        },
        ("+13175550199",),
    )


@pytest.mark.parametrize("timed", [False, pytest.param(True, marks=pytest.mark.long)])
async def test_every_check_against_a_running_server(book: Book, tmp_path: Path, timed: bool) -> None:
    async def show(activity: str) -> str:
        name, _, call = activity.partition("#")
        card = await asyncio.to_thread(book.card, name)
        return next(line for line in card.note.value.split("\n") if line.endswith(f"[hum:{call}]"))

    options = Options(seed=seeded(book), allow_writes=True, show_activity=show, timeout=20, total=240)
    report = await conforming(book.connector(), tmp_path / "ledger.sqlite", options)
    print(f"CardDAV, {book.server.kind}: {told(report)}")
    assert failures(report, timed=timed) == []
    assert report.skipped == []


async def test_the_check_finds_a_search_for_one_notation(book: Book, tmp_path: Path) -> None:
    options = Options(seed=seeded(book), only=("HUM-LKP", "HUM-MAT"))
    broken = OneNotation.from_settings(book.settings())
    report = await conforming(broken, tmp_path / "ledger.sqlite", options)
    print(f"control, {book.server.kind}: one notation fails {', '.join(sorted(report.failed_ids))}")
    assert report.failed_ids
