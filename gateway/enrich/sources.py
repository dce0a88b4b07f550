"""What a source is to the flow: somebody who can be asked about a caller, and cut short.

A new kind of source is a class with `asks`, its place in `domain.contact.PRECEDENCE`, and one more entry in
the list that `app` hands to `Callers`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from gateway.domain.resolution import Heard, Inquiry
from gateway.store.directory import OrgView


class Ask(Protocol):
    """One question to one source. It raises nothing for what the source does."""

    @property
    def source(self) -> str:
        """Whom errors name: a connector's id."""

    async def hear(self) -> Heard:
        """The answer, when it is there."""

    def cut(self) -> Heard:
        """What can be said without waiting any longer. The question itself goes on."""


class Source(Protocol):
    """Whom to ask about callers of an organization."""

    def asks(self, org: OrgView, inquiry: Inquiry, ends: float) -> Sequence[Ask]:
        """The questions; nothing is asked before `hear`. `ends` is when (monotonic seconds) the waiting is
        over."""
