"""The console's ways in, as rules: a link that opens once, and the session that a key or a link begins.

Sessions and links hang on the API key behind them: when that is revoked or expires, they end with it. Storing
them is `store.console`, using them `manage.console`; what a browser gets, `web.console`.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from gateway.domain.audit import MAX_ACTOR
from gateway.domain.printable import PRINTABLE

SESSION_MS: Final = 12 * 3_600_000
IDLE_MS: Final = 3_600_000
SEEN_EVERY_MS: Final = 60_000
"""How exactly it is known when a session was last used: not every page is a write."""

LINK_SECONDS: Final = 300
LONGEST_LINK_SECONDS: Final = 3_600


class LinkCreate(BaseModel):
    """`POST /api/console-links`: who is to enter, and with which rights."""

    model_config = ConfigDict(extra="forbid", strict=True)

    role: Literal["viewer", "operator", "admin"]
    actor: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ACTOR), PRINTABLE]
    expires_in: Annotated[int, Field(ge=30, le=LONGEST_LINK_SECONDS)] = LINK_SECONDS


@dataclass(frozen=True, slots=True)
class Entry:
    """With what somebody is inside. `key` is the hash of the API key that it hangs on (None: the operator
    made the link on the machine itself). A link's has organization, role and actor; a key's takes them from
    the key."""

    key: bytes | None
    key_id: str
    org_id: str | None = None
    role: str | None = None
    actor: str | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A way in that opens once, until `expires_at` (ms)."""

    entry: Entry
    expires_at: int


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is inside; times in ms."""

    entry: Entry
    created_at: int
    seen_at: int

    @property
    def expires_at(self) -> int:
        return min(self.created_at + SESSION_MS, self.seen_at + IDLE_MS)

    def lasts(self, now: int) -> bool:
        return now < self.expires_at

    def unseen(self, now: int) -> bool:
        """Whether it is to be noted that it was used."""
        return now - self.seen_at >= SEEN_EVERY_MS


def form_token(session_token: str) -> str:
    """What each form of a session carries: only its own pages can know it."""
    return hmac.new(session_token.encode(), b"hum-gateway console form", hashlib.sha256).hexdigest()


def is_form_token(given: str, session_token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), form_token(session_token).encode())
