"""What went wrong on the wire, as one of the words an attempt can carry and a sentence for a person.

The sentences never contain an address that a name resolved to, nor bytes the remote system sent.
"""

from __future__ import annotations

import errno
import ssl
from typing import Final

import aiohttp
from aiohttp import http_exceptions

from gateway.domain.exchange import ExchangeError
from gateway.egress.dial import Contact, TargetDeniedError, UnresolvedError

Failure = tuple[ExchangeError, str]

# One sentence for a name that does not exist and one that leads to a denied address: the difference would let
# a customer map the internal network.
UNREACHABLE: Final[Failure] = (
    "target_unreachable",
    "the host name does not lead to a reachable public address",
)

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


class OversizedHeadersError(Exception):
    """The header block of an answer is larger than the gateway keeps."""


def failure(problem: BaseException, contact: Contact, *, literal: bool, answered: bool) -> Failure:
    """The word and the sentence. `literal`: the host is an IP address; `answered`: a header block came."""
    denied = _denied(problem)
    if denied is not None:
        return (
            ("target_denied", f"this address is not open to webhooks ({denied})") if literal else UNREACHABLE
        )
    match problem:
        case aiohttp.ClientConnectorDNSError() | UnresolvedError():
            return UNREACHABLE
        case aiohttp.InvalidURL():
            return "target_denied", "the host is not a plain IP address"
        case aiohttp.ClientConnectorCertificateError():
            return "tls", _certificate(problem.certificate_error)
        case aiohttp.ClientHttpProxyError() | aiohttp.ClientProxyConnectionError():
            return "connect_refused", "the egress proxy did not open the connection"
        case TimeoutError():
            return _timeout(contact)
        case OversizedHeadersError():
            return "protocol", "the header block of the answer is too large"
        case aiohttp.ClientPayloadError():
            return _broken_body(problem)
        case aiohttp.ClientResponseError():
            return "protocol", _malformed(problem)
        case aiohttp.ServerDisconnectedError():
            return "reset", "the connection was closed before a complete answer"
        case OSError():
            return _socket(problem, contact, answered)
        case ValueError():
            return "protocol", "the URL or a header of this request cannot be sent"
        case aiohttp.ClientConnectionError():
            return "reset", "the connection was lost"
    return "protocol", "the answer could not be understood"


# Not the receiver's doing: the attempt is given back and uses nothing up.
_OUR_SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def _denied(problem: BaseException) -> str | None:
    if isinstance(problem, aiohttp.ClientConnectorError):
        problem = problem.os_error
    return problem.reason if isinstance(problem, TargetDeniedError) else None


def _timeout(contact: Contact) -> Failure:
    if contact.connected:
        return "timeout", "no complete answer within the time limit"
    return "connect_timeout", "no connection (TCP, and TLS if any) within the time limit"


def _certificate(problem: BaseException) -> str:
    code = getattr(problem, "verify_code", None)
    return _CERTIFICATE.get(code or 0, "the certificate could not be verified")


def _socket(problem: OSError, contact: Contact, answered: bool) -> Failure:
    cause = problem.os_error if isinstance(problem, aiohttp.ClientConnectorError) else problem
    if isinstance(cause, ssl.SSLError) or isinstance(problem, ssl.SSLError) or "[SSL" in str(cause):
        return "tls", f"the TLS handshake failed ({getattr(cause, 'reason', None) or 'alert'})"
    if cause.errno in _OUR_SHORTAGE:
        return "aborted", "the gateway itself has no room for a further connection"
    if cause.errno == errno.ECONNREFUSED:
        return "connect_refused", "the connection was refused"
    if cause.errno in _UNROUTED:
        return "connect_refused", "there is no route to the host"
    if cause.errno == errno.ETIMEDOUT and not contact.connected:
        return "connect_timeout", "no connection within the time limit"
    where = "in the middle of the answer" if answered else "before an answer"
    return "reset", f"the connection was reset {where}"


def _broken_body(problem: BaseException) -> Failure:
    cause = problem.__cause__
    incomplete = (http_exceptions.ContentLengthError, OSError)
    if isinstance(cause, http_exceptions.TransferEncodingError) and "Not enough data" not in str(cause):
        return "protocol", "the body of the answer is malformed"
    if cause is None or isinstance(cause, (*incomplete, http_exceptions.TransferEncodingError)):
        return "reset", "the connection ended in the middle of the answer"
    return "protocol", "the body of the answer is malformed"


def _malformed(problem: BaseException) -> str:
    match problem.__cause__.__cause__ if problem.__cause__ is not None else None:
        case http_exceptions.LineTooLong():
            return "a header of the answer is too long"
        case http_exceptions.BadStatusLine():
            return "the answer does not begin with an HTTP status line"
    return "the answer is not valid HTTP, or its header block is too large"
