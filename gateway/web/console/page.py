"""What a page is: an address, a handler, and what the handler gets and returns."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast
from urllib.parse import quote, urlencode

from starlette.datastructures import QueryParams

from gateway.manage.stats import WINDOWS, Window
from gateway.web.auth import Principal
from gateway.web.console.asking import Asking, File
from gateway.web.console.forms import Form
from gateway.web.console.menu import MENU


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: its template, and what that needs beyond the visit."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200


@dataclass(frozen=True, slots=True)
class Onward:
    """Where to go from here, after something was done. `said` is a name in `said.SAID`."""

    to: str
    said: str | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """A file to be kept: its bytes or its pieces as they come, its media type, and the name that the browser
    proposes (of letters, digits, dots, dashes and underscores)."""

    pieces: AsyncIterator[bytes] | bytes
    kind: str
    name: str


@dataclass(slots=True)
class Visit:
    """One request of somebody who is inside, called `who`. `org_id` is the organization in the address, None
    on pages over none; `now` is in ms; `root` stands before every address (the path of the public URL)."""

    principal: Principal
    who: str
    org_id: str | None
    path: Mapping[str, str]
    query: QueryParams
    form: Form
    now: int
    root: str
    token: str
    request_id: str
    client: Any
    asking: Asking

    async def ask(
        self,
        operation_id: str,
        *,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | File | None = None,
        org_id: str | None = None,
        raw: Sequence[str] = (),
    ) -> Any:
        """What the operation answers, JSON decoded, its fields named by `raw` as bytes; parameters that are
        None or empty are left out. Raises the operation's Problem."""
        return await self.asking.ask(self, operation_id, path or {}, query or {}, body, org_id, raw)

    async def stream(
        self,
        operation_id: str,
        kind: str,
        query: Mapping[str, str | None] | None = None,
        path: Mapping[str, str] | None = None,
    ) -> AsyncIterator[bytes]:
        """The pieces of the operation's export, as this media type. Raises the operation's Problem."""
        return await self.asking.stream(self, operation_id, kind, query or {}, path or {})

    def may(self, operation_id: str) -> bool:
        """Whether whoever is inside has the rights for this operation."""
        return self.asking.may(self.principal, operation_id)

    def to(self, /, *parts: str, **query: str | None) -> str:
        """The address of a page of this organization."""
        return self.address("o", self.org_id or "*", *parts, **query)

    def address(self, /, *parts: str, **query: str | None) -> str:
        """The address of any page of the console."""
        named = {name: value for name, value in query.items() if value}
        path = "/".join((self.root + "/console", *(quote(part, safe="") for part in parts)))
        return f"{path}?{urlencode(named)}" if named else path

    def same(self, parts: Sequence[str], /, **query: str | None) -> str:
        """The address of a page of this organization with the query of this one, but for what is named."""
        return self.to(*parts, **{**dict(self.query), "said": None, **query})

    def window(self, usual: Window) -> Window:
        """The one in the address; the usual one, if that is none."""
        named = self.query.get("window")
        return cast(Window, named) if named in WINDOWS else usual

    @property
    def menu(self) -> Sequence[tuple[str, str, str]]:
        return MENU

    @property
    def rights(self) -> str:
        return "platform" if self.principal.platform else (self.principal.role or "")


Handler = Callable[[Visit], Awaitable[Shown | Onward | Download]]


@dataclass(frozen=True, slots=True)
class Page:
    """An address below `/console`, and what is there. Those below `/o/{org}` are an organization's."""

    path: str
    handler: Handler
    method: Literal["GET", "POST"] = "GET"
