"""The rows of a list, fetched page after page as they are asked for; and a list that is followed for ever.

`Pager` decides which page comes next and knows no network; `Rows` and `AsyncRows` fetch.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from gateway.client.errors import GatewayError
from gateway.client.request import Json, Listing, Request

MOST: Final = 200  # rows in a page
T = TypeVar("T")


class Pager(Generic[T]):
    """Where a reader stands in a list. `pause` is how long it waits before it asks again."""

    def __init__(self, listing: Listing[T], *, cursor: str | None = None, every: float | None = None) -> None:
        self.listing = listing
        self.cursor = cursor
        self.pause = 0.0
        self._left = listing.limit
        self._every = every
        self._worked = False
        self._ended = False

    def next(self) -> Request[Json] | None:
        """The request for the next page; None at the end."""
        if self._ended or (self._left is not None and self._left <= 0):
            return None
        limit = MOST if self._left is None else min(self._left, MOST)
        query = dict(self.listing.params or {}) | {"limit": limit}
        if self.cursor is not None:
            query["cursor"] = self.cursor
        return Request("GET", self.listing.path, query)

    def take(self, page: Json) -> list[T]:
        """The page's rows, as many as are still wanted."""
        self._worked = True
        rows: list[T] = page["data"] if self._left is None else page["data"][: self._left]
        if self._left is not None:
            self._left -= len(rows)
        return rows

    def turn(self, page: Json) -> None:
        """After all rows of the page have been used."""
        following = self._every is not None
        cursor = page.get("next_cursor")
        self._ended = not following and (not cursor or cursor == self.cursor)
        # A search that stops early, at `searched_until`, has more to say at once.
        more = len(page["data"]) >= MOST or page.get("searched_until") is not None
        self.pause = 0.0 if more else self._every or 0.0
        self.cursor = cursor or (self.cursor if following else None)

    def failed(self, error: GatewayError) -> None:
        """Raises `error`, unless this follows a list that it could read before and later may read again."""
        if self._every is None or not self._worked or not error.temporary:
            raise error
        self.pause = max(self._every, error.retry_after or 0.0, 1.0)


def following(listing: Listing[T], cursor: str | None, every: float) -> Pager[T]:
    """A pager from the oldest row on, or from a cursor, that has no end."""
    if every <= 0:
        raise ValueError("every: must be more than 0 seconds")
    ascending = dict(listing.params or {}) | {"order": "asc"}
    return Pager(replace(listing, params=ascending, limit=None), cursor=cursor, every=every)


class Rows(Iterator[T]):
    """An iterator over rows. `cursor` is where the pages end that were used up entirely: kept, and given to
    `follow`, it goes on there after a restart; rows of a page that was under way then come again.

        for event in client.list_events(type="call.completed"):
            print(event["id"])
    """

    def __init__(
        self, send: Callable[[Request[Any]], Any], sleep: Callable[[float], None], pager: Pager[T]
    ) -> None:
        self._send = send
        self._sleep = sleep
        self._pager = pager
        self._rows = self._run()

    def __next__(self) -> T:
        return next(self._rows)

    @property
    def cursor(self) -> str | None:
        return self._pager.cursor

    def follow(self, cursor: str | None = None, *, every: float = 1.0) -> Rows[T]:
        """The same list from its oldest row on, or from `cursor`, and then whatever is added, for ever: each
        row once, in commit order. At the end it looks again after `every` seconds, and it outlasts times in
        which the gateway cannot be reached.

            for event in client.list_events(since="2026-11-20T00:00:00Z").follow():
                work_on(event)
        """
        return Rows(self._send, self._sleep, following(self._pager.listing, cursor, every))

    def _run(self) -> Generator[T, None, None]:
        pager = self._pager
        while (request := pager.next()) is not None:
            try:
                page = self._send(request)
            except GatewayError as error:
                pager.failed(error)
            else:
                yield from pager.take(page)
                pager.turn(page)
            if pager.pause:
                self._sleep(pager.pause)


class AsyncRows(AsyncIterator[T]):
    """As `Rows`, for `async for`.

    async for event in client.list_events(type="call.completed"):
        print(event["id"])
    """

    def __init__(
        self,
        send: Callable[[Request[Any]], Awaitable[Any]],
        sleep: Callable[[float], Awaitable[None]],
        pager: Pager[T],
    ) -> None:
        self._send = send
        self._sleep = sleep
        self._pager = pager
        self._rows = self._run()

    async def __anext__(self) -> T:
        return await anext(self._rows)

    async def aclose(self) -> None:
        """Ends it before its end."""
        await self._rows.aclose()

    @property
    def cursor(self) -> str | None:
        return self._pager.cursor

    def follow(self, cursor: str | None = None, *, every: float = 1.0) -> AsyncRows[T]:
        """As `Rows.follow`.

        async for event in client.list_events(since="2026-11-20T00:00:00Z").follow():
            await work_on(event)
        """
        return AsyncRows(self._send, self._sleep, following(self._pager.listing, cursor, every))

    async def _run(self) -> AsyncGenerator[T, None]:
        pager = self._pager
        while (request := pager.next()) is not None:
            try:
                page = await self._send(request)
            except GatewayError as error:
                pager.failed(error)
            else:
                for row in pager.take(page):
                    yield row
                pager.turn(page)
            if pager.pause:
                await self._sleep(pager.pause)
