"""The client of the command line: the blocking one, with the patience of a person who waits.

What programs use is `Client` and `AsyncClient`; the calls are declared in `client.calls`.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.client.request import Params, Request, encode, event_body, raw_json
from gateway.client.retry import Retry
from gateway.client.sync import Client

AT_A_TERMINAL: Final = Retry(connect_tries=2)  # where nobody listens, waiting longer seldom helps

__all__ = ["GatewayClient", "encode", "event_body", "raw_json"]


class GatewayClient(Client):
    """`Client`, soon done where nobody listens."""

    def __init__(self, url: str, key: str | None = None, org: str | None = None, **options: Any) -> None:
        super().__init__(url, key, org, **{"retry": AT_A_TERMINAL} | options)
        self.everywhere = org == "*"  # it reads of all organizations

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: object = None,
        idempotency_key: str | None = None,
    ) -> Any:
        """The decoded answer to a request that has no method; None when it is empty."""
        request: Request[Any] = Request(method, path, params, json, idempotency_key)
        return self.send(request)
