"""The chapter about callers: a connector to a CRM is registered and pinged, callers are resolved, calls are
logged. One caller stands in the address book, one only in the CRM; whom both do not know, a local double of
Twilio Lookup may; and a second CRM hangs.

It has an organization of its own, so that what is counted of webhooks stays what it is.
"""

from __future__ import annotations

import base64
import json
import os
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from gateway.client import Client
from gateway.client.types import Resolution
from gateway.demo.child import ChildConnector, ChildGateway

ORG: Final = "demo-crm"
KNOWN: Final = "+13175550142"
STRANGER: Final = "+13175550177"
BOOKED: Final = "+13175550121"
LOOKED_UP: Final = "+13175550163"
BESIDE: Final = "+13175550164"
NAMELESS: Final = (KNOWN, STRANGER)  # with the provider of telephone data
WAITS_MS: Final = 900
IN_THE_BOOK: Final = "in the address book"
BESIDE_A_HUNG_ONE: Final = "while a CRM hangs"
SHOWN: Final = (IN_THE_BOOK, BESIDE_A_HUNG_ONE)
"""Those of whom it is shown what an agent would be told."""
OFFICE: Final = "+13175550100"
CONTACTS: Final = (
    {"id": "7", "name": "Dana Quillfeather", "phone": "(317) 555-0142", "company": "Quillfeather Ink"},
)
PATIENCE_SECONDS: Final = 15.0


def new_secret() -> str:
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


@dataclass(slots=True)
class CrmFindings:
    """What came of it. `callers`: by who was asked for; `calls`: the connector's answers, by call."""

    ping_ms: int | None = None
    callers: dict[str, Resolution] = field(default_factory=dict)
    calls: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


class CrmStory:
    """The steps, in the order in which they stand."""

    def __init__(self, gateway: ChildGateway, connector: ChildConnector, secret: str) -> None:
        self._gateway = gateway
        self._connector = connector
        self._secret = secret
        self.connector_id = ""
        self.found = CrmFindings()

    def tell(self, platform_key: str) -> CrmFindings:
        """All of it; what is not as it should be stands in `problems`."""
        with Client(self._gateway.url, platform_key, org=ORG) as client:
            self._register(client)
            self._write_down(client)
            self._resolve(client)
            self._beside_one_that_hangs(client)
            self._log_calls(client)
        return self.found

    def _register(self, client: Client) -> None:
        made = client.create_connector(
            name="The memory connector",
            base_url=self._connector.url,
            secret=self._secret,
            create_contacts=True,
        )
        self.connector_id = made["id"]
        ping = client.ping_connector(self.connector_id)
        self._expect(ping["ok"], f"the ping failed: {ping['error']}")
        self.found.ping_ms = ping["duration_ms"]

    def _write_down(self, client: Client) -> None:
        """A person's word, which counts before every other: the network has another name for this number."""
        client.update_contact(BOOKED, name="Maria Okonkwo", company="Okonkwo Legal", tags=["vip"])

    def _resolve(self, client: Client) -> None:
        """Somebody whom a person has written down, somebody the CRM knows, somebody nobody knows (who is
        created after the answer), somebody whose number alone says who it is, somebody who withholds it."""
        for who, number, status, source in (
            (IN_THE_BOOK, BOOKED, "found", "override"),
            ("known to the CRM", KNOWN, "found", "crm"),
            ("only by the number", LOOKED_UP, "found", "lookup"),
            ("a stranger", STRANGER, "not_found", None),
            ("withheld", "anonymous", "unknown", None),
        ):
            self._ask(client, who, number, status, source)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while client.resolve_caller(phone=STRANGER)["status"] != "found" and time.monotonic() < deadline:
            time.sleep(0.1)
        self._ask(client, "the stranger, later", STRANGER, "found", "crm")

    def _beside_one_that_hangs(self, client: Client) -> None:
        """Another CRM takes connections and says nothing: the answer comes in time, with what others know."""
        with socket.create_server(("127.0.0.1", 0)) as hung:
            url = f"http://127.0.0.1:{hung.getsockname()[1]}"
            made = client.create_connector(name="One that hangs", base_url=url)
            who = BESIDE_A_HUNG_ONE
            self._ask(client, who, BESIDE, "found", "lookup")
            answer = self.found.callers[who]
            errors = {error["source"]: error["error"] for error in answer["errors"]}
            self._expect(errors == {made["id"]: "timeout"}, f"{who}: the errors were {errors}")
            self._expect(answer["elapsed_ms"] <= 2 * WAITS_MS, f"{who}: {answer['elapsed_ms']} ms")
            client.delete_connector(made["id"])

    def _ask(self, client: Client, who: str, number: str, status: str, source: str | None) -> None:
        """Resolves; `source` is the kind that must be the one to know, None where none does."""
        answer = self.found.callers[who] = client.resolve_caller(phone=number, deadline_ms=WAITS_MS)
        self._expect(answer["status"] == status, f"{who}: {answer['status']} instead of {status}")
        found = known_by(answer)
        self._expect(found == source, f"{who}: known by {found} instead of {source}")

    def _log_calls(self, client: Client) -> None:
        """Each call, then what was learned after it: the same activity both times."""
        for call_id, number in (("call_demo_known", KNOWN), ("call_demo_stranger", STRANGER)):
            call = {
                "call_id": call_id, "direction": "inbound", "from": number, "to": OFFICE,
                "started_at": "2026-11-20T21:01:12.040Z", "duration_seconds": 233.8, "status": "completed",
                "summary": "Moved an appointment from Monday to Thursday.",
            }  # fmt: skip
            outcome = {"call_id": call_id, "outcome": {"appointment": "rescheduled"}}
            activities = [
                self._logged(client, client.send_event(type_, data)["id"])
                for type_, data in (("call.completed", call), ("outcome.captured", outcome))
            ]
            self.found.calls[call_id] = activities[-1]
            ids = {activity.get("activity_id") for activity in activities}
            self._expect(len(ids) == 1 and None not in ids, f"{call_id} became {len(ids)} activities")
            contact = activities[-1].get("contact") or {}
            self._expect(contact.get("phone") == number, f"{call_id} was logged to another contact")

    def _logged(self, client: Client, event_id: str) -> dict[str, Any]:
        """What the connector was told and answered, when it has."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            delivery = client.get_delivery(next(client.event_deliveries(event_id))["id"])
            if delivery["status"] == "delivered":
                told: Any = delivery["payload"]
                answer = delivery["attempts"][-1]["response_body"] or "{}"
                return {"contact": told["contact"], **_object(answer)}
            time.sleep(0.05)
        self._expect(False, f"the call of {event_id} was not logged")
        return {}

    def _expect(self, good: bool, problem: str) -> None:
        if not good:
            self.found.problems.append(problem)


def known_by(answer: Resolution) -> str | None:
    """Which kind of source the caller's name is from; a CRM may know a caller without one."""
    contact = answer["contact"]
    if contact is None:
        return None
    return contact["provenance"].get("name") or ("crm" if contact["crm"] else None)


def _object(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return found if isinstance(found, dict) else {}
