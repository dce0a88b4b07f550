"""Who is calling."""

from __future__ import annotations

from typing import Unpack

from gateway.client.call import call
from gateway.client.request import Request
from gateway.client.types_callers import CallDetails, Resolution


class CallerCalls:
    @call
    def resolve_caller(self, phone: str, **details: Unpack[CallDetails]) -> Request[Resolution]:
        """Who has this number, answered within `deadline_ms` whatever happens. It is sent without an
        idempotency key: repeating it makes nothing twice.

            client.resolve_caller("+13175550142", deadline_ms=900)["status"]
        """
        return Request("POST", "/api/callers/resolve", json={"phone": phone, **details}, keyed=False)
