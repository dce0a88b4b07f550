"""Proof D3: what the guard refuses is never dialed. All traffic stays on loopback."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from ipaddress import ip_address
from itertools import cycle
from typing import cast

import aiohttp
import pytest

from gateway.clock import SystemClock
from gateway.domain.address import NO_NETWORKS, AllowedNetworks
from gateway.domain.exchange import Exchange
from gateway.egress.client import EgressClient
from gateway.egress.guard import Guard, Listeners, is_own
from gateway.egress.resolver import Resolve
from tests.support.receiver import Receiver
from tests.support.targets import PUBLIC, denied_addresses, denied_urls

pytestmark = pytest.mark.anyio

# The good receiver is on 127.0.0.2, the canary on 127.0.0.1: both loopback, one allowed.
GOOD = AllowedNetworks.parse("127.0.0.2/32")
LOOPBACK = AllowedNetworks.parse("127.0.0.0/8, ::1")


def names(*answers: list[str]) -> Resolve:
    """A resolver that gives these answers in turn, for any name."""
    turn = cycle(answers)

    async def resolve(host: str) -> list[str]:
        return next(turn)

    return resolve


@asynccontextmanager
async def client(
    allowed: AllowedNetworks = GOOD,
    *,
    resolve: Resolve | None = None,
    own: Listeners | Callable[[], Listeners] = (),
    dns: list[str] | None = None,
    proxy: str | None = None,
) -> AsyncIterator[EgressClient]:
    made = EgressClient(
        allowed,
        own_listeners=own,
        clock=SystemClock(),
        resolve=resolve,
        dns_servers=dns,
        egress_proxy=proxy,
    )
    try:
        yield made
    finally:
        await made.close()


async def post(made: EgressClient, url: str, *, org_id: str = "org_1", timeout: float = 5.0) -> Exchange:
    return await made.post(url, body=b"{}", headers=[("X-Test", "1")], timeout=timeout, org_id=org_id)


@asynccontextmanager
async def good_and_canary() -> AsyncIterator[tuple[Receiver, Receiver]]:
    """Two receivers on one port: the one that may be reached, and the one that may not."""
    async with Receiver(host="127.0.0.2") as good, Receiver(host="127.0.0.1", port=good.port) as canary:
        yield good, canary


@pytest.mark.proof
async def test_denied_targets_are_never_dialed(monkeypatch: pytest.MonkeyPatch) -> None:
    urls = [url for scheme in ("http", "https") for url in denied_urls(scheme)]
    async with Receiver() as canary:
        urls += denied_urls("http", canary.port)
        async with client(NO_NETWORKS, resolve=names(["127.0.0.1"])) as made:
            outcomes = [await post(made, url) for url in urls]
        assert canary.connections == 0
        assert {o.error for o in outcomes} <= {"target_denied", "target_unreachable", "protocol"}
        assert all(o.remote_ip is None and o.status_code is None for o in outcomes)
        literals = sum(o.error == "target_denied" for o in outcomes)

        # Control: the same client with a guard that has nothing to say.
        monkeypatch.setattr(Guard, "refusal", lambda self, text, port: None)
        async with client(NO_NETWORKS, resolve=names(["127.0.0.1"])) as broken:
            assert (await post(broken, canary.url())).status_code == 200
        assert canary.connections == 1
    monkeypatch.undo()
    guard = Guard(NO_NETWORKS, None, False, tuple)
    assert [a for a in PUBLIC if guard.refusal(a, 443) is not None] == []
    assert all(guard.refusal(a, 443) is not None for a in denied_addresses())
    print(f"{len(urls)} URLs ({literals} target_denied), 0 connections; {len(PUBLIC)} public addresses pass")


@pytest.mark.proof
@pytest.mark.parametrize("rounds", [200, pytest.param(10_000, marks=pytest.mark.long)])
async def test_rebinding_never_reaches_the_canary(monkeypatch: pytest.MonkeyPatch, rounds: int) -> None:
    async with good_and_canary() as (good, canary):
        good.respond(headers=[("Connection", "close")])  # every request is a new dial and a new lookup
        url = good.url(host="rebind.test")
        async with client(resolve=names(["127.0.0.2"], ["127.0.0.1"])) as made:
            outcomes = [await post(made, url) for _ in range(rounds)]
        assert [o.status_code for o in outcomes] == [200, None] * (rounds // 2)
        assert {o.error for o in outcomes} == {None, "target_unreachable"}
        assert canary.connections == 0

        # Control: a guard that trusts the first answer it has seen for a name.
        monkeypatch.setattr(Guard, "refusal", lambda self, text, port: None)
        async with client(resolve=names(["127.0.0.2"], ["127.0.0.1"])) as made:
            await post(made, url)
            await post(made, url)
        assert canary.connections == 1
    print(f"D3 {rounds} rebindings, 0 connections to the canary; without the guard the first one reaches it")


@pytest.mark.proof
async def test_one_denied_answer_condemns_the_name() -> None:
    mixed = [
        ["127.0.0.2", "127.0.0.1"],
        ["127.0.0.1", "127.0.0.2"],
        ["127.0.0.2", "::1"],
        ["127.0.0.2", "169.254.169.254"],
        ["127.0.0.2", "fe80::1%lo"],
        ["127.0.0.2", "::ffff:127.0.0.1"],
        ["127.0.0.2", "nonsense"],
        [],
    ]
    async with good_and_canary() as (good, canary):
        for answers in mixed:
            async with client(resolve=names(answers)) as made:
                outcome = await post(made, good.url(host="mixed.test"))
            assert outcome.error == "target_unreachable", answers
        assert good.connections == canary.connections == 0
    print(f"{len(mixed)} mixed answers refused")


async def test_a_denied_name_and_a_missing_one_look_the_same() -> None:
    async def missing(host: str) -> list[str]:
        raise OSError(None, "no such name")

    async with client(resolve=missing) as made:
        gone = await post(made, "https://gone.test/")
    async with client(resolve=names(["10.11.12.13"])) as made:
        denied = await post(made, "https://denied.test/")
    assert gone.error == denied.error == "target_unreachable"
    assert gone.error_detail == denied.error_detail
    assert gone.remote_ip is denied.remote_ip is None
    assert "10.11" not in repr(denied)


async def test_plain_http_goes_only_into_allowed_networks() -> None:
    guard = Guard(LOOPBACK, None, True, tuple)
    assert guard.refusal("127.0.0.1", 80) is None
    assert guard.refusal("8.8.8.8", 80) is not None
    assert Guard(LOOPBACK, None, False, tuple).refusal("8.8.8.8", 443) is None
    async with client(LOOPBACK, resolve=names(["8.8.8.8"])) as made:
        assert (await post(made, "http://public.test/")).error == "target_unreachable"
        assert (await post(made, "http://8.8.8.8/")).error == "target_denied"


async def test_the_gateways_own_listeners_stay_refused() -> None:
    async with Receiver() as own, Receiver() as other:
        listeners: set[tuple[str, int]] = set()
        async with client(LOOPBACK, own=listeners, resolve=names(["127.0.0.1"])) as made:
            listeners.add(("127.0.0.1", own.port))
            assert (await post(made, own.url())).error == "target_denied"
            assert (await post(made, own.url(host="own.test"))).error == "target_unreachable"
            assert (await post(made, other.url())).status_code == 200
        for wildcard in ("0.0.0.0", "::"):
            async with client(LOOPBACK, own=partial(set, [(wildcard, own.port)])) as made:
                for host in ("127.0.0.1", "127.0.0.77", "[::1]", "[::ffff:127.0.0.1]"):
                    assert (await post(made, own.url(host=host))).error == "target_denied"
        assert own.connections == 0


def test_a_wildcard_listener_covers_every_address_of_this_machine() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing: asks the kernel which address it would use
        mine = ip_address(probe.getsockname()[0])
    assert is_own(mine, 8080, {("0.0.0.0", 8080)})
    assert not is_own(mine, 8081, {("0.0.0.0", 8080)})
    assert not is_own(ip_address("8.8.8.8"), 8080, {("0.0.0.0", 8080)})
    assert is_own(ip_address("::ffff:127.0.0.1"), 8080, {("127.0.0.1", 8080)})
    assert not is_own(ip_address("127.0.0.2"), 8080, {("127.0.0.1", 8080)})


async def test_a_kept_connection_of_one_organization_is_not_anothers() -> None:
    only_x = AllowedNetworks.parse("org_x=127.0.0.0/8")
    async with Receiver() as receiver, client(only_x, resolve=names(["127.0.0.1"])) as made:
        url = receiver.url(host="crm.test")
        assert (await post(made, url, org_id="org_x")).status_code == 200
        assert (await post(made, url, org_id="org_y")).error == "target_unreachable"
        assert (await post(made, receiver.url(), org_id="org_y")).error == "target_denied"
        assert (await post(made, url, org_id="org_x")).status_code == 200
        assert receiver.connections == 1


@pytest.mark.proof
async def test_proxy_variables_and_netrc_are_ignored(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    netrc = tmp_path_factory.mktemp("home") / ".netrc"
    netrc.write_text("machine 127.0.0.2 login a password b\n")
    async with Receiver(host="127.0.0.2") as good, Receiver() as canary:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, canary.url())
        monkeypatch.setenv("NETRC", str(netrc))
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with client() as made:
            assert (await post(made, good.url())).status_code == 200
        assert good.requests[0].header("Authorization") is None
        assert canary.connections == 0
        # Control: aiohttp that trusts the environment goes to the proxy.
        async with aiohttp.ClientSession(trust_env=True) as trusting, trusting.post(good.url()):
            pass
        assert canary.connections == 1
    print("6 proxy variables set, 0 connections to the proxy")


class FakeDns(asyncio.DatagramProtocol):
    """A DNS server on loopback: per name, a CNAME or none, and one A record; unknown names get no answer."""

    def __init__(self, records: dict[str, tuple[str | None, str]]) -> None:
        self.records = records
        self.asked: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, source: tuple[str, int]) -> None:
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1 : at + 1 + data[at]].decode().lower())
            at += data[at] + 1
        name, (kind,) = ".".join(labels), struct.unpack(">H", data[at + 1 : at + 3])
        self.asked.append(name)
        if name not in self.records:
            return
        alias, address = self.records[name]
        question, answers = data[12 : at + 5], []
        owner = b"\xc0\x0c"
        if alias is not None:
            target = b"".join(bytes([len(x)]) + x.encode() for x in alias.split(".")) + b"\0"
            answers.append(owner + struct.pack(">HHIH", 5, 1, 60, len(target)) + target)
            owner = target
        if kind == 1:
            answers.append(owner + struct.pack(">HHIH", 1, 1, 60, 4) + ip_address(address).packed)
        head = data[:2] + struct.pack(">HHHHH", 0x8180, 1, len(answers), 0, 0)
        self.transport.sendto(head + question + b"".join(answers), source)


@asynccontextmanager
async def dns(records: dict[str, tuple[str | None, str]]) -> AsyncIterator[tuple[FakeDns, str]]:
    transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: FakeDns(records), local_addr=("127.0.0.1", 0)
    )
    try:
        yield server, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


@pytest.mark.proof
async def test_real_dns_answers_are_judged_behind_aliases_too() -> None:
    records: dict[str, tuple[str | None, str]] = {
        "good.example": (None, "127.0.0.2"),
        "alias.example": ("good.example", "127.0.0.2"),
        "inside.example": ("db.corp.example", "127.0.0.1"),
        "metadata.example": ("metadata.corp.example", "169.254.169.254"),
    }
    async with good_and_canary() as (good, canary), dns(records) as (server, address):
        async with client(dns=[address]) as made:
            for name, status in (("good", 200), ("alias", 200), ("inside", None), ("metadata", None)):
                outcome = await post(made, good.url(host=f"{name}.example"))
                assert outcome.status_code == status, name
                assert outcome.error == (None if status else "target_unreachable")
            assert [r.header("Host") for r in good.requests] == [
                f"good.example:{good.port}",
                f"alias.example:{good.port}",
            ]
        assert canary.connections == 0
        assert set(server.asked) >= set(records)
    print("4 names through real DNS packets: 2 reached, 2 private CNAMEs refused, canary untouched")


async def test_black_holed_names_cost_two_seconds_and_delay_nobody() -> None:
    loop = asyncio.get_running_loop()
    async with Receiver(host="127.0.0.2") as good, dns({"good.example": (None, "127.0.0.2")}) as (_, address):
        async with client(dns=[address]) as made:
            begin = loop.time()
            lost = [
                asyncio.create_task(post(made, f"https://hole{n}.example/", timeout=30)) for n in range(50)
            ]
            await asyncio.sleep(0)
            outcome = await post(made, good.url(host="good.example"))
            assert outcome.status_code == 200
            assert loop.time() - begin < 1.0
            outcomes = await asyncio.gather(*lost)
            assert {o.error for o in outcomes} == {"target_unreachable"}
            assert loop.time() - begin < 2.5


async def test_names_of_the_hosts_file_work_when_allowed() -> None:
    async with Receiver() as receiver, client(LOOPBACK) as made:
        assert (await post(made, receiver.url(host="localhost"))).status_code == 200


async def _tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except OSError:
        pass
    finally:
        writer.close()


@asynccontextmanager
async def connect_proxy() -> AsyncIterator[tuple[str, list[str]]]:
    """An HTTP CONNECT proxy on loopback, and the first lines it was sent."""
    lines: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lines.append(head.split("\r\n")[0])
        host, _, port = head.split(" ")[1].rpartition(":")
        there, back = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await asyncio.gather(_tunnel(reader, back), _tunnel(there, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", lines
    finally:
        server.close()


async def test_an_egress_proxy_is_told_the_checked_address_and_the_guard_still_holds(
    tls_receiver: tuple[ssl.SSLContext, str],
) -> None:
    context, ca_file = tls_receiver
    async with Receiver(tls=context, host="127.0.0.2") as good, connect_proxy() as (proxy, lines):
        good.respond(times=1)
        good.respond(headers=[("Connection", "close")], times=1)
        answers = names(["127.0.0.2"], ["127.0.0.1"])
        made = EgressClient(GOOD, ca_file=ca_file, egress_proxy=proxy, clock=SystemClock(), resolve=answers)
        url = good.url("/hook", host="receiver.test")
        outcomes = [await post(made, url) for _ in range(3)]
        outcomes.append(await post(made, "https://127.0.0.1/"))
        await made.close()
        assert [o.status_code for o in outcomes] == [200, 200, None, None]
        assert [o.error for o in outcomes] == [None, None, "target_unreachable", "target_denied"]
        assert lines == [f"CONNECT 127.0.0.2:{good.port} HTTP/1.1"]  # one tunnel, kept for the second request
        assert good.requests[0].header("Host") == f"receiver.test:{good.port}"
        assert outcomes[0].remote_ip == "127.0.0.2"
        gone = EgressClient(GOOD, egress_proxy=proxy, clock=SystemClock(), resolve=names([]))
        assert (await post(gone, url)).error == "target_unreachable"
        await gone.close()
    with pytest.raises(ValueError, match="EGRESS_PROXY"):
        EgressClient(GOOD, egress_proxy="socks5://127.0.0.1:1080", clock=SystemClock())


async def test_an_unreachable_egress_proxy_is_a_refused_connection() -> None:
    async with client(proxy="http://127.0.0.1:1", resolve=names(["127.0.0.2"])) as made:
        outcome = await post(made, "https://receiver.test/")
    assert outcome.error == "connect_refused"
    assert "proxy" in outcome.error_detail
