"""`POST /contacts`: one number becomes one contact, as far as the CRM allows.

The same `X-HUM-Delivery` gets the same answer for a day. Other requests for the number wait for each other;
then the CRM is asked whether it has it, and the ledger too, because many a CRM's search finds a contact only
some seconds after it was made.
"""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.responses import Response

from connectors.kit.answers import Problem, answer
from connectors.kit.candidates import checked, choose
from connectors.kit.connector import Connector
from connectors.kit.contract import Contact, Created, CreateRequest, Found
from connectors.kit.ledger import Creation, Ledger
from connectors.kit.phones import Phone, caller

SEARCH_LAG: Final = 120  # seconds in which the ledger is believed where the CRM finds nobody


async def create(
    connector: Connector, ledger: Ledger, request: CreateRequest, delivery: str | None
) -> Response:
    """201 when it was made, 409 when it existed. Raises Problem for a number that nobody has."""
    phone = caller(request.phone, connector.country)
    if phone is None:
        raise Problem(422, "invalid_request", "phone: not a number that somebody can be called back on")
    async with ledger.claim(f"phone {phone.e164}"):
        known = await ledger.creation(delivery) if delivery else None
        if known is not None:
            return Response(known.answer, known.status, media_type="application/json")
        contact, created = await _existing(connector, ledger, phone), False
        if contact is None:
            wanted = msgspec.structs.replace(request, phone=phone.e164)
            contact, created = await connector.create(wanted)
        found = msgspec.structs.replace(checked(contact), phone=phone.e164)
        response = answer(Created(found, created), 201 if created else 409)
        # Without an id of its own a creation still answers for its number.
        await ledger.record_creation(
            delivery or f"phone {phone.e164}",
            phone.e164,
            Creation(response.status_code, bytes(response.body)),
        )
    return response


async def _existing(connector: Connector, ledger: Ledger, phone: Phone) -> Contact | None:
    found = choose(phone, await connector.lookup(phone), connector.country)
    if isinstance(found, Found):
        return found.contact
    lately = await ledger.created_lately(phone.e164, SEARCH_LAG)
    return msgspec.json.decode(lately.answer, type=Created).contact if lately is not None else None
