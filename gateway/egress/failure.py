"""What went wrong on the wire, as one of the words an attempt can carry and a sentence for a person.

The sentences never contain an address that a name resolved to, nor bytes the remote system sent.
"""

from __future__ import annotations

import errno
import ssl
from typing import Final

from gateway.domain.exchange import ExchangeError
from gateway.egress.guard import TargetDeniedError, UnresolvedError

Failure = tuple[ExchangeError, str]

# One sentence for a name that does not exist and one that leads to a denied address: the difference would let
# a customer map the internal network.
UNREACHABLE: Final[Failure] = (
    "target_unreachable",
    "the host name does not lead to a reachable public address",
)
NO_CONNECTION_IN_TIME: Final[Failure] = (
    "connect_timeout",
    "no connection (TCP, and TLS if any) within the time limit",
)
NO_ANSWER_IN_TIME: Final[Failure] = ("timeout", "no complete answer within the time limit")
UNSENDABLE: Final[Failure] = ("protocol", "the URL or a header of this request cannot be sent")
PROXY: Final[Failure] = ("connect_refused", "the egress proxy did not open the connection")
CLOSED: Final[Failure] = ("reset", "the connection was closed before a complete answer")
RESET_BEFORE: Final[Failure] = ("reset", "the connection was reset before an answer")
RESET_INSIDE: Final[Failure] = ("reset", "the connection was reset in the middle of the answer")
CUT_SHORT: Final[Failure] = ("reset", "the connection ended in the middle of the answer")
NOT_HTTP: Final[Failure] = ("protocol", "the answer does not begin with an HTTP status line")
BAD_HEAD: Final[Failure] = ("protocol", "the answer is not valid HTTP")
BAD_BODY: Final[Failure] = ("protocol", "the body of the answer is malformed")
LONG_HEADER: Final[Failure] = ("protocol", "a header of the answer is too long")
LARGE_HEAD: Final[Failure] = ("protocol", "the header block of the answer is too large")
INTERIM: Final[Failure] = ("protocol", "the receiver sent interim answers (1xx) without end")
SHORTAGE: Final[Failure] = ("aborted", "the gateway itself has no room for a further connection")
NO_ROOM: Final[Failure] = ("aborted", "the gateway itself has no room for so long an answer at present")

# OpenSSL's X509_V_ERR_* codes (x509_vfy.h).
_CERTIFICATE: Final = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate chain ends in a self-signed root that is not trusted",
    20: "the certificate's issuer is not trusted (or an intermediate certificate is missing)",
    21: "the certificate's issuer is not trusted (or an intermediate certificate is missing)",
    23: "the certificate is revoked",
    62: "the certificate is for another host name",
    64: "the certificate is for another IP address",
}
_UNROUTED: Final = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL)
# Not the receiver's doing: the attempt is given back and uses nothing up.
_OUR_SHORTAGE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class ProxyError(OSError):
    """The operator's egress proxy could not be reached, or refused."""


def not_connected(problem: BaseException, *, literal: bool) -> Failure:
    """Why no connection came about. `literal`: the URL names an IP address."""
    match problem:
        case TargetDeniedError():
            denied = f"this address is not open to webhooks ({problem.reason})"
            return ("target_denied", denied) if literal else UNREACHABLE
        case UnresolvedError():
            return UNREACHABLE
        case ProxyError():
            return PROXY
        case ssl.SSLCertVerificationError():
            sentence = _CERTIFICATE.get(problem.verify_code, "the certificate could not be verified")
            return "tls", sentence
        case ssl.SSLError():
            return "tls", f"the TLS handshake failed ({problem.reason or 'alert'})"
        case TimeoutError():
            return NO_CONNECTION_IN_TIME
        case OSError():
            return _system(problem.errno)
    return "connect_refused", "no connection could be made"


def _system(number: int | None) -> Failure:
    if number in _OUR_SHORTAGE:
        return SHORTAGE
    if number == errno.ECONNREFUSED:
        return "connect_refused", "the connection was refused"
    if number in _UNROUTED:
        return "connect_refused", "there is no route to the host"
    return RESET_BEFORE
