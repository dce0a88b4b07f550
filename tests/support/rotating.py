"""A receiver for rotations under load: at each path somebody who knows the old secret, the new one or both,
and refuses everything else with a status of its own. Verification is the contract's, not the gateway's."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.support.sink import Sink

Knows = Literal["old", "new", "both"]


@dataclass
class Holder:
    """What one receiver knows. Between rotations `old` and `new` are the same secret; `ended` is the one that
    must not sign any more, since `ended_at` (ms)."""

    webhook_id: str
    knows: Knows
    refuses_with: int
    old: str
    new: str
    ended: str = ""
    ended_at: int = 0
    deployed: bool = True
    _refused: set[str] = field(default_factory=set)

    def begin(self, new: str) -> None:
        """A rotation: from now on it knows what it is to know."""
        self.new, self.deployed = new, False
        self._refused = set()

    def deploy(self) -> None:
        """Who knew the old one only is given the new one, and only that."""
        self.deployed = True

    def end(self, ended_at: int) -> None:
        self.ended, self.ended_at = self.old, ended_at
        self.old = self.new

    def accepts(self, headers: Mapping[str, str], body: bytes) -> bool:
        delivery = headers.get("x-hum-delivery", "")
        knows_old = self.knows == "both" or (self.knows == "old" and not self.deployed)
        # Who is given another secret between two exchanges refuses both; that is not the rotation's doing.
        if self.knows == "old" and delivery in self._refused:
            knows_old = True
        knows_new = self.knows != "old" or self.deployed
        good = (knows_old and self._led_by(self.old, headers, body)) or (
            knows_new and self._led_by(self.new, headers, body)
        )
        if not good:
            self._refused.add(delivery)
        return good

    def signed_with_ended(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the request says that it was signed after the end, and the ended secret has signed it."""
        if not self.ended or int(headers.get("webhook-timestamp", "0")) * 1000 < self.ended_at:
            return False
        content = f"{headers.get('webhook-id')}.{headers.get('webhook-timestamp')}.".encode() + body
        key = base64.b64decode(self.ended.removeprefix("whsec_"))
        standard = "v1," + base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return standard in headers.get("webhook-signature", "").split() or self._led_by(
            self.ended, headers, body
        )

    def _led_by(self, secret: str, headers: Mapping[str, str], body: bytes) -> bool:
        made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        return headers.get("x-hum-signature") == f"sha256={made}"


class RotatingSink(Sink):
    """`late` counts requests of second and later attempts, `stale` what an ended secret has signed,
    `requests` all of them."""

    def __init__(self, *, fail_every: int = 0) -> None:
        super().__init__(fail_every=fail_every)
        self.expects_refusals = True
        self.holders: dict[str, Holder] = {}
        self.requests = 0
        self.late = 0
        self.stale = 0

    def verifies(self, path: str, headers: Mapping[str, str], body: bytes) -> bool:
        holder = self.holders[path]
        self.requests += 1
        self.late += headers.get("x-hum-attempt") != "1"
        self.stale += holder.signed_with_ended(headers, body)
        return holder.accepts(headers, body)

    def refusal(self, path: str) -> int:
        return self.holders[path].refuses_with
