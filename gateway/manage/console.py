"""Entering the console and leaving it: by a key, or by a link that opens once.

Whoever is inside can do what the key or the link's role can, and no longer than the key counts: that is
looked at for every page.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from gateway.clock import Clock
from gateway.domain.audit import Deed, Who
from gateway.domain.console import Entry, Link, LinkCreate, Session
from gateway.errors import Forbidden, Unauthorized
from gateway.store import audit, console, organizations
from gateway.store.api_keys import ApiKey, hash_key
from gateway.store.directory import Directory
from gateway.store.store import Store
from gateway.store.transaction import Transaction

SCOPE: Final = "console"


@dataclass(frozen=True, slots=True)
class Inside:
    """Somebody who is inside, with the key that counts at this moment (None: see `Entry.key`)."""

    session: Session
    key: ApiKey | None


async def make_link(tx: Transaction, request: LinkCreate, entry: Entry, now: int) -> tuple[Link, str]:
    """The link and its token, which is known only now."""
    token = secrets.token_urlsafe(32)
    link = Link(entry, now + request.expires_in * 1000)
    await console.add_link(tx.conn, hash_key(token), link)
    return link, token


class Door:
    """Lets people in and out."""

    def __init__(self, store: Store, directory: Directory, clock: Clock) -> None:
        self._store = store
        self._directory = directory
        self._clock = clock

    async def enter_by_key(self, text: str, address: str | None) -> str:
        """The token of a new session. Raises Unauthorized, and Forbidden for a platform key without the
        scope."""
        digest = hash_key(text)
        key = await self._key(digest)
        if key is None:
            raise Unauthorized("this key is unknown, revoked or expired")
        if key.org_id is None and SCOPE not in key.scopes:
            raise Forbidden(f"this platform key has not the scope {SCOPE}")
        return await self._begin(Entry(digest, key.id), key.org_id, address)

    async def enter_by_link(self, token: str, address: str | None) -> str:
        """The same with a link, which is used up. Raises Unauthorized, having written nothing."""
        digest = hash_key(token)
        async with self._store.looking_up() as conn:
            link = await console.find_link(conn, digest)
        if link is None or self._clock.now() >= link.expires_at or not await self._counts(link.entry):
            raise _used_up()
        return await self._begin(link.entry, link.entry.org_id, address, link=digest)

    async def inside(self, token: str) -> Inside | None:
        """Who has this session; None when it is over."""
        digest, now = hash_key(token), self._clock.now()
        async with self._store.looking_up() as conn:
            session = await console.find_session(conn, digest)
        if session is None or not session.lasts(now):
            return None
        key = None if session.entry.key is None else await self._key(session.entry.key)
        if session.entry.key is not None and key is None:
            return None
        if session.unseen(now):
            async with self._store.transaction() as tx:
                await console.seen(tx.conn, digest, now)
        return Inside(session, key)

    async def leave(self, token: str) -> None:
        async with self._store.transaction() as tx:
            await console.end_session(tx.conn, hash_key(token))

    async def _begin(
        self, entry: Entry, org_id: str | None, address: str | None, link: bytes | None = None
    ) -> str:
        """The link is used up together with what it opens, or not at all."""
        token, now = secrets.token_urlsafe(32), self._clock.now()
        who = Who(entry.actor or entry.key_id, entry.key_id, address)
        async with self._store.transaction() as tx:
            if org_id is not None:
                await organizations.lock_living(tx.conn, org_id)
            if link is not None and not await console.use_link(tx.conn, link):
                raise _used_up()
            await console.add_session(tx.conn, hash_key(token), Session(entry, now, now))
            deed = Deed(who, "enterConsole", "console_session", None, now)
            await audit.append(tx, org_id or organizations.PLATFORM, [deed])
        return token

    async def _counts(self, entry: Entry) -> bool:
        return entry.key is None or await self._key(entry.key) is not None

    async def _key(self, digest: bytes) -> ApiKey | None:
        """The key with this hash, if it counts."""
        key = await self._directory.key(digest)
        return key if key is not None and key.valid(self._clock.now()) else None


def _used_up() -> Unauthorized:
    return Unauthorized("this link was used already, or it is too old")
