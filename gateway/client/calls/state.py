"""Whether the gateway takes requests."""

from __future__ import annotations

from gateway.client.call import call
from gateway.client.request import Json, Request, decode


class StateCalls:
    @call
    def status(self) -> Request[Json]:
        """`{"ready": bool, …}` with what `/readyz` says. Tried once.

        client.status()["ready"]
        """
        return Request("GET", "/readyz", read=_readiness, answers=(503,), repeat=False)


def _readiness(answer: bytes) -> Json:
    try:
        found = decode(answer)
    except ValueError:
        found = None
    said = found if isinstance(found, dict) else {}
    return {"ready": said.get("status") == "ready"} | said
