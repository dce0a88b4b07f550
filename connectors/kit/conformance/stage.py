"""What checks may rely on: known contacts, unknown numbers, marked names, a look at what the CRM holds.

Known contacts come from the seed, or are created when writing is allowed. Everything is made once, when the
first check asks for it, and shared. What cannot be had makes the check that asked for it Skipped.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from connectors.kit.conformance import expect
from connectors.kit.conformance.bodies import MARK, call
from connectors.kit.conformance.check import NEEDS
from connectors.kit.conformance.exchange import Answer
from connectors.kit.conformance.hum import Hum
from connectors.kit.conformance.numbers import Numbers
from connectors.kit.conformance.seed import Known, Seed
from connectors.kit.conformance.verdict import Failed, Skipped

Show = Callable[[str], Awaitable[str]]
T = TypeVar("T")

_TRIES: Final = 20
_FIRST_PAUSE: Final = 0.1
_STRANGER: Final = "a caller who is surely no contact, and no lookup of 555-01xx said so"


@dataclass(frozen=True, slots=True)
class Person:
    """A number and what is known of who has it."""

    phone: str
    known: Known


@dataclass(frozen=True, slots=True)
class Made:
    """The one create whose answer several checks look at. The number is found by then, or never will be."""

    phone: str
    name: str
    answer: Answer

    @property
    def id(self) -> str:
        """Of the contact. Raises Skipped when none was created."""
        try:
            return str(expect.created(self.answer)[0]["id"])
        except Failed as failed:
            raise Skipped(f"a contact, and none could be created ({failed}); see HUM-CRE-001") from None


@dataclass(frozen=True, slots=True)
class Logged:
    """A call that was logged, and the activity that it became."""

    call_id: str
    activity_id: str


class Stage:
    """`settle`: how many seconds a new contact may take until a lookup finds it."""

    def __init__(
        self,
        hum: Hum,
        numbers: Numbers,
        seed: Seed,
        *,
        may_create: bool,
        settle: float,
        show: Show | None,
    ) -> None:
        self._hum = hum
        self._numbers = numbers
        self._seed = seed
        self._may_create = may_create
        self._settle = settle
        self._show = show
        self._made: dict[str, asyncio.Future[Any]] = {}
        self._count = itertools.count(1)

    def name(self) -> str:
        """A marked name, each once."""
        return f"{MARK} {next(self._count)}"

    async def unknown(self) -> str:
        """A number that nobody has."""
        return await self._once("unknown", self._an_unknown)

    async def known(self) -> Person:
        """A contact that has its number alone."""
        return await self._once("known", self._a_known)

    async def made(self) -> Made:
        """A contact with a fictitious number and a marked name: the only kind that checks write to."""
        return await self._once("made", self._a_made)

    async def local(self) -> Person:
        """A contact that the CRM holds without the country of its number."""
        if (found := self._seed.local()) is None:
            raise Skipped(NEEDS["local"])
        return Person(*found)

    async def shared(self) -> Person:
        """A number that several contacts have."""
        if (found := self._seed.shared()) is None:
            raise Skipped(NEEDS["shared"])
        return Person(*found)

    def all_of_the_seed(self) -> list[Person]:
        """Every contact that the integrator named."""
        return [Person(phone, known) for phone, known in self._seed.contacts.items()]

    def unknown_of_the_seed(self) -> tuple[str, ...]:
        """Every number that the integrator says nobody has."""
        return self._seed.unknown

    async def logged(self) -> Logged:
        """A call that was logged; Skipped where the CRM has nothing of the kind."""
        return await self._once("logged", self._a_logged)

    async def fresh(self) -> str:
        """A 555-01xx number that nobody has, for one check alone."""
        for _ in range(_TRIES):
            number = self._numbers.next()
            answer = await self._hum.try_to_send(self._hum.lookup(number))
            if answer is None or not answer.is_object or answer.data.get("found") is not True:
                return number
        raise Skipped(f"a number that nobody has: {_TRIES} of 555-01xx are all known to the CRM")

    async def call(self, call_id: str, phone: str | None = None, **more: Any) -> dict[str, Any]:
        """A call as `bodies.call` tells it, from `phone`, or from the contact that the check has made, or
        where none can be made from somebody whom the CRM does not know: so that no connector files it with a
        contact that is not the check's own."""
        caller = phone if phone is not None else await self._once("caller", self._a_caller)
        return call(call_id, caller, await self._once("office", self._a_stranger), **more)

    async def show(self, activity_id: str) -> str:
        """The activity as the CRM shows it, as text."""
        if self._show is None:
            raise Skipped(NEEDS["shown"])
        try:
            return await self._show(activity_id)
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            hint = "Is there an activity of this id in the CRM, and does --show-activity find it?"
            raise Failed(f"a look at the activity {activity_id!r}", got, hint=hint) from error

    async def until_found(self, phone: str) -> bool:
        """Whether a lookup finds the number, at once or while a new contact settles."""
        waited, pause = 0.0, _FIRST_PAUSE
        while True:
            answer = await self._hum.try_to_send(self._hum.lookup(phone))
            if answer is not None and answer.is_object and answer.data.get("found") is True:
                return True
            if waited >= self._settle:
                return False
            await asyncio.sleep(pause)
            waited, pause = waited + pause, pause * 2

    def close(self) -> None:
        """Ends what is still being made."""
        for made in self._made.values():
            made.cancel()

    async def _an_unknown(self) -> str:
        return self._seed.unknown[0] if self._seed.unknown else await self.fresh()

    async def _a_caller(self) -> str:
        try:
            return (await self.made()).phone
        except (Failed, Skipped):
            return await self._a_stranger()

    async def _a_stranger(self) -> str:
        """Calls are written, so a number will do only if a lookup has said that nobody has it."""
        for _ in range(_TRIES):
            number = self._numbers.next()
            try:
                answer = await self._hum.send(self._hum.lookup(number))
            except Failed as failed:
                raise Skipped(f"{_STRANGER} ({failed})") from None
            if expect.says_not_found(answer):
                return number
            if not (answer.is_object and answer.data.get("found") is True):
                break
        raise Skipped(f"{_STRANGER}; see HUM-LKP-001")

    async def _a_known(self) -> Person:
        if (seeded := self._seed.plain()) is not None:
            return Person(*seeded)
        if not self._may_create:
            raise Skipped(NEEDS["known"])
        made = await self.made()
        found = await self._hum.send(self._hum.lookup(made.phone))
        if not found.is_object or found.data.get("found") is not True:
            raise Skipped(f"a known contact, and the created one, {made.id}, is not found; see HUM-CRE-003")
        return Person(made.phone, Known(id=made.id, name=made.name))

    async def _a_made(self) -> Made:
        phone, name = await self.fresh(), self.name()
        request = self._hum.create(phone, name=name, email="conformance-check@example.com")
        answer = await self._hum.send(request)
        if answer.status < 300:
            await self.until_found(phone)
        return Made(phone, name, answer)

    async def _a_logged(self) -> Logged:
        call_id = self._hum.new_id("call")
        try:
            activity_id = expect.logged(await self._hum.send(self._hum.sync(await self.call(call_id))))
        except Failed as failed:
            raise Skipped(f"a logged call, and none could be logged ({failed}); see HUM-CAL-001") from None
        if activity_id is None:
            raise Skipped('a CRM that has calls: this one answers "not_supported"')
        return Logged(call_id, activity_id)

    async def _once(self, what: str, make: Callable[[], Awaitable[T]]) -> T:
        if what not in self._made:
            self._made[what] = asyncio.ensure_future(make())
        found: T = await asyncio.shield(self._made[what])
        return found
