from __future__ import annotations

import ipaddress

import pytest

from gateway.domain.address import AllowedNetworks, embedded, verdict
from tests.support.targets import DENIED_V4, PUBLIC, denied_addresses, embeddings, words

ip = ipaddress.ip_address


@pytest.mark.proof
def test_denied_addresses_are_denied_and_public_ones_are_not() -> None:
    denied = denied_addresses()
    assert len(denied) >= 250
    assert len(PUBLIC) >= 50
    assert [a for a in denied if verdict(ip(a)).allowed] == []
    assert [a for a in PUBLIC if not verdict(ip(a)).allowed] == []
    # Control: the standard library's idea of "global" lets this many of them through.
    leaks = [a for a in denied if ip(a).is_global]
    assert len(leaks) >= 20
    print(
        f"denied {len(denied)}, public {len(PUBLIC)}; `is_global` would let {len(leaks)} denied ones through"
    )


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("169.254.169.254", "metadata (AWS, Google, Azure)"),
        ("168.63.129.16", "metadata (Azure host)"),
        ("100.100.100.200", "metadata (Alibaba)"),
        ("192.0.0.192", "metadata (Oracle)"),
        ("fd00:ec2::254", "metadata (AWS)"),
        ("100.64.0.1", "carrier-grade NAT"),
        ("255.255.255.255", "broadcast"),
        ("64:ff9b::7f00:1", "NAT64 of loopback"),
        ("64:ff9b::808:808", "NAT64 of public"),
        ("2002:a00:1::", "6to4 of private"),
        ("2001:470:1:1:0:5efe:10.0.0.1", "ISATAP of private"),
        ("4000::1", "not global unicast"),
        ("8.8.8.8", "public"),
        ("::ffff:8.8.8.8", "public"),
    ],
)
def test_a_verdict_names_its_reason(address: str, name: str) -> None:
    assert verdict(ip(address)).name == name


@pytest.mark.parametrize("four", DENIED_V4)
def test_embedded_addresses_are_found(four: str) -> None:
    for kind, six in embeddings(four).items():
        if int(ip(six)) > 1:  # `::` and `::1` are addresses of their own
            assert embedded(ip(six)) == ip(four), kind


def test_allowed_networks_open_what_they_name_and_nothing_else() -> None:
    allowed = AllowedNetworks.parse(" 127.0.0.0/8, org_x=10.1.2.0/24 ,::1, ")
    assert allowed.judge(ip("127.0.0.1")).allowed
    assert allowed.judge(ip("::1")).allowed
    assert allowed.judge(ip("::ffff:127.0.0.1")).allowed
    assert not allowed.judge(ip("10.1.2.3")).allowed
    assert allowed.judge(ip("10.1.2.3"), "org_x").allowed
    assert not allowed.judge(ip("10.1.2.3"), "org_y").allowed
    assert not allowed.judge(ip("10.1.3.3"), "org_x").allowed
    assert allowed.judge(ip("8.8.8.8")).allowed
    assert allowed.covers(ip("127.0.0.1"))
    assert not allowed.covers(ip("8.8.8.8"))
    assert allowed.organizations() == {"org_x"}


def test_metadata_and_link_local_stay_denied_even_when_everything_is_allowed() -> None:
    everything = AllowedNetworks.parse("0.0.0.0/0, ::/0")
    never = [
        *words("169.254.169.254 169.254.1.1 168.63.129.16 100.100.100.200 192.0.0.192 fe80::1 fd00:ec2::254"),
        *words("0.0.0.0 :: 224.0.0.1 ff02::1 255.255.255.255 240.0.0.1 ::ffff:169.254.169.254"),
        *embeddings("169.254.169.254").values(),
    ]
    assert [a for a in never if everything.judge(ip(a)).allowed] == []
    assert everything.judge(ip("10.0.0.1")).allowed


def test_an_allowed_nat64_prefix_opens_only_what_lies_behind_it() -> None:
    allowed = AllowedNetworks.parse("64:ff9b::/96")
    assert allowed.judge(ip("64:ff9b::8.8.8.8")).allowed
    assert not allowed.judge(ip("64:ff9b::10.0.0.1")).allowed


def test_every_bad_entry_is_listed() -> None:
    with pytest.raises(ValueError, match=r"10\.1\.2\.3/8") as caught:
        AllowedNetworks.parse(
            "10.0.0.0/8, 10.1.2.3/8, nonsense, =10.0.0.0/8, org x=10.0.0.0/8, org_y=300.0.0.0/8"
        )
    for entry in ("nonsense", "'=10.0.0.0/8'", "org x=", "org_y=300.0.0.0/8"):
        assert entry in str(caught.value)
    assert "'10.0.0.0/8'" not in str(caught.value)
