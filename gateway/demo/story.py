"""What happens, in order: keys, a webhook, the events, and waiting until all of it has arrived."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import Final

from gateway.client import Client, Json, event_body
from gateway.client.types import AcceptedEvent, Attempt, BatchResult, Role
from gateway.clock import parse_time
from gateway.demo import samples
from gateway.demo.child import ChildGateway
from gateway.demo.findings import Findings, Sent, find
from gateway.demo.receiver import Receiver
from gateway.demo.samples import Sample

ORG: Final = "demo"
ARRIVE_SECONDS: Final = 60.0
RECORD_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 0.5


class Story:
    """One gateway, one receiver. The steps are called in the order in which they stand."""

    def __init__(self, gateway: ChildGateway, receiver: Receiver) -> None:
        self._gateway = gateway
        self._receiver = receiver
        self.keys: dict[str, str] = {}
        self.webhook: Json = {}
        self.sent: list[Sent] = []

    def make_keys(self) -> None:
        """The first key comes from the command line; it makes an admin's and an operator's over the API."""
        self.keys["platform"] = self._gateway.platform_key()
        with Client(self._gateway.url, self.keys["platform"]) as platform:
            roles: tuple[Role, ...] = ("admin", "operator")
            for role in roles:
                made = platform.create_key(org_id=ORG, role=role, name=f"demo {role}")
                self.keys[role] = str(made["key"])

    def console_link(self, org_id: str = ORG) -> str:
        """A way into the console of an organization."""
        with Client(self._gateway.url, self.keys["platform"], org=org_id) as platform:
            made = platform.create_console_link(role="admin", actor="the demonstration", expires_in=3_600)
        return made["url"]

    def register_webhook(self) -> None:
        with self._client("admin") as admin:
            made = admin.create_webhook(
                url=self._receiver.url, events=["*"], description="the demonstration's receiver"
            )
            self.webhook = dict(made)
        self._receiver.expect(self.webhook["secret"])

    def send_one_by_one(self) -> None:
        """Every sample of the catalogue, then the large call."""
        with self._client("operator") as operator:
            for sample in (*samples.of_catalogue(), samples.big_call()):
                begun = time.time() * 1000
                self._note(sample, operator.send_event(sample.type, sample.data), begun)

    def send_batch(self) -> None:
        batch = samples.batch()
        with self._client("operator") as operator:
            bodies = [event_body(sample.type, sample.data) for sample in batch]
            begun = time.time() * 1000
            for sample, answer in zip(batch, operator.send_batch(bodies), strict=True):
                self._note(sample, answer, begun, in_batch=True)

    def wait(self) -> None:
        """Until every event has arrived, or certainly will not: a delivery has failed, or the time is up."""
        wanted = {event.id for event in self.sent}
        deadline = time.monotonic() + ARRIVE_SECONDS
        next_look = time.monotonic() + LOOK_SECONDS
        with self._client("admin") as admin:
            while not wanted <= self._receiver.verified() and time.monotonic() < deadline:
                time.sleep(0.02)
                if time.monotonic() >= next_look:
                    next_look += LOOK_SECONDS
                    if list(admin.list_deliveries(status="failed", limit=1)):
                        return

    def find(self) -> Findings:
        """What came of it, with the gateway's own record beside it."""
        return find(self.sent, list(self._receiver.arrivals), self._record())

    def attempts(self, event_id: str) -> Sequence[Attempt]:
        """The attempts for an event, as the gateway has recorded them."""
        with self._client("admin") as admin:
            delivery = next(admin.event_deliveries(event_id))
            return admin.get_delivery(delivery["id"])["attempts"]

    def _record(self) -> Counter[str]:
        """How many deliveries stand in which state; what is on the way gets a moment to be written down."""
        deadline = time.monotonic() + RECORD_SECONDS
        with self._client("admin") as admin:
            while True:
                found = Counter(str(row["status"]) for row in admin.list_deliveries())
                settled = not (found["pending"] or found["in_flight"]) or found["failed"]
                if settled or time.monotonic() > deadline:
                    return +found
                time.sleep(0.1)

    def _note(
        self, sample: Sample, answer: AcceptedEvent | BatchResult, begun: float, *, in_batch: bool = False
    ) -> None:
        accepted = parse_time(answer["accepted_at"])
        self.sent.append(Sent(answer["id"], sample, accepted, begun, in_batch))

    def _client(self, role: str) -> Client:
        return Client(self._gateway.url, self.keys[role])
