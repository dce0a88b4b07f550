"""The typed client of the gateway's HTTP API, blocking and asynchronous; the command line is built on it.

    with Client("https://gateway.example", key) as client:
        client.send_event("call.completed", b'{"call_id": "call_1", "score": 1.10}')

From the value to the wire:

    calls      what each call sends, declared once for both clients      types   what is answered
    request    that as a value            call    how a declaration becomes a method of either client
    sync, asynchronous    who sends it    exchange, retry, errors    what both do alike
    rows       lists, page after page, and followed for ever             jobs    waiting for long work

Nothing here imports the server.
"""

from gateway.client.asynchronous import AsyncClient
from gateway.client.errors import (
    AuthenticationError,
    BadRequestError,
    ConflictError,
    GatewayError,
    GoneError,
    InvalidRequestError,
    NotFoundError,
    OverloadedError,
    PermissionDeniedError,
    RateLimitedError,
    ServerError,
    TooLargeError,
    UnreachableError,
)
from gateway.client.request import Json, Listing, Request, event_body
from gateway.client.resources import GatewayClient
from gateway.client.retry import NO_RETRY, Retry
from gateway.client.rows import AsyncRows, Rows
from gateway.client.sync import Client

__all__ = [
    "NO_RETRY",
    "AsyncClient",
    "AsyncRows",
    "AuthenticationError",
    "BadRequestError",
    "Client",
    "ConflictError",
    "GatewayClient",
    "GatewayError",
    "GoneError",
    "InvalidRequestError",
    "Json",
    "Listing",
    "NotFoundError",
    "OverloadedError",
    "PermissionDeniedError",
    "RateLimitedError",
    "Request",
    "Retry",
    "Rows",
    "ServerError",
    "TooLargeError",
    "UnreachableError",
    "event_body",
]
