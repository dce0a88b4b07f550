"""From a server's address to its address books, as RFC 6764 and RFC 6352 find them.

The address may be the server's, the principal's, the address book home's, or that of one address book.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from connectors.carddav.dav import Dav, Denied
from connectors.carddav.multistatus import CARD, DAV, SYNC, Entry
from connectors.kit.failures import Refused

WELL_KNOWN: Final = "/.well-known/carddav"

_PRINCIPAL = f"{DAV}current-user-principal"
_HOME = f"{CARD}addressbook-home-set"
_TYPE = f"{DAV}resourcetype"
_REPORTS = f"{DAV}supported-report-set"
_PRIVILEGES = f"{DAV}current-user-privilege-set"
_NAME = f"{DAV}displayname"
_PROPERTIES = (_TYPE, _NAME, _PRINCIPAL, _HOME, _REPORTS, _PRIVILEGES)
_WRITING = {f"{DAV}write", f"{DAV}bind", f"{DAV}all"}


@dataclass(frozen=True, slots=True)
class Book:
    """One address book: `name` as `Dav` knows it, `title` as people do."""

    name: str
    title: str
    syncs: bool
    writable: bool


async def address_books(dav: Dav, only: Iterable[str] = ()) -> list[Book]:
    """All of the user's, or those in `only` (titles or paths), in that order. Raises Refused when there is
    none, or one that was named is not there."""
    books = await _all_books(dav)
    if not books:
        raise Refused("the CardDAV server has no address book for this user")
    return [_chosen(dav, wanted, books) for wanted in only] or books


async def _all_books(dav: Dav) -> list[Book]:
    start = await _start(dav)
    if _is_book(start):
        return [_book(start)]
    found = {}
    for home in await _homes(dav, start):
        entries = (await dav.propfind(home, _PROPERTIES, depth=1)).entries
        found.update({entry.href: _book(entry) for entry in entries if _is_book(entry)})
    return list(found.values())


async def _homes(dav: Dav, start: Entry) -> list[str]:
    """Where the user's address books are kept."""
    told = [start]
    if not start.hrefs(_HOME):
        principal = dav.name(start.hrefs(_PRINCIPAL)[0], start.href)
        told = list((await dav.propfind(principal, _PROPERTIES)).entries)
    return [dav.name(home, entry.href) for entry in told for home in entry.hrefs(_HOME)]


async def _start(dav: Dav) -> Entry:
    """What the configured address is, or where the server says to begin."""
    denied = None
    for name in (dav.name(dav.url.path), WELL_KNOWN):
        try:
            entries = (await dav.propfind(name, _PROPERTIES)).entries
        except Denied as answer:
            denied = denied or answer
            continue
        for entry in entries[:1]:
            if _is_book(entry) or entry.hrefs(_HOME) or entry.hrefs(_PRINCIPAL):
                return entry
    raise denied or Refused(
        "the CardDAV server names neither a principal nor an address book at this address"
    )


def _is_book(entry: Entry) -> bool:
    return f"{CARD}addressbook" in entry.names(_TYPE)


def _book(entry: Entry) -> Book:
    name = entry.href
    privileges = entry.names(_PRIVILEGES)
    return Book(
        name=name if name.endswith("/") else f"{name}/",
        title=entry.text(_NAME) or name.rstrip("/").rpartition("/")[2],
        syncs=SYNC in entry.names(_REPORTS),
        writable=not privileges or bool(privileges & _WRITING),
    )


def _chosen(dav: Dav, wanted: str, books: list[Book]) -> Book:
    for book in books:
        if wanted == book.title or ("/" in wanted and dav.name(wanted.rstrip("/") + "/") == book.name):
            return book
    there = ", ".join(repr(book.title) for book in books)
    raise Refused(f"there is no address book {wanted!r}; there are {there}")
