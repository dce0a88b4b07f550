"""Proof D4: bad certificates are refused with a distinct reason, before a byte of payload is sent."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gateway.clock import SystemClock
from gateway.domain.address import AllowedNetworks
from gateway.domain.exchange import Exchange
from gateway.egress.client import EgressClient
from gateway.egress.dial import tls_context
from tests.support.receiver import Receiver

pytestmark = pytest.mark.anyio

LOOPBACK = AllowedNetworks.parse("127.0.0.0/8")
SECRET = b'{"transcript": "for the right receiver only"}'


async def resolve(host: str) -> list[str]:
    return ["127.0.0.1"]


async def send(receiver: Receiver, ca_file: str, host: str = "receiver.test") -> Exchange:
    made = EgressClient(LOOPBACK, ca_file=ca_file, clock=SystemClock(), resolve=resolve)
    try:
        return await made.post(
            receiver.url("/hook", host=host),
            body=SECRET,
            headers=[("X-HUM-Signature", "sha256=00")],
            timeout=5,
            org_id="org_1",
        )
    finally:
        await made.close()


def server(issued: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def self_signed(tmp_path_factory: pytest.TempPathFactory) -> ssl.SSLContext:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver.test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("receiver.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path_factory.mktemp("self-signed") / "server.pem"
    path.write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.proof
async def test_bad_certificates_are_refused_before_any_payload(
    authority: trustme.CA, ca_file: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    now = datetime.now(UTC)
    bad = {
        "expired": server(authority.issue_cert("receiver.test", not_after=now - timedelta(hours=1))),
        "not valid yet": server(authority.issue_cert("receiver.test", not_before=now + timedelta(hours=1))),
        "self-signed": self_signed(tmp_path_factory),
        "another host": server(authority.issue_cert("other.test")),
        "issuer is not trusted": server(trustme.CA().issue_cert("receiver.test")),
    }
    reasons: set[str] = set()
    for reason, context in bad.items():
        async with Receiver(tls=context) as receiver:
            outcome = await send(receiver, ca_file)
            assert outcome.error == "tls", reason
            assert reason.split()[0] in outcome.error_detail or reason in outcome.error_detail
            assert outcome.status_code is None
            assert receiver.plaintext == 0
            assert receiver.requests == []
            reasons.add(outcome.error_detail)
    assert len(reasons) == len(bad)

    # Control: a client that does not verify sends the payload to every one of them.
    careless = tls_context(None)
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    leaked = 0
    for context in bad.values():
        async with Receiver(tls=context) as receiver, aiohttp.ClientSession() as unguarded:
            async with unguarded.post(receiver.url(), data=SECRET, ssl=careless):
                leaked += receiver.requests[0].body == SECRET
    assert leaked == len(bad)
    print(
        f"{len(bad)} bad certificates refused with {len(reasons)} reasons, 0 bytes sent; careless: {leaked}"
    )


async def test_a_good_certificate_is_asked_for_by_name(authority: trustme.CA, ca_file: str) -> None:
    asked: list[str | None] = []
    context = server(authority.issue_cert("receiver.test"))
    context.sni_callback = lambda conversation, name, own: asked.append(name)
    async with Receiver(tls=context) as receiver:
        outcome = await send(receiver, ca_file)
        assert outcome.status_code == 200
        assert outcome.remote_ip == "127.0.0.1"
        assert receiver.requests[0].body == SECRET
        assert receiver.requests[0].header("Host") == f"receiver.test:{receiver.port}"
    assert asked == ["receiver.test"]


async def test_a_certificate_for_an_address_counts_for_that_address(
    authority: trustme.CA, ca_file: str
) -> None:
    async with Receiver(tls=server(authority.issue_cert("127.0.0.1"))) as receiver:
        assert (await send(receiver, ca_file, host="127.0.0.1")).status_code == 200
    async with Receiver(tls=server(authority.issue_cert("127.0.0.9"))) as receiver:
        outcome = await send(receiver, ca_file, host="127.0.0.1")
    assert outcome.error == "tls"
    assert "address" in outcome.error_detail


async def test_plaintext_behind_https_is_a_tls_error(ca_file: str) -> None:
    async def plain(reader: object, writer: object) -> None: ...

    async with Receiver() as receiver:
        receiver_url = receiver.url(scheme="https", host="receiver.test")
        made = EgressClient(LOOPBACK, ca_file=ca_file, clock=SystemClock(), resolve=resolve)
        outcome = await made.post(receiver_url, body=SECRET, headers=[], timeout=0.5, org_id="org_1")
        await made.close()
        assert outcome.error in ("tls", "connect_timeout", "reset")
        assert receiver.requests == []


def test_old_tls_is_not_spoken() -> None:
    assert tls_context(None).minimum_version == ssl.TLSVersion.TLSv1_2
    assert tls_context(None).check_hostname
    assert tls_context(None).verify_mode == ssl.CERT_REQUIRED


def test_an_unreadable_root_file_stops_the_start() -> None:
    with pytest.raises(OSError):
        tls_context("no-such-file.pem")
