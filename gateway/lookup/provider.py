"""What a provider of telephone data is to whoever asks it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.domain.number_lookup import Credentials, Package, Report


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer that is one: a word for programs, a sentence for a person that repeats nothing of what was
    said. `status`: the HTTP status, if there was one. `charged`: the provider may have done the work all the
    same, so that asking again may cost again. `unreadable`: it has answered, and so charged for certain, but
    not as it should. `wait_ms`: how long it asks to be left alone. `code`: the provider's own number for the
    failure, where it gave one."""

    error: str
    detail: str
    status: int | None = None
    charged: bool = False
    wait_ms: int | None = None
    code: int | None = None

    @property
    def unreadable(self) -> bool:
        return self.charged and self.status == 200


class Provider(Protocol):
    """One way to ask about numbers. It raises nothing for what the other side does."""

    async def ask(
        self, credentials: Credentials, org_id: str, phone: str, packages: Sequence[Package]
    ) -> Report | Failed:
        """What the provider has on a number (E.164), of these packages; of none of them it says only whether
        the number exists, which costs nothing."""
