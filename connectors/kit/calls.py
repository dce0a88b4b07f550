"""`POST /calls`: one call becomes one activity, however often and in whatever order it is told.

Who may write is settled before the CRM is asked: one at a time for a call id, over all processes on the
ledger. What the ledger does not know (it is lost, the call is too old, or a crash came between the CRM's
answer and the row), the CRM is asked for: `Connector.find_call`.
"""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Final

import msgspec

from connectors.kit.connector import Connector
from connectors.kit.contract import Call, Logged, SyncRequest
from connectors.kit.failures import NotSupported
from connectors.kit.ledger import Done, Ledger

_SKIPPED: Final = Logged(None, skipped=NotSupported.code)


async def log(connector: Connector, ledger: Ledger, request: SyncRequest, *, again: bool = False) -> Logged:
    """The activity that the call became. `again`: a person wants it written whatever the ledger says."""
    if type(connector).log_call is Connector.log_call:  # not filled in
        return _SKIPPED
    call, content = request.call, _content(request)
    async with ledger.claim(f"call {call.id}"):
        done = await ledger.call(call.id)
        if done is not None and (_is_older(call, done) or (_is_same(call, content, done) and not again)):
            return Logged(done.activity_id)
        try:
            known = done.activity_id if done is not None else await connector.find_call(call.id)
            activity_id = await connector.log_call(call, request.contact, known)
        except NotSupported:
            return _SKIPPED
        await ledger.record_call(call.id, Done(str(activity_id), call.revision, call.updated_at, content))
    return Logged(str(activity_id))


def _content(request: SyncRequest) -> bytes:
    return hashlib.sha256(msgspec.json.encode(request)).digest()


def _is_older(call: Call, done: Done) -> bool:
    """Whether the CRM has been told of a later state. Equal revisions, or none, are told apart by time."""
    if call.revision != done.revision:
        return call.revision < done.revision
    given, known = _moment(call.updated_at), _moment(done.updated_at)
    return given is not None and known is not None and given < known


def _is_same(call: Call, content: bytes, done: Done) -> bool:
    return call.revision == done.revision and content == done.content


def _moment(text: str | None) -> datetime | None:
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None else None
