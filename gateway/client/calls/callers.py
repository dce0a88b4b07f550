"""Who is calling."""

from __future__ import annotations

from typing import Any, Final, Literal, Unpack

from gateway.client.call import call
from gateway.client.jobs import BackfillEstimate, Job
from gateway.client.request import Request, segment
from gateway.client.types import (
    CallDetails,
    CallerDial,
    CallerPreview,
    PreviewDetails,
    Resolution,
)

DEADLINE_MS: Final = 900  # the gateway's, where none is given
MARGIN_MS: Final = 500  # for the way to the gateway and back


class CallerCalls:
    @call
    def resolve_caller(self, phone: str | None, **details: Unpack[CallDetails]) -> Request[Resolution]:
        """Who has this number (None: the network gave none), answered within `deadline_ms` (900) whatever
        happens. A phone rings meanwhile:
        there is one try, and half a second after the deadline it is over with an UnreachableError, unless the
        client was made with a `retry` or a `timeout`. It is sent without an idempotency key: repeating it
        makes nothing twice.

            client.resolve_caller("+13175550142", deadline_ms=900)["status"]
        """
        budget = (details.get("deadline_ms", DEADLINE_MS) + MARGIN_MS) / 1000
        body = {"phone": phone, **details}
        return Request("POST", "/api/callers/resolve", json=body, keyed=False, budget=budget)

    @call
    def get_resolution(
        self, resolution_id: str, *, wait_ms: int | None = None, after: int | None = None
    ) -> Request[Resolution]:
        """What a caller was resolved to, with what came later. While sources are pending it waits up to
        `wait_ms` for an answer that says more than that of revision `after`, or for the last word.

            client.get_resolution("res_01k9…", wait_ms=3000)["contact"]
        """
        path = f"/api/callers/resolutions/{segment(resolution_id)}"
        return Request("GET", path, {"wait_ms": wait_ms, "after": after})

    @call
    def preview_caller(self, **details: Unpack[PreviewDetails]) -> Request[CallerPreview]:
        """What an agent would be told of a caller, without asking anybody: of a number, or of values.

        client.preview_caller(phone="+13175550142", context_template="Caller: {{name}}")["context"]
        """
        return Request("POST", "/api/callers/preview", json=dict(details), keyed=False)

    @call
    def caller_dial(self, *, window: str | None = None) -> Request[CallerDial]:
        """How many callers would be known at which deadline, over `window`: "1h", "24h", "7d" (where none is
        given) or "30d".

        [(at["deadline_ms"], at["share"]) for at in client.caller_dial(window="7d")["deadlines"]]
        """
        return Request("GET", "/api/callers/dial", {"window": window})

    @call
    def estimate_backfill(
        self, source: Literal["twilio", "connectors"], *, only_missing: bool = True
    ) -> Request[BackfillEstimate]:
        """How many numbers of the address book `backfill` would ask for, and what that costs.

        client.estimate_backfill("twilio")["cost"]["amount"]
        """
        body = {"source": source, "only_missing": only_missing, "dry_run": True}
        return Request("POST", "/api/contacts/backfill", json=body)

    @call
    def backfill(
        self,
        source: Literal["twilio", "connectors"],
        *,
        confirm_cost: str | None = None,
        only_missing: bool = True,
    ) -> Request[Job]:
        """A job that asks for what is missing in the address book; `confirm_cost` is the amount of the
        estimate.

        client.wait(client.backfill("twilio", confirm_cost="8.028"))
        """
        body: dict[str, Any] = {"source": source, "only_missing": only_missing}
        if confirm_cost is not None:
            body["confirm_cost"] = confirm_cost
        return Request("POST", "/api/contacts/backfill", json=body)
