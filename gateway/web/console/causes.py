"""What an attempt or a delivery ended with, in words: what happened, and what usually causes it."""

from __future__ import annotations

from typing import Final

ERRORS: Final = {
    "dns": (
        "The host name could not be looked up: usually the DNS server did not answer, or the name has a "
        "typing mistake."
    ),
    "connect_refused": "Nobody listens there: usually the receiver is down, or its port has changed.",
    "connect_timeout": (
        "No connection within 5 seconds: usually a firewall that drops packets, or a host that is off."
    ),
    "tls": (
        "No trusted TLS connection: usually the certificate has expired, is for another name, or comes "
        "without its intermediate certificates."
    ),
    "timeout": (
        "Connected, but no complete answer in time: usually the receiver works before it answers; answer "
        "first, work afterwards."
    ),
    "reset": (
        "The connection was closed before the answer was complete: usually a receiver, or a proxy before "
        "it, that restarts or crashes."
    ),
    "protocol": (
        "What came back is no valid HTTP: usually another service on that port, or TLS where plain HTTP was "
        "spoken."
    ),
    "target_denied": (
        "The address is not open to webhooks, and nothing was sent: it is a private one, or a network that "
        "the operator has not allowed."
    ),
    "target_unreachable": (
        "The host name does not resolve, or leads to an address that is not open to webhooks, and nothing "
        "was sent: look the name up in public DNS."
    ),
    "http_status": "A whole answer, but not a 2xx: what the receiver says stands in its body.",
    "contact_lookup": (
        "The call was not sent, because the CRM could not be asked whose it is: what follows is about that "
        "lookup."
    ),
    "invalid_answer": (
        "A 2xx whose body is not as the contract says: usually something before the connector that answers "
        "in its place."
    ),
}

STATUSES: Final = {
    400: "The receiver does not accept the request: usually it reads the body otherwise than it was sent.",
    401: (
        "The receiver does not accept the signature: usually it holds another secret, or verifies a body "
        "that was parsed and written again."
    ),
    403: (
        "The receiver refuses the request: usually another secret, or a firewall for web applications "
        "before it."
    ),
    404: (
        "There is nothing at this path: usually the URL has a typing mistake, or the route was not deployed."
    ),
    405: "The path takes no POST: usually the URL leads to a page and not to the receiver.",
    410: "The receiver says that it is gone for good: that disables its webhook or connector at once.",
    413: "The body is too large for the receiver: raise the limit of its server, or of the proxy before it.",
    422: "The receiver does not accept the body: its answer says what it expects.",
    429: (
        "Too many requests for the receiver: a Retry-After in its answer is kept to; a rate limit here helps."
    ),
    500: "The receiver failed: the reason stands in its own log, at this time.",
    502: "A proxy before the receiver got no answer from it: usually the receiver restarts or crashes.",
    503: "The receiver is not available for the moment: a Retry-After in its answer is kept to.",
    504: "A proxy before the receiver waited for it in vain: usually the receiver works before it answers.",
}

REDIRECTED: Final = "Redirects are not followed: register the address that this one leads to."

REASONS: Final = {
    "exhausted": "every attempt of the schedule failed",
    "expired": "its time was over before it could be delivered",
    "unknown_call": "only an outcome was heard of, of a call that nobody has told of yet",
    "unusable_number": "the other party withheld its number, or it is none",
    "unknown_contact": "the CRM does not know the person, and is to hear of no such calls",
}

REMEDIES: Final = {
    "time": "To not wait: redeliver it, which sends the event once more beside this delivery.",
    "hold": "Release the target to end the pause.",
    "disabled": "Enable the target; what is pending then goes, oldest first.",
    "no_answer": "Look at the receiver. When it is well again, one delivery finds out and the others follow.",
    "order": "Find the one before: pending deliveries of the target, oldest first.",
    "rate": "Raise the target's rate limit if its receiver can take more.",
    "turn": "Nothing to do: it is next before long.",
}


def cause(error: str | None, status_code: int | None) -> str:
    """A sentence for an attempt's error; empty for one that has none, or that this version does not know."""
    if error == "http_status" and status_code is not None:
        if 300 <= status_code < 400:
            return REDIRECTED
        return STATUSES.get(status_code, ERRORS[error])
    return ERRORS.get(error or "", "")
