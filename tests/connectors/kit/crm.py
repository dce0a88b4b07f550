"""A CRM for the tests of the kit: it remembers what it was asked, and does what a test tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from connectors.kit.connector import Candidate
from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.phones import Phone
from connectors.memory.connector import MemoryConnector

ANN = Contact("1", "Ann Example", phone="(317) 555-0142")


class Crm(MemoryConnector):
    """`asked` has the name of each method that was called. `before[name]` is awaited first: it may raise, or
    wait for ever. `search_finds` is False for a CRM whose search does not find what was made just now."""

    name = "crm"

    def __init__(self, contacts: Iterable[Contact] = (ANN,)) -> None:
        super().__init__(contacts)
        self.asked: list[str] = []
        self.told: list[tuple[Call, str | None]] = []
        self.cancelled: list[str] = []
        self.before: dict[str, Callable[[], Awaitable[None]]] = {}
        self.search_finds = True
        self.opened = 0

    async def open(self) -> None:
        await self._step("open")
        self.opened += 1

    async def close(self) -> None:
        self.opened -= 1

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        await self._step("lookup")
        return await super().lookup(phone) if self.search_finds else []

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        await self._step("create")
        return await super().create(request)

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        await self._step("log_call")
        self.told.append((call, activity_id))
        return await super().log_call(call, contact, activity_id)

    async def find_call(self, call_id: str) -> str | None:
        await self._step("find_call")
        return await super().find_call(call_id)

    async def ping(self) -> None:
        await self._step("ping")

    async def _step(self, name: str) -> None:
        self.asked.append(name)
        try:
            if name in self.before:
                await self.before[name]()
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise


def fails_with(error: Exception) -> Callable[[], Awaitable[None]]:
    async def fail() -> None:
        raise error

    return fail


async def never() -> None:
    await asyncio.Event().wait()


async def yields() -> None:
    """Everybody else gets a turn, several times."""
    for _ in range(20):
        await asyncio.sleep(0)
