"""What a source is to the flow: somebody who can be asked about a caller, and cut short.

A new kind of source is a class with `asks`, its place in `domain.contact.PRECEDENCE`, and one more entry in
the list that `app` hands to `Callers`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from gateway.domain.contact import Kind
from gateway.domain.resolution import Heard, Inquiry
from gateway.enrich.recalls import Recalled
from gateway.store.directory import OrgView


class Ask(Protocol):
    """One question to one source. It raises nothing for what the source does."""

    @property
    def source(self) -> str:
        """Whom errors name: a connector's id."""

    @property
    def kind(self) -> Kind:
        """What kind of source that is."""

    def known(self, recalled: Recalled) -> Heard | None:
        """What can be told at once, out of what is kept of the caller; None when the source has to be
        asked."""

    async def hear(self, memory: asyncio.Future[Recalled]) -> Heard:
        """The answer, when it is there; asked for only when nothing was known at once. `memory` is what is
        kept, which may come late."""

    def refresh(self) -> None:
        """Has the source asked behind an old answer that was told already."""

    def without(self, error: str) -> Heard:
        """What can be said without an answer, for this reason. The question itself may go on."""


class Source(Protocol):
    """Whom to ask about callers of an organization."""

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> Sequence[Ask]:
        """The questions; nothing is asked before `hear`. `ends` is when (monotonic seconds) the waiting is
        over."""
