"""One HTTP try: the signed request that goes out, and what happened on the wire, a value whatever the remote
system did.

Built by `dispatch.webhook` and `crm.wire`, sent by `gateway.egress`, judged by `gateway.domain.outcome` and
`crm.answers`, stored as an attempt.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

ExchangeError = Literal[
    "dns", "connect_refused", "connect_timeout", "tls", "timeout", "reset", "protocol",
    "target_denied", "target_unreachable", "aborted", "contact_lookup", "invalid_answer",
]  # fmt: skip

# What the record of an attempt may say: all but what the gateway broke off itself, and answers but a 2xx.
RECORDED_ERRORS: Final = (*(error for error in get_args(ExchangeError) if error != "aborted"), "http_status")
STORED_BODY_BYTES: Final = 16 * 1024
READ_BODY_BYTES: Final = 64 * 1024


class Request(msgspec.Struct, frozen=True):
    """What goes onto the wire. `timestamp` in seconds is what `webhook-timestamp` says; `signatures` are the
    values of `X-HUM-Signature` and `webhook-signature`, kept because the secrets may go."""

    url: str
    headers: list[tuple[str, str]]
    body: bytes
    timestamp: int
    signatures: tuple[str, str]


class Exchange(msgspec.Struct, frozen=True):
    """One request and its answer.

    `error` is None exactly when a whole status line and header block arrived and the body was read up to its
    end or to as much of it as was asked for. `started_at` is wall milliseconds; `duration_ms` covers
    everything from the first look at the address. `aborted` means that the gateway itself gave up: because it
    is stopping, or has no room. Of connectors: `invalid_answer` is a 2xx with a body that is not the
    contract's; `contact_lookup` says that the person of a call could not be asked for, so that nothing was
    sent, and the rest is about that lookup.
    """

    started_at: int
    duration_ms: int
    status_code: int | None = None
    error: ExchangeError | None = None
    error_detail: str = ""
    remote_ip: str | None = None
    response_headers: list[tuple[str, str]] = []
    response_body: bytes = b""
    response_truncated: bool = False

    @property
    def answered(self) -> bool:
        """Whether an HTTP answer came at all: what the breaker counts."""
        return self.status_code is not None

    @property
    def succeeded(self) -> bool:
        """2xx, read to the end, in time."""
        return self.error is None and self.status_code is not None and 200 <= self.status_code < 300
