"""What a connector is told of a call: `POST {base_url}/calls` (wire contract, section 6).

Before an attempt the call's state is put together from its events as they are now, and the person is looked
up in the CRM that is told of it: a connector knows contacts by its own ids alone. Reasons not to tell it at
all are `domain.delivery.Reason`; a lookup that fails is a failed attempt, to be made again with it.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

import msgspec

from gateway.crm import answers, wire
from gateway.crm.answers import Failed
from gateway.domain import call as calls
from gateway.domain import phone as phones
from gateway.domain.connector import Connector
from gateway.domain.delivery import Reason
from gateway.domain.event import Event
from gateway.domain.exchange import Exchange, Request
from gateway.domain.owed import Owed
from gateway.store import calls as call_rows
from gateway.store.directory import OrgView
from gateway.store.store import Store

MOST_PREPARED_AT_ONCE = 4  # each may hold 8 MiB of events

NOTHING_SENT = Request("", [], b"", 0, ("", ""))


class Contacts(Protocol):
    """Whom a connector knows (`gateway.enrich`)."""

    async def person(
        self, connector: Connector, org: OrgView, phone: str, call_id: str
    ) -> str | Exchange | None:
        """The id of the connector's contact with this number (E.164), made now if the connector wishes that;
        None when it knows nobody; the exchange that failed when that cannot be told."""


@dataclass(frozen=True, slots=True)
class Sync:
    """The body of a request, and the contact in it, both JSON."""

    body: bytes
    contact: bytes


class CallSyncs:
    """Prepares what connectors are told of calls."""

    def __init__(self, store: Store, contacts: Contacts) -> None:
        self._store = store
        self._contacts = contacts
        self._preparing = asyncio.Semaphore(MOST_PREPARED_AT_ONCE)

    async def prepare(self, connector: Connector, org: OrgView, event: Event) -> Sync | Reason | Exchange:
        """What to send; why nothing is to be sent; or what went wrong on the way there."""
        call_id = calls.call_id_of(event.type, event.data)
        if call_id is None:
            return Reason.UNKNOWN_CALL
        async with self._preparing:
            call = await state_of(self._store, org, call_id, event)
        if not call.known:
            return Reason.UNKNOWN_CALL
        contact = await self._contact(connector, org, call)
        if not isinstance(contact, bytes):
            return contact
        return Sync(body_of(call, contact), contact)

    async def _contact(
        self, connector: Connector, org: OrgView, call: calls.Call
    ) -> bytes | Reason | Exchange:
        number = call.other_party
        phone = None
        if number is not None:
            parsed = phones.parse(number, org.organization.settings.region)
            if isinstance(parsed, phones.Unusable):
                return Reason.UNUSABLE_NUMBER
            phone = parsed.e164
        person = None if phone is None else await self._contacts.person(connector, org, phone, call.id)
        if isinstance(person, Exchange):
            return unprepared(person)
        if person is None:
            return b"null" if connector.sync_unknown else Reason.UNKNOWN_CONTACT
        return msgspec.json.encode({"id": person, "phone": phone})


async def state_of(store: Store, org: OrgView, call_id: str, event: Event) -> calls.Call:
    """The call's state at this moment; `event` is one of its events."""
    cipher = org.organization.cipher
    found: list[Event] = []
    async with store.looking_up() as conn:
        rows, left_out = await call_rows.events_of(conn, org.id, cipher.call(call_id))
    for row in rows:
        data = cipher.open(row.id, "payload", row.payload)
        found.append(Event(row.id, org.id, row.type, row.timestamp, data))
        await asyncio.sleep(0)  # a long call holds up nobody else
    # It is not in the index when it was accepted before any connector heard of calls, and is sent again.
    if all(one.id != event.id for one in found) and not left_out:
        found.insert(0, event)
    return calls.state_of(call_id, found, left_out)


def body_of(call: calls.Call, contact: bytes) -> bytes:
    """What is sent; `contact` is JSON."""
    return b'{"call":%b,"contact":%b}' % (call.as_json(), contact)


def build(
    connector: Connector,
    sync: Sync,
    owed: Owed,
    *,
    now: int,
    cdn_loop: str,
    leading: str | None = None,
    timestamp: int | None = None,
) -> Request:
    """The signed request of an attempt; `X-HUM-Delivery` is the delivery's at each of them."""
    return wire.build(
        connector, "call.sync", sync.body, delivery_id=owed.id, message_id=owed.event_id, now=now,
        cdn_loop=cdn_loop, leading=leading, timestamp=timestamp,
    )  # fmt: skip


def read(exchange: Exchange) -> Exchange:
    """The exchange as it counts: a 2xx that does not say what the contract wants is an error."""
    if not exchange.succeeded:
        return exchange
    answer = answers.read_sync(exchange)
    if not isinstance(answer, Failed):
        return exchange
    return msgspec.structs.replace(exchange, error="invalid_answer", error_detail=answer.detail)


def unprepared(lookup: Exchange) -> Exchange:
    """A lookup or create that failed, as the attempt that it has kept from being made."""
    if lookup.error == "aborted":  # too much was under way here: no fault of the connector's
        return lookup
    because = lookup.error_detail or lookup.error or f"answered {lookup.status_code}"
    detail = f"the contact could not be found or made: {because}"
    return msgspec.structs.replace(lookup, error="contact_lookup", error_detail=detail)
