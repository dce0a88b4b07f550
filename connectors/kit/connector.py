"""The class an author fills in. Everything else of the contract is the kit's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from connectors.kit.contract import Call, Contact, ContactRef, CreateRequest
from connectors.kit.phones import Phone


@dataclass(frozen=True, slots=True)
class Candidate:
    """A contact that may have the number: `phones` are all numbers the CRM holds for it, as they stand there.
    The kit decides which of them is the one that was asked for. `created` orders those that share it."""

    contact: Contact
    phones: tuple[str, ...]
    created: str = ""


@dataclass(frozen=True, slots=True)
class Setting:
    """An environment variable that a connector reads; without `default` it must be there. `secret` ones are
    never printed."""

    name: str
    help: str
    default: str | None = None
    secret: bool = False


class Connector:
    """One CRM. `lookup` and `ping` change nothing. Every method may raise a `kit.failures.Failure`; what
    httpx raises the kit understands, too. Anything else is answered 500 and logged without its contents. What
    an author leaves out is answered 501 `not_supported`.

    `country` is what numbers without a country code are read as, as ISO 3166 ("US")."""

    name: ClassVar[str] = ""
    version: ClassVar[str] = "1"
    settings: ClassVar[tuple[Setting, ...]] = ()
    country: str = "US"

    @classmethod
    def from_settings(cls, values: Mapping[str, str]) -> Self:
        """The connector; `values` has every setting by name. Raises ValueError naming what is wrong."""
        return cls()

    async def open(self) -> None:
        """Before the first request."""

    async def close(self) -> None:
        """After the last one."""

    async def lookup(self, phone: Phone) -> Iterable[Candidate]:
        """Everybody who might have the number. Search over-inclusively (`phone.notations`): the kit
        verifies."""
        raise NotImplementedError

    async def create(self, request: CreateRequest) -> tuple[Contact, bool]:
        """The contact, and whether it was made now; False when it existed."""
        raise NotImplementedError

    async def log_call(self, call: Call, contact: ContactRef | None, activity_id: str | None) -> str:
        """Logs the call, or brings the activity that it became before up to date. Returns the activity's id.
        Raises NotSupported where the CRM has nothing of the kind."""
        raise NotImplementedError

    async def find_call(self, call_id: str) -> str | None:
        """The activity that this call became, where the CRM can be asked: closes the gap of a crash between
        the CRM's answer and the ledger. None when it did not, or nobody can tell."""
        return None

    async def ping(self) -> None:
        """Returns when the CRM answers and takes the credentials."""
        raise NotImplementedError
