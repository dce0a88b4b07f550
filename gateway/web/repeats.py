"""Idempotency-Key for everything but events: the key, the work and its answer are one transaction."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from gateway.domain.event import is_org_id
from gateway.errors import Conflict, InvalidRequest, Problem
from gateway.store import erased_people, idempotency, organizations
from gateway.store.cipher import Cipher
from gateway.store.idempotency import KEPT_MS, KEPT_WITH_SECRET_MS, OF_PEOPLE, RUNNING_MS, Claim
from gateway.store.store import Store
from gateway.store.transaction import Transaction
from gateway.web import audit
from gateway.web.call import Answer, Call

if TYPE_CHECKING:
    from gateway.web.operation import Operation

log = logging.getLogger("gateway.http")

HOLD_SECONDS: Final = 20.0
"""How often a key is taken anew while the work goes on: well within RUNNING_MS."""

_KEY = re.compile(r"[!-~]{1,255}\Z")
_ID = re.compile(r"[a-z]{3}_[a-z0-9_]+\Z")
_SECRET_FIELDS: Final = ("secret", "key")


def check_key(key: str) -> str:
    """The key as it was sent. Raises InvalidRequest when it is not 1 to 255 visible ASCII characters."""
    if not _KEY.match(key):
        raise InvalidRequest.field("Idempotency-Key", "must be 1 to 255 visible ASCII characters")
    return key


def _caller(call: Call) -> str:
    return call.principal.org_id or call.principal.key_id


def _named(call: Call) -> list[str]:
    """What the path names. An id as it is; anything else, which may be a number and tell whose it is, by its
    keyed hash."""
    cipher = None if call.org is None else call.org.organization.cipher
    return [
        value if cipher is None or _ID.match(value) else cipher.person(value).hex()
        for value in call.path.values()
    ]


def _hash(call: Call) -> bytes:
    """What was asked for: the body, and the query where there is one, in any order."""
    digest = hashlib.sha256(call.body)
    if call.query:
        digest = hashlib.sha256(digest.digest() + msgspec.json.encode(sorted(call.query.multi_items())))
    return digest.digest()


class Repeats:
    """Answers a repeated request with its first result."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def once(self, operation: Operation, call: Call, key: str) -> Answer:
        """Does the work, or repeats the answer of the request that did it with this key."""
        claim = self._claim(operation, call, key)
        now = self._store.clock.now()
        async with call.changing() as tx:
            standing = (await idempotency.claim(tx.conn, [claim], now))[claim.name]
            if standing.event_id != claim.token:
                return self._replay(call, claim, standing, now)
            call.services = call.services.inside(tx)
            answer = await audit.perform(operation, call)
            await self._keep(tx, call, claim, answer)
        return answer

    async def apart(self, operation: Operation, call: Call, key: str) -> Answer:
        """As `once`, for work that waits for somebody outside: it must not hold a transaction meanwhile. The
        key is kept taken for as long as the work goes on; a crash leaves it taken for a minute."""
        claim = self._claim(operation, call, key)
        now = self._store.clock.now()
        running = replace(claim, expires_at=now + RUNNING_MS)
        async with self._store.transaction() as tx:
            standing = (await idempotency.claim(tx.conn, [running], now))[claim.name]
        if standing.event_id != claim.token:
            return self._replay(call, claim, standing, now)
        holding = asyncio.create_task(self._hold(claim), name="hold a key")
        try:
            answer = await audit.perform(operation, call)
        except BaseException:
            async with self._store.transaction() as tx:
                await idempotency.release(tx.conn, claim.name, claim.token)
            raise
        finally:
            holding.cancel()
        async with self._store.transaction() as tx:
            if operation.names_people and await self._erased_since(tx, claim, now):
                await idempotency.release(tx.conn, claim.name, claim.token)
            else:
                await self._keep(tx, call, claim, answer)
        return answer

    async def _hold(self, claim: Claim) -> None:
        """Until cancelled. While the database is away it is tried again."""
        while True:
            await self._store.clock.sleep(HOLD_SECONDS)
            try:
                async with self._store.transaction() as tx:
                    until = self._store.clock.now() + RUNNING_MS
                    await idempotency.hold(tx.conn, claim.name, claim.token, until)
            except Problem as problem:
                log.warning("a key is not kept taken: %s", problem.message)

    async def _erased_since(self, tx: Transaction, claim: Claim, begun_at: int) -> bool:
        """Whether a person of the organization may have been erased since the work began, and stand in its
        answer. Until the transaction ends nobody is erased."""
        living = await organizations.erasures(tx.conn, [claim.org_id])
        erased_at = living.get(claim.org_id)
        return erased_at is not None and begun_at <= erased_at + erased_people.SLACK_MS

    def _claim(self, operation: Operation, call: Call, key: str) -> Claim:
        named = call.headers.get("x-hum-org", "")  # where the operation is not about one, a body may be
        return Claim(
            call.org_id or (named if is_org_id(named) else "*"),
            # The object's id and whose key it is belong to the request: neither another object nor another
            # caller, who may have fewer rights, gets the first one's answer.
            (OF_PEOPLE if operation.names_people else "")
            + " ".join([operation.method, operation.path, *_named(call), _caller(call)]),
            check_key(key),
            _hash(call),
            call.request_id,
            self._store.clock.now() + KEPT_MS,
        )

    async def _keep(self, tx: Transaction, call: Call, claim: Claim, answer: Answer) -> None:
        await idempotency.answer(
            tx.conn, claim.name, claim.token, status=answer.status, sealed=self._seal(call, claim, answer),
            expires_at=claim.expires_at,
        )  # fmt: skip

    def _seal(self, call: Call, claim: Claim, answer: Answer) -> bytes:
        content = answer.raw if answer.raw is not None else msgspec.json.encode(answer.content)
        return self._cipher(call).seal("|".join(claim.name), "answer", content)

    def _replay(self, call: Call, claim: Claim, row: Any, now: int) -> Answer:
        if row.body_hash != claim.body_hash:
            raise Conflict(
                "this Idempotency-Key was used with another body or query", code="idempotency_conflict"
            )
        if row.answer is None:
            raise Conflict(
                "a request with this Idempotency-Key is being worked on",
                code="idempotency_in_progress",
                retry_after=1,
            )
        content = msgspec.json.decode(self._cipher(call).open("|".join(claim.name), "answer", row.answer))
        if now - row.created_at > KEPT_WITH_SECRET_MS:
            content |= {name: None for name in _SECRET_FIELDS if name in content}
        return Answer(content, row.answer_status, headers={"Idempotent-Replayed": "true"})

    def _cipher(self, call: Call) -> Cipher:
        return call.org.organization.cipher if call.org else self._store.platform_cipher
