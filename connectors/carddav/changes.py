"""What has changed in an address book: by sync token (RFC 6578), else by listing all ETags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from connectors.carddav import multistatus
from connectors.carddav.dav import Dav, Denied
from connectors.carddav.discovery import Book
from connectors.carddav.multistatus import ETAG, Multistatus
from connectors.kit.failures import Unavailable

PAGES: Final = 1_000  # of one synchronization, for servers that answer in pieces

_FORGOTTEN = (400, 403, 404, 405, 409, 410, 412, 501)  # how servers say that they cannot answer this token


@dataclass(slots=True)
class Changes:
    """`listed`: cards that may be new or changed, with their ETags; `gone`: those that are not there any
    more; `token` of the state that this leads to, empty where there are none. `complete`: all that is not
    listed is gone."""

    token: str
    listed: dict[str, str | None] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    complete: bool = False


async def changes(dav: Dav, book: Book, token: str) -> Changes:
    """Since the token; everything there is, for an empty one or one that the server has forgotten."""
    if book.syncs and token and (found := await _since(dav, book, token)):
        return found
    found = await _since(dav, book, "") if book.syncs else None
    if found is None:
        answer = await dav.propfind(book.name, [ETAG], depth=1)
        found = Changes("")
        _take(found, answer, book)
    found.complete = True
    return found


def is_card(name: str, book: Book) -> bool:
    """Whether a resource of that name is, or would be, a card in the address book."""
    rest = name.removeprefix(book.name)
    return rest not in ("", name) and "/" not in rest


async def _since(dav: Dav, book: Book, token: str) -> Changes | None:
    """None when the server cannot say."""
    found = Changes(token)
    for _ in range(PAGES):
        try:
            answer = await dav.report(book.name, multistatus.sync_collection(found.token), depth=0)
        except Denied as denied:
            if denied.http_status in _FORGOTTEN:
                return None
            raise
        _take(found, answer, book)
        before, found.token = found.token, answer.sync_token or ""
        if not any(entry.status == 507 for entry in answer.entries):
            return found
        if found.token in ("", before):
            break
    raise Unavailable("the CardDAV server does not come to the end of what changed")


def _take(found: Changes, answer: Multistatus, book: Book) -> None:
    for entry in answer.entries:
        if not is_card(entry.href, book):
            continue
        if entry.status in (404, 410):
            found.listed.pop(entry.href, None)
            found.gone.add(entry.href)
        else:
            found.gone.discard(entry.href)
            found.listed[entry.href] = entry.text(ETAG)
